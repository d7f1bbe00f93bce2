#include "announce.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "arguments.h"
#include "error.h"
#include "fd.h"

namespace libbpf_ts {

namespace {

// As JavaScript packs it, in the byte order of this machine: where to, whose MAC, under which tags.
struct Record {
  uint32_t ifindex;
  uint8_t mac[6];
  uint16_t tpid[2];  // 0: no tag
  uint16_t vid[2];
  uint16_t pad;
};
static_assert(sizeof(Record) == 20, "records are packed");

constexpr size_t kFrame = 68;  // the shortest that Ethernet carries, and two tags
constexpr size_t kLeast = 60;
constexpr size_t kAtOnce = 64;

uint8_t* Put16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
  return at + 2;
}

// A reverse ARP request from the MAC about itself, to everybody: what hypervisors send when a guest has moved. It
// is answered by nobody who has not been told to.
size_t Build(const Record& record, uint8_t* frame) {
  memset(frame, 0, kFrame);
  memset(frame, 0xff, 6);
  memcpy(frame + 6, record.mac, 6);
  uint8_t* at = frame + 12;
  size_t tags = 0;
  for (int i = 0; i < 2; i++) {
    if (record.tpid[i] == 0) continue;
    at = Put16(Put16(at, record.tpid[i]), record.vid[i]);
    tags++;
  }
  at = Put16(at, 0x8035);
  at = Put16(at, 1);
  at = Put16(at, 0x0800);
  *at++ = 6;
  *at++ = 4;
  at = Put16(at, 3);
  memcpy(at, record.mac, 6);
  memcpy(at + 10, record.mac, 6);
  return kLeast + 4 * tags;
}

uint64_t Now() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000ull + static_cast<uint64_t>(now.tv_nsec);
}

class Announcer : public Napi::AsyncWorker {
 public:
  Announcer(Napi::Env env, Fd socket, std::vector<Record> records, uint32_t per_second)
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
      SendSome(socket_.get(), &records_[at], count);
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
    result["sent"] = Napi::Number::New(Env(), static_cast<double>(sent_));
    result["failed"] = Napi::Number::New(Env(), static_cast<double>(failed_));
    result["ms"] = Napi::Number::New(Env(), ms_);
    deferred_.Resolve(result);
  }

  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  void SendSome(int fd, const Record* records, size_t count) {
    uint8_t frames[kAtOnce][kFrame];
    struct sockaddr_ll to[kAtOnce] = {};
    struct iovec parts[kAtOnce] = {};
    struct mmsghdr messages[kAtOnce] = {};
    for (size_t i = 0; i < count; i++) {
      to[i].sll_family = AF_PACKET;
      to[i].sll_ifindex = static_cast<int>(records[i].ifindex);
      parts[i].iov_base = frames[i];
      parts[i].iov_len = Build(records[i], frames[i]);
      messages[i].msg_hdr.msg_name = &to[i];
      messages[i].msg_hdr.msg_namelen = sizeof(to[i]);
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (size_t done = 0; done < count;) {
      int sent = sendmmsg(fd, messages + done, static_cast<unsigned>(count - done), 0);
      if (sent > 0) {
        sent_ += static_cast<size_t>(sent);
        done += static_cast<size_t>(sent);
      } else if (errno != EINTR) {
        // That one cannot go; those behind it may.
        failed_++;
        done++;
      }
    }
  }

  Napi::Promise::Deferred deferred_;
  Fd socket_;
  std::vector<Record> records_;
  uint32_t per_second_;
  size_t sent_ = 0, failed_ = 0;
  double ms_ = 0;
};

}  // namespace

Napi::Value Announce(const Napi::CallbackInfo& info) {
  Bytes bytes = BytesOf(info[0]);
  std::vector<Record> records(U32Of(info[1]));
  if (bytes.size < records.size() * sizeof(Record)) {
    Throw(info.Env(), "EUSAGE", "fewer records than counted");
  }
  if (!records.empty()) memcpy(records.data(), bytes.data, records.size() * sizeof(Record));
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
