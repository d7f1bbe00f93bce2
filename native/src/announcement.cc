#include "announcement.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "arguments.h"
#include "error.h"

namespace libbpf_ts {

namespace {

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
size_t Build(const Announcement& record, uint8_t* frame) {
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

size_t SendSome(int fd, const Announcement* some, size_t count, int flags) {
  uint8_t frames[kAtOnce][kFrame];
  struct sockaddr_ll to[kAtOnce] = {};
  struct iovec parts[kAtOnce] = {};
  struct mmsghdr messages[kAtOnce] = {};
  size_t failed = 0;
  for (size_t i = 0; i < count; i++) {
    to[i].sll_family = AF_PACKET;
    to[i].sll_ifindex = static_cast<int>(some[i].ifindex);
    parts[i].iov_base = frames[i];
    parts[i].iov_len = Build(some[i], frames[i]);
    messages[i].msg_hdr.msg_name = &to[i];
    messages[i].msg_hdr.msg_namelen = sizeof(to[i]);
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (size_t done = 0; done < count;) {
    int sent = sendmmsg(fd, messages + done, static_cast<unsigned>(count - done), flags);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
    } else if (errno != EINTR) {
      // That one cannot go; those behind it may.
      failed++;
      done++;
    }
  }
  return failed;
}

}  // namespace

std::vector<Announcement> TakeAnnouncements(Napi::Env env, const Napi::Value& bytes,
                                            const Napi::Value& count) {
  Bytes from = BytesOf(bytes);
  std::vector<Announcement> taken(U32Of(count));
  if (from.size < taken.size() * sizeof(Announcement)) {
    Throw(env, "EUSAGE", "fewer records than counted");
  }
  if (!taken.empty()) memcpy(taken.data(), from.data, taken.size() * sizeof(Announcement));
  return taken;
}

size_t SendAnnouncements(int fd, const Announcement* announcements, size_t count, int flags) {
  size_t failed = 0;
  for (size_t at = 0; at < count; at += kAtOnce) {
    failed += SendSome(fd, announcements + at, std::min(kAtOnce, count - at), flags);
  }
  return failed;
}

}  // namespace libbpf_ts
