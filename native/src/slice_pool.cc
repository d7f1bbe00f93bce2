#include "slice_pool.h"

#include <algorithm>
#include <map>

namespace libbpf_ts {

std::shared_ptr<SlicePool> SlicePool::Of(int fd, uint32_t map_id, const SliceShape& shape) {
  static std::mutex lock;
  static std::map<uint32_t, std::weak_ptr<SlicePool>> pools;
  std::lock_guard<std::mutex> held(lock);
  std::shared_ptr<SlicePool> pool = pools[map_id].lock();
  if (pool != nullptr) return pool;
  size_t bytes = static_cast<size_t>(shape.slices) * shape.bytes;
  std::shared_ptr<SharedMemory> memory = SharedMemory::Map(fd, bytes);
  if (memory == nullptr) return nullptr;
  pool = std::make_shared<SlicePool>(std::move(memory), shape);
  for (auto at = pools.begin(); at != pools.end();) {
    at = at->second.expired() ? pools.erase(at) : std::next(at);
  }
  pools[map_id] = pool;
  return pool;
}

uint32_t SlicePool::Lease() {
  std::unique_lock<std::mutex> held(lock_);
  auto free = leased_.end();
  returned_.wait(held, [&] {
    free = std::find(leased_.begin(), leased_.end(), false);
    return free != leased_.end();
  });
  *free = true;
  return static_cast<uint32_t>(free - leased_.begin());
}

void SlicePool::Return(uint32_t slice) {
  {
    std::lock_guard<std::mutex> held(lock_);
    leased_[slice] = false;
  }
  returned_.notify_one();
}

}  // namespace libbpf_ts
