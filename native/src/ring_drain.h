// The thread that empties ring buffers into slabs and hands full or aged slabs to JavaScript.
#pragma once

#include <napi.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "ring.h"
#include "slab_pool.h"

namespace libbpf_ts {

// A slab on its way to JavaScript.
struct Delivery {
  std::shared_ptr<SlabPool> pool;
  std::unique_ptr<Slab> slab;
};

void DeliverToJs(Napi::Env env, Napi::Function callback, void* context, Delivery* delivery);
using Deliver = Napi::TypedThreadSafeFunction<void, Delivery, DeliverToJs>;

// When slabs leave, and what their index is of.
struct Pace {
  int max_delay_ms;
  // Slabs leave as soon as there is something, but no two passes begin within max_delay_ms; the index has
  // an entry for each run of records of one ring. No record of a ring leaves before one of an earlier ring
  // that was there when it came.
  bool runs;
  // After a pass with so many bytes the next one may begin sooner.
  size_t dense_bytes;
  int dense_delay_ms;
};

class RingDrain {
 public:
  RingDrain(std::vector<std::unique_ptr<Ring>> rings, std::shared_ptr<SlabPool> pool, Fd epoll,
            size_t slab_bytes, Pace pace);
  ~RingDrain() { Stop(); }

  void Start(Deliver deliver);
  // Ends and joins the thread; safe to call again.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;
  // kBlocked: something is there and could not be taken, for want of a slab or because it is being written.
  enum class Pass { kIdle, kMoved, kBlocked };

  void Run();
  Pass ConsumeAll();
  Pass Consume(Ring& ring, uint32_t number, unsigned long until);
  // Copies one record; false when it must stay in the ring for want of a slab.
  bool Place(const Ring& ring, const Ring::Record& record, uint32_t number);
  void Note(uint32_t length, uint32_t number);
  bool HaveSlab();
  void Flush();
  int UntilDue(Clock::time_point since) const { return Until(since, pace_.max_delay_ms); }
  static int Until(Clock::time_point since, int delay_ms);
  void Rest(Pass pass);
  void Wait(int fd, int timeout_ms);

  std::vector<std::unique_ptr<Ring>> rings_;
  std::shared_ptr<SlabPool> pool_;
  Fd epoll_;
  size_t slab_bytes_;
  Pace pace_;
  Deliver deliver_;
  std::atomic<bool> stop_{false};
  std::unique_ptr<Slab> slab_;
  Clock::time_point oldest_;  // when the slab was begun
  Clock::time_point pass_;    // when the last pass began that found something
  size_t passed_ = 0;         // bytes of the last pass
  std::vector<unsigned long> until_;
  uint64_t lost_ = 0;
  std::thread thread_;
};

}  // namespace libbpf_ts
