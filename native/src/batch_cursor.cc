#include "batch_cursor.h"

#include <bpf/bpf.h>
#include <errno.h>

#include <algorithm>

namespace libbpf_ts {

namespace {

// Of hashes the position is the number of a bucket, of others it may be a key.
constexpr size_t kBucketNumber = 8;

}  // namespace

BatchCursor::BatchCursor(int fd, uint32_t key_size)
    : fd_(fd), position_(std::max<size_t>(key_size, kBucketNumber)), after_(position_.size()) {}

int BatchCursor::Next(uint8_t* keys, uint8_t* values, uint32_t* count) {
  int error = bpf_map_lookup_batch(fd_, begun_ ? position_.data() : nullptr, after_.data(), keys,
                                   values, count, nullptr) == 0
                  ? 0
                  : errno;
  if (error != 0 && error != ENOENT) return error;
  ended_ = error == ENOENT;
  position_.swap(after_);
  begun_ = true;
  return 0;
}

}  // namespace libbpf_ts
