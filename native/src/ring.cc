#include "ring.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace libbpf_ts {

namespace {

size_t PageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

unsigned long RoundUp8(unsigned long size) { return (size + 7) & ~7ul; }

}  // namespace

std::unique_ptr<Ring> Ring::Open(int fd, size_t bytes) {
  Fd own(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!own.open()) return nullptr;
  std::unique_ptr<Ring> ring(new Ring(std::move(own), bytes));
  size_t page = PageSize();
  void* consumer = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd(), 0);
  if (consumer == MAP_FAILED) return nullptr;
  ring->consumer_ = static_cast<unsigned long*>(consumer);
  // The kernel maps the data twice in a row, so that no record is ever cut in two.
  void* producer = mmap(nullptr, page + 2 * bytes, PROT_READ, MAP_SHARED, ring->fd(),
                        static_cast<off_t>(page));
  if (producer == MAP_FAILED) return nullptr;
  ring->producer_ = static_cast<const unsigned long*>(producer);
  ring->data_ = static_cast<const uint8_t*>(producer) + page;
  return ring;
}

Ring::~Ring() {
  size_t page = PageSize();
  if (producer_ != nullptr) munmap(const_cast<unsigned long*>(producer_), page + 2 * size_);
  if (consumer_ != nullptr) munmap(consumer_, page);
}

bool Ring::Peek(Record* record, unsigned long until) {
  unsigned long at = __atomic_load_n(consumer_, __ATOMIC_RELAXED);
  while (at < until) {
    const uint8_t* header = data_ + (at & (size_ - 1));
    uint32_t length = __atomic_load_n(reinterpret_cast<const uint32_t*>(header), __ATOMIC_ACQUIRE);
    if (length & BPF_RINGBUF_BUSY_BIT) return false;
    uint32_t bytes = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    next_ = at + RoundUp8(BPF_RINGBUF_HDR_SZ + bytes);
    if ((length & BPF_RINGBUF_DISCARD_BIT) == 0) {
      *record = {header + BPF_RINGBUF_HDR_SZ, bytes};
      return true;
    }
    Advance();
    at = next_;
  }
  return false;
}

void Ring::Advance() { __atomic_store_n(consumer_, next_, __ATOMIC_SEQ_CST); }

bool Ring::ReadUntil(unsigned long until) const {
  return __atomic_load_n(consumer_, __ATOMIC_RELAXED) >= until;
}

size_t Ring::Backlog() const {
  return Produced() - __atomic_load_n(consumer_, __ATOMIC_RELAXED);
}

}  // namespace libbpf_ts
