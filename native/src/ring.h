// One kernel ring buffer as its consumer sees it: shared memory and two positions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "fd.h"

namespace libbpf_ts {

class Ring {
 public:
  struct Record {
    const uint8_t* data;
    uint32_t length;
  };

  // Maps the ring of `fd`, whose size is `bytes`; null and errno on failure.
  static std::unique_ptr<Ring> Open(int fd, size_t bytes);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // How far producers have come.
  unsigned long Produced() const { return __atomic_load_n(producer_, __ATOMIC_ACQUIRE); }
  // The next committed record that begins before `until`; false when there is none. It stays in the ring
  // until Advance().
  bool Peek(Record* record, unsigned long until);
  void Advance();
  // Every record that begins before `until` was read, or given up.
  bool ReadUntil(unsigned long until) const;

  // Bytes that producers have claimed and we have not freed.
  size_t Backlog() const;
  size_t size() const { return size_; }
  int fd() const { return fd_.get(); }

 private:
  Ring(Fd fd, size_t size) : fd_(std::move(fd)), size_(size) {}

  Fd fd_;
  size_t size_;
  unsigned long* consumer_ = nullptr;
  const unsigned long* producer_ = nullptr;
  const uint8_t* data_ = nullptr;
  unsigned long next_ = 0;  // position behind the record that Peek gave
};

}  // namespace libbpf_ts
