// All elements of a map, a batch at a time, without JavaScript in between.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace libbpf_ts {

struct MapShape {
  int fd;
  uint32_t key_size;
  uint32_t stored_size;  // of a value as a lookup copies it
  uint32_t max_entries;
};

using OnElements = std::function<bool(uint8_t* keys, uint8_t* values, uint32_t count)>;

// Calls back until the end or until it answers false. Returns 0 or an errno.
int WalkMap(const MapShape& map, const OnElements& on_elements);

}  // namespace libbpf_ts
