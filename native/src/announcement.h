// Frames that tell switches where a MAC is now.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace libbpf_ts {

// As JavaScript packs it, in the byte order of this machine: where to, whose MAC, under which tags.
struct Announcement {
  uint32_t ifindex;
  uint8_t mac[6];
  uint16_t tpid[2];  // 0: no tag
  uint16_t vid[2];
  uint16_t pad;
};
static_assert(sizeof(Announcement) == 20, "records are packed");

// Throws EUSAGE if there are fewer than counted.
std::vector<Announcement> TakeAnnouncements(Napi::Env env, const Napi::Value& bytes,
                                            const Napi::Value& count);

// Sends one frame for each by a packet socket, with `flags` of sendmmsg; how many could not be sent.
size_t SendAnnouncements(int fd, const Announcement* announcements, size_t count, int flags);

}  // namespace libbpf_ts
