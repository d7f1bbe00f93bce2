// Elements of a map by the batch: where the next one begins (BPF_MAP_LOOKUP_BATCH).
#pragma once

#include <cstdint>
#include <vector>

namespace libbpf_ts {

class BatchCursor {
 public:
  BatchCursor(int fd, uint32_t key_size);

  // Copies the next whole buckets, *count elements at most; *count becomes how many. Returns 0 or an errno, after
  // which it stands where it stood; ENOSPC: one bucket holds more.
  int Next(uint8_t* keys, uint8_t* values, uint32_t* count);
  bool begun() const { return begun_; }
  bool ended() const { return ended_; }

 private:
  int fd_;
  std::vector<uint8_t> position_, after_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace libbpf_ts
