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

class RingDrain {
 public:
  RingDrain(std::vector<std::unique_ptr<Ring>> rings, std::shared_ptr<SlabPool> pool, Fd epoll,
            size_t slab_bytes, int max_delay_ms);
  ~RingDrain() { Stop(); }

  void Start(Deliver deliver);
  // Ends and joins the thread; safe to call again.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Pass { kIdle, kMoved, kBlocked };

  void Run();
  Pass Consume(Ring& ring, uint32_t number);
  // Copies one record; false when it must stay in the ring for want of a slab.
  bool Place(const Ring& ring, const Ring::Record& record, uint32_t number);
  bool HaveSlab();
  void Flush();
  int UntilDue() const;
  void Wait(int fd, int timeout_ms);

  std::vector<std::unique_ptr<Ring>> rings_;
  std::shared_ptr<SlabPool> pool_;
  Fd epoll_;
  size_t slab_bytes_;
  int max_delay_ms_;
  Deliver deliver_;
  std::atomic<bool> stop_{false};
  std::unique_ptr<Slab> slab_;
  Clock::time_point oldest_;
  uint64_t lost_ = 0;
  std::thread thread_;
};

}  // namespace libbpf_ts
