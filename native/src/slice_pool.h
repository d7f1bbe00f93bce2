// Slices of the memory that user space and programs share, for the batches that passes hand over.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "shared_memory.h"

namespace libbpf_ts {

// Where a slice holds what, in bytes.
struct SliceShape {
  uint32_t slices;
  uint32_t elements;
  uint32_t values_at;
  uint32_t records_at;
  uint32_t bytes;
};

class SlicePool {
 public:
  // That of the array `fd`, which all passes of the process share; null and errno on failure.
  static std::shared_ptr<SlicePool> Of(int fd, uint32_t map_id, const SliceShape& shape);

  SlicePool(std::shared_ptr<SharedMemory> memory, const SliceShape& shape)
      : shape(shape), memory_(std::move(memory)), leased_(shape.slices) {}

  const SliceShape shape;

  // Waits until one is free; whoever holds one does so for a batch.
  uint32_t Lease();
  void Return(uint32_t slice);
  uint8_t* At(uint32_t slice) const {
    return memory_->data() + static_cast<size_t>(slice) * shape.bytes;
  }

 private:
  std::shared_ptr<SharedMemory> memory_;
  std::mutex lock_;
  std::condition_variable returned_;
  std::vector<bool> leased_;
};

}  // namespace libbpf_ts
