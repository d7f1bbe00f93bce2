#include "slab_pool.h"

#include <unistd.h>

namespace libbpf_ts {

SlabPool::SlabPool(size_t count, size_t size, int wake) : wake_(wake) {
  for (size_t i = 0; i < count; i++) free_.push_back(std::make_unique<Slab>(size));
}

std::unique_ptr<Slab> SlabPool::Take() {
  std::lock_guard<std::mutex> lock(mutex_);
  wanted_ = free_.empty();
  if (wanted_) return nullptr;
  std::unique_ptr<Slab> slab = std::move(free_.back());
  free_.pop_back();
  return slab;
}

void SlabPool::Return(std::unique_ptr<Slab> slab) {
  slab->used = 0;
  slab->index.clear();
  slab->lost = 0;
  bool wanted;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(slab));
    wanted = wanted_;
  }
  if (wanted) Wake();
}

void SlabPool::Wake() {
  uint64_t one = 1;
  // Only a full counter fails, and a full counter wakes as well.
  if (write(wake_.get(), &one, sizeof(one)) < 0) return;
}

}  // namespace libbpf_ts
