#include "announce.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "announcement.h"
#include "arguments.h"
#include "error.h"
#include "fd.h"

namespace libbpf_ts {

namespace {

constexpr size_t kAtOnce = 64;

uint64_t Now() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000ull + static_cast<uint64_t>(now.tv_nsec);
}

class Announcer : public Napi::AsyncWorker {
 public:
  Announcer(Napi::Env env, Fd socket, std::vector<Announcement> records, uint32_t per_second)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        socket_(std::move(socket)),
        records_(std::move(records)),
        per_second_(per_second) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    uint64_t began = Now();
    for (size_t at = 0; at < records_.size(); at += kAtOnce) {
      size_t count = std::min(kAtOnce, records_.size() - at);
      failed_ += SendAnnouncements(socket_.get(), &records_[at], count, 0);
      uint64_t due = began + (at + count) * 1000000000ull / per_second_;
      uint64_t now = Now();
      if (due <= now) continue;
      struct timespec pause = {static_cast<time_t>((due - now) / 1000000000ull),
                               static_cast<long>((due - now) % 1000000000ull)};
      nanosleep(&pause, nullptr);
    }
    ms_ = static_cast<double>(Now() - began) / 1e6;
  }

  void OnOK() override {
    Napi::Object result = Napi::Object::New(Env());
    result["sent"] = Napi::Number::New(Env(), static_cast<double>(records_.size() - failed_));
    result["failed"] = Napi::Number::New(Env(), static_cast<double>(failed_));
    result["ms"] = Napi::Number::New(Env(), ms_);
    deferred_.Resolve(result);
  }

  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Fd socket_;
  std::vector<Announcement> records_;
  uint32_t per_second_;
  size_t failed_ = 0;
  double ms_ = 0;
};

}  // namespace

Napi::Value Announce(const Napi::CallbackInfo& info) {
  std::vector<Announcement> records = TakeAnnouncements(info.Env(), info[0], info[1]);
  // Here: the caller's thread may be in another network namespace than those that work for it.
  Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  int on = 1;
  if (!fd.open() || setsockopt(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) != 0) {
    ThrowErrno(info.Env(), "open a socket for announcements", errno);
  }
  auto* announcer =
      new Announcer(info.Env(), std::move(fd), std::move(records), U32Of(info[2]));
  Napi::Promise promise = announcer->promise();
  announcer->Queue();
  return promise;
}

}  // namespace libbpf_ts
