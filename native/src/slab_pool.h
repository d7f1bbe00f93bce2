// A fixed number of slabs that go round between the thread that fills them and JavaScript.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "fd.h"

namespace libbpf_ts {

struct Slab {
  explicit Slab(size_t size) : bytes(size) {}
  bool empty() const { return index.empty() && lost == 0; }

  std::vector<uint8_t> bytes;
  size_t used = 0;
  std::vector<uint32_t> index;  // offset, length, ring; for each record, or for each run of them
  uint64_t lost = 0;            // records dropped since the slab before
};

class SlabPool {
 public:
  SlabPool(size_t count, size_t size, int wake);

  // A free slab, or null when all are on their way.
  std::unique_ptr<Slab> Take();
  // Gives a slab back; wakes whoever found none.
  void Return(std::unique_ptr<Slab> slab);
  void Wake();
  int wake_fd() const { return wake_.get(); }

 private:
  Fd wake_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Slab>> free_;
  bool wanted_ = false;
};

}  // namespace libbpf_ts
