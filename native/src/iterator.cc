#include "iterator.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <vector>

#include "arguments.h"
#include "error.h"

namespace libbpf_ts {

namespace {

ssize_t ReadOnce(int fd, uint8_t* to, size_t size) {
  ssize_t length;
  do {
    length = read(fd, to, size);
    // EAGAIN: the kernel looked at its fill of elements without output and wants to be asked again.
  } while (length < 0 && (errno == EINTR || errno == EAGAIN));
  return length;
}

// Time that this thread had a CPU.
int64_t ThreadNs() {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

// Reads what nobody wants to see. Owns a descriptor, so that the iterator may be closed meanwhile.
class DrainWorker : public Napi::AsyncWorker {
 public:
  DrainWorker(Napi::Env env, int fd, uint32_t size, uint32_t most)
      : Napi::AsyncWorker(env), deferred_(env), fd_(fd), slice_(size), most_(most) {}

  Napi::Promise Promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    for (; reads_ < most_ && !ended_; reads_++) {
      int64_t begun = ThreadNs();
      ssize_t length = ReadOnce(fd_.get(), slice_.data(), slice_.size());
      int64_t took = ThreadNs() - begun;
      if (took > longest_) longest_ = took;
      if (length < 0) {
        error_ = errno;
        return;
      }
      bytes_ += static_cast<uint64_t>(length);
      ended_ = length == 0;
    }
  }

  void OnOK() override {
    Napi::Env env = Env();
    if (error_ != 0) {
      try {
        ThrowErrno(env, "read iterator", error_);
      } catch (const Napi::Error& error) {
        deferred_.Reject(error.Value());
      }
      return;
    }
    Napi::Object result = Napi::Object::New(env);
    result["reads"] = Napi::Number::New(env, reads_);
    result["bytes"] = Napi::Number::New(env, static_cast<double>(bytes_));
    result["longestNs"] = Napi::Number::New(env, static_cast<double>(longest_));
    result["ended"] = Napi::Boolean::New(env, ended_);
    deferred_.Resolve(result);
  }

 private:
  Napi::Promise::Deferred deferred_;
  Fd fd_;
  std::vector<uint8_t> slice_;
  uint32_t most_;
  uint32_t reads_ = 0;
  uint64_t bytes_ = 0;
  int64_t longest_ = 0;
  bool ended_ = false;
  int error_ = 0;
};

}  // namespace

Napi::Function Iterator::Define(Napi::Env env) {
  return DefineClass(env, "NativeIterator",
                     {
                         InstanceMethod<&Iterator::Read>("read"),
                         InstanceMethod<&Iterator::Drain>("drain"),
                         InstanceMethod<&Iterator::Close>("close"),
                     });
}

Iterator::Iterator(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Iterator>(info), fd_(IntOf(info[0])) {}

Napi::Value Iterator::Read(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!fd_.open()) Throw(env, "ECLOSED", "the iterator is closed");
  std::vector<uint8_t> slice(U32Of(info[0]));
  ssize_t length = ReadOnce(fd_.get(), slice.data(), slice.size());
  if (length < 0) ThrowErrno(env, "read iterator", errno);
  return Napi::Buffer<uint8_t>::Copy(env, slice.data(), static_cast<size_t>(length));
}

Napi::Value Iterator::Drain(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!fd_.open()) Throw(env, "ECLOSED", "the iterator is closed");
  int own = fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0);
  if (own < 0) ThrowErrno(env, "read iterator", errno);
  auto* worker = new DrainWorker(env, own, U32Of(info[0]), U32Of(info[1]));
  Napi::Promise promise = worker->Promise();
  worker->Queue();
  return promise;
}

void Iterator::Close(const Napi::CallbackInfo&) { fd_.Close(); }

}  // namespace libbpf_ts
