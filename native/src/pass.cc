#include "pass.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include <algorithm>

#include "arguments.h"
#include "batch_cursor.h"
#include "error.h"
#include "fd.h"
#include "slice_pool.h"

namespace libbpf_ts {

// What outlives close() while a thread is at it.
struct PassRun {
  Fd program;
  Fd map;
  BatchCursor cursor;
  std::shared_ptr<SlicePool> pool;
  uint32_t table = 0;
  bool busy = false;  // a thread is at it; for the event loop alone
};

namespace {

// struct visit_call of a program.
struct VisitCall {
  uint32_t slice;
  uint32_t count;
  uint32_t table;
  uint32_t written;
};

class Lease {
 public:
  explicit Lease(SlicePool* pool) : pool_(pool), slice_(pool->Lease()) {}
  ~Lease() { pool_->Return(slice_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  uint32_t slice() const { return slice_; }
  uint8_t* at() const { return pool_->At(slice_); }

 private:
  SlicePool* pool_;
  uint32_t slice_;
};

// One batch: what the program wrote stays at the start of the slice's records. Returns 0 or an errno.
int Step(PassRun* run, const Lease& lease, uint32_t* written) {
  VisitCall call = {lease.slice(), run->pool->shape.elements, run->table, 0};
  int error = run->cursor.Next(lease.at(), lease.at() + run->pool->shape.values_at, &call.count);
  if (error != 0) return error;
  if (call.count > 0) {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.ctx_in = &call;  // written back in place
    options.ctx_size_in = sizeof(call);
    error = bpf_prog_test_run_opts(run->program.get(), &options);
    if (error != 0) return -error;
  }
  *written = call.written;
  return 0;
}

// Time that this thread had a CPU.
int64_t ThreadNs() {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

class DrainWorker : public Napi::AsyncWorker {
 public:
  DrainWorker(Napi::Env env, std::shared_ptr<PassRun> run, uint32_t most)
      : Napi::AsyncWorker(env), deferred_(env), run_(std::move(run)), most_(most) {
    run_->busy = true;
  }

  Napi::Promise Promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    for (; batches_ < most_ && !run_->cursor.ended() && error_ == 0; batches_++) {
      Lease lease(run_->pool.get());
      int64_t begun = ThreadNs();
      uint32_t written;
      error_ = Step(run_.get(), lease, &written);
      longest_ = std::max(longest_, ThreadNs() - begun);
    }
  }

  void OnOK() override {
    Napi::Env env = Env();
    run_->busy = false;
    if (error_ != 0) {
      try {
        ThrowErrno(env, "pass", error_);
      } catch (const Napi::Error& error) {
        deferred_.Reject(error.Value());
      }
      return;
    }
    Napi::Object result = Napi::Object::New(env);
    result["batches"] = Napi::Number::New(env, batches_);
    result["longestNs"] = Napi::Number::New(env, static_cast<double>(longest_));
    result["ended"] = Napi::Boolean::New(env, run_->cursor.ended());
    deferred_.Resolve(result);
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<PassRun> run_;
  uint32_t most_;
  uint32_t batches_ = 0;
  int64_t longest_ = 0;
  int error_ = 0;
};

// A descriptor of one's own.
int Own(Napi::Env env, int fd) {
  int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) ThrowErrno(env, "begin a pass", errno);
  return own;
}

struct bpf_map_info Describe(Napi::Env env, int fd) {
  struct bpf_map_info about = {};
  uint32_t size = sizeof(about);
  if (bpf_obj_get_info_by_fd(fd, &about, &size) != 0) ThrowErrno(env, "describe map", errno);
  return about;
}

}  // namespace

Napi::Function Pass::Define(Napi::Env env) {
  return DefineClass(env, "NativePass",
                     {
                         InstanceMethod<&Pass::Next>("next"),
                         InstanceMethod<&Pass::Drain>("drain"),
                         InstanceMethod<&Pass::Close>("close"),
                     });
}

Pass::Pass(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Pass>(info) {
  Napi::Env env = info.Env();
  int slices = IntOf(info[2]);
  SliceShape shape = {U32Of(info[4]), U32Of(info[5]), U32Of(info[6]), U32Of(info[7]),
                      U32Of(info[8])};
  struct bpf_map_info walked = Describe(env, IntOf(info[1]));
  struct bpf_map_info memory = Describe(env, slices);
  uint64_t keys = static_cast<uint64_t>(walked.key_size) * shape.elements;
  uint64_t values = static_cast<uint64_t>(walked.value_size) * shape.elements;
  if (keys > shape.values_at || values > shape.records_at - shape.values_at ||
      memory.value_size != shape.bytes || memory.max_entries != shape.slices) {
    Throw(env, "EINVAL", std::string("map ") + walked.name + " does not fit into a slice");
  }
  Fd program(Own(env, IntOf(info[0]))), map(Own(env, IntOf(info[1])));
  BatchCursor cursor(map.get(), walked.key_size);
  auto run = std::make_shared<PassRun>(
      PassRun{std::move(program), std::move(map), std::move(cursor), nullptr, U32Of(info[3])});
  run->pool = SlicePool::Of(slices, memory.id, shape);
  if (run->pool == nullptr) ThrowErrno(env, std::string("map ") + memory.name, errno);
  run_ = std::move(run);
}

std::shared_ptr<PassRun> Pass::Open(Napi::Env env) const {
  if (run_ == nullptr) Throw(env, "ECLOSED", "the pass is closed");
  if (run_->busy) Throw(env, "EBUSY", "the pass is under way on another thread");
  return run_;
}

Napi::Value Pass::Next(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::shared_ptr<PassRun> run = Open(env);
  if (run->cursor.ended()) return env.Null();
  Lease lease(run->pool.get());
  uint32_t written = 0;
  int error = Step(run.get(), lease, &written);
  if (error != 0) ThrowErrno(env, "pass", error);
  return Napi::Buffer<uint8_t>::Copy(env, lease.at() + run->pool->shape.records_at, written);
}

Napi::Value Pass::Drain(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto* worker = new DrainWorker(env, Open(env), U32Of(info[0]));
  Napi::Promise promise = worker->Promise();
  worker->Queue();
  return promise;
}

void Pass::Close(const Napi::CallbackInfo&) { run_.reset(); }

}  // namespace libbpf_ts
