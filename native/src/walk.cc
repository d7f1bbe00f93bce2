#include "walk.h"

#include <bpf/bpf.h>
#include <errno.h>

#include <algorithm>
#include <cstring>

#include "batch_cursor.h"

namespace libbpf_ts {

namespace {

constexpr int kNotSupported = 524;
constexpr uint32_t kBatch = 4096;
constexpr uint32_t kLargestBatch = 1u << 22;
constexpr uint32_t kBatchBytes = 8u << 20;

int WalkByKeys(const MapShape& map, uint32_t room, const OnElements& on_elements) {
  std::vector<uint8_t> keys(static_cast<size_t>(room) * map.key_size);
  std::vector<uint8_t> values(static_cast<size_t>(room) * map.stored_size);
  std::vector<uint8_t> key(map.key_size), next(map.key_size);
  bool first = true;
  for (uint32_t count = 0;;) {
    bool end = bpf_map_get_next_key(map.fd, first ? nullptr : key.data(), next.data()) != 0;
    if (end && errno != ENOENT) return errno;
    if (!end) {
      first = false;
      key = next;
      memcpy(&keys[static_cast<size_t>(count) * map.key_size], key.data(), map.key_size);
      uint8_t* value = &values[static_cast<size_t>(count) * map.stored_size];
      if (bpf_map_lookup_elem(map.fd, key.data(), value) == 0) count++;
    }
    if ((end || count == room) && count > 0) {
      if (!on_elements(keys.data(), values.data(), count)) return 0;
      count = 0;
    }
    if (end) return 0;
  }
}

}  // namespace

int WalkMap(const MapShape& map, const OnElements& on_elements) {
  uint32_t most = std::max(1u, kBatchBytes / std::max(1u, map.stored_size));
  uint32_t room = std::min({kBatch, most, std::max(1u, map.max_entries)});
  BatchCursor cursor(map.fd, map.key_size);
  std::vector<uint8_t> keys, values;
  while (!cursor.ended()) {
    keys.resize(static_cast<size_t>(room) * map.key_size);
    values.resize(static_cast<size_t>(room) * map.stored_size);
    uint32_t count = room;
    int error = cursor.Next(keys.data(), values.data(), &count);
    if (error == ENOSPC && room < kLargestBatch) {
      room *= 2;  // one bucket holds more: the kernel gives whole ones
      continue;
    }
    if (!cursor.begun() && (error == kNotSupported || error == EOPNOTSUPP)) {
      return WalkByKeys(map, room, on_elements);
    }
    if (error != 0) return error;
    if (count > 0 && !on_elements(keys.data(), values.data(), count)) return 0;
  }
  return 0;
}

}  // namespace libbpf_ts
