#include "ring_reader.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "arguments.h"
#include "error.h"

namespace libbpf_ts {

namespace {

void Watch(Napi::Env env, int epoll, int fd) {
  struct epoll_event event = {};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) ThrowErrno(env, "watch ring buffer", errno);
}

// What the thread-safe function's finalizer needs: it runs when the function goes, whoever began.
struct Ending {
  std::shared_ptr<RingDrain> drain;
  std::shared_ptr<bool> gone;
};

}  // namespace

Napi::Function RingReader::Define(Napi::Env env) {
  return DefineClass(env, "NativeRingReader", {InstanceMethod<&RingReader::Close>("close")});
}

RingReader::RingReader(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RingReader>(info) {
  Napi::Env env = info.Env();
  Napi::Array fds = info[0].As<Napi::Array>();
  Napi::Array sizes = info[1].As<Napi::Array>();
  size_t slab_bytes = U32Of(info[3]);

  Fd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!wake.open() || !epoll.open()) ThrowErrno(env, "watch ring buffers", errno);
  Watch(env, epoll.get(), wake.get());
  std::vector<std::unique_ptr<Ring>> rings;
  for (uint32_t i = 0; i < fds.Length(); i++) {
    std::unique_ptr<Ring> ring =
        Ring::Open(IntOf(fds.Get(i)), sizes.Get(i).As<Napi::Number>().Uint32Value());
    if (!ring) ThrowErrno(env, "map ring buffer " + std::to_string(i), errno);
    Watch(env, epoll.get(), ring->fd());
    rings.push_back(std::move(ring));
  }

  auto pool = std::make_shared<SlabPool>(U32Of(info[5]), slab_bytes, wake.Release());
  drain_ = std::make_shared<RingDrain>(std::move(rings), pool, std::move(epoll), slab_bytes,
                                       Pace{IntOf(info[4]), info[6].As<Napi::Boolean>().Value(),
                                            U32Of(info[7]), IntOf(info[8])});
  gone_ = std::make_shared<bool>(false);
  deliver_ = Deliver::New(
      env, info[2].As<Napi::Function>(), "libbpf-ts ring buffers", 0, 1,
      static_cast<void*>(nullptr),
      [](Napi::Env, Ending* ending, void*) {
        // At exit the function goes first: the thread must not outlive it.
        ending->drain->Stop();
        *ending->gone = true;
        delete ending;
      },
      new Ending{drain_, gone_});
  drain_->Start(deliver_);
}

void RingReader::Shut() {
  if (!drain_) return;
  drain_->Stop();
  drain_.reset();
  // Slabs still on their way are not delivered any more.
  if (!*gone_) deliver_.Abort();
}

}  // namespace libbpf_ts
