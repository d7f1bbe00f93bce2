#include "ring_drain.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <cstring>

namespace libbpf_ts {

namespace {

// After a pass that found records, the ring is left alone this long: producers then need not wake
// us for every record, and a slab gets more than one.
constexpr int kNapMs = 1;

// How often a full set of slabs is looked at again while JavaScript is busy.
constexpr int kBlockedMs = 2;

constexpr size_t RoundUp8(size_t size) { return (size + 7) & ~size_t{7}; }

}  // namespace

void DeliverToJs(Napi::Env env, Napi::Function callback, void*, Delivery* delivery) {
  std::unique_ptr<Delivery> own(delivery);
  Slab& slab = *own->slab;
  if (env != nullptr && callback != nullptr) {
    Napi::HandleScope scope(env);
    auto bytes = Napi::Buffer<uint8_t>::Copy(env, slab.bytes.data(), slab.used);
    auto index = Napi::Uint32Array::New(env, slab.index.size());
    if (!slab.index.empty()) {
      memcpy(index.Data(), slab.index.data(), slab.index.size() * sizeof(uint32_t));
    }
    auto lost = Napi::Number::New(env, static_cast<double>(slab.lost));
    own->pool->Return(std::move(own->slab));
    callback.Call({bytes, index, lost});
    return;
  }
  own->pool->Return(std::move(own->slab));
}

RingDrain::RingDrain(std::vector<std::unique_ptr<Ring>> rings, std::shared_ptr<SlabPool> pool,
                     Fd epoll, size_t slab_bytes, Pace pace)
    : rings_(std::move(rings)),
      pool_(std::move(pool)),
      epoll_(std::move(epoll)),
      slab_bytes_(slab_bytes),
      pace_(pace),
      until_(rings_.size()) {}

void RingDrain::Start(Deliver deliver) {
  deliver_ = deliver;
  thread_ = std::thread(&RingDrain::Run, this);
  pthread_setname_np(thread_.native_handle(), "ring-drain");
}

void RingDrain::Stop() {
  stop_ = true;
  pool_->Wake();
  if (thread_.joinable()) thread_.join();
}

void RingDrain::Run() {
  while (!stop_) {
    Clock::time_point began = Clock::now();
    Pass pass = ConsumeAll();
    if (pass != Pass::kIdle) pass_ = began;
    if (lost_ > 0 && HaveSlab()) {
      slab_->lost += lost_;
      lost_ = 0;
    }
    if (slab_ && !slab_->empty() && (pace_.runs || UntilDue(oldest_) == 0)) Flush();
    Rest(pass);
  }
}

RingDrain::Pass RingDrain::ConsumeAll() {
  Pass pass = Pass::kIdle;
  passed_ = 0;
  // From the last to the first: what came before a record of the one behind is within the bounds of the one
  // before.
  for (size_t i = rings_.size(); i-- > 0;) until_[i] = rings_[i]->Produced();
  for (size_t i = 0; i < rings_.size(); i++) {
    Pass one = Consume(*rings_[i], static_cast<uint32_t>(i), until_[i]);
    if (one > pass) pass = one;
    if (one == Pass::kBlocked && pace_.runs) break;
  }
  return pass;
}

RingDrain::Pass RingDrain::Consume(Ring& ring, uint32_t number, unsigned long until) {
  Pass pass = Pass::kIdle;
  Ring::Record record;
  while (!stop_ && ring.Peek(&record, until)) {
    if (!Place(ring, record, number)) return Pass::kBlocked;
    ring.Advance();
    pass = Pass::kMoved;
  }
  // What is still being written holds back what came after it, in later rings as well.
  if (pace_.runs && !ring.ReadUntil(until)) return Pass::kBlocked;
  return pass;
}

bool RingDrain::Place(const Ring& ring, const Ring::Record& record, uint32_t number) {
  // A record of no bytes takes room as well, so that the index of a slab is bounded.
  size_t room = RoundUp8(record.length > 0 ? record.length : 1);
  if (room > slab_bytes_) {
    lost_++;
    return true;
  }
  if (slab_ && slab_->used + room > slab_bytes_) Flush();
  if (!HaveSlab()) {
    // The ring itself is the reserve. Once half of it is used up, room for what is new matters more
    // than what is old, and the loss is counted here rather than left to the producers.
    if (ring.Backlog() <= ring.size() / 2) return false;
    lost_++;
    return true;
  }
  memcpy(slab_->bytes.data() + slab_->used, record.data, record.length);
  passed_ += record.length;
  Note(record.length, number);
  slab_->used += room;
  return true;
}

void RingDrain::Note(uint32_t length, uint32_t number) {
  std::vector<uint32_t>& index = slab_->index;
  uint32_t at = static_cast<uint32_t>(slab_->used);
  size_t last = index.size();
  if (pace_.runs && last > 0 && index[last - 1] == number &&
      index[last - 3] + index[last - 2] == at) {
    index[last - 2] += length;
    return;
  }
  index.insert(index.end(), {at, length, number});
}

bool RingDrain::HaveSlab() {
  if (slab_) return true;
  slab_ = pool_->Take();
  oldest_ = Clock::now();
  return slab_ != nullptr;
}

void RingDrain::Flush() {
  slab_->lost += lost_;
  lost_ = 0;
  auto* delivery = new Delivery{pool_, std::move(slab_)};
  if (deliver_.NonBlockingCall(delivery) != napi_ok) {
    // The environment is going down: there is nobody left to tell.
    pool_->Return(std::move(delivery->slab));
    delete delivery;
    stop_ = true;
  }
}

int RingDrain::Until(Clock::time_point since, int delay_ms) {
  auto age = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count();
  return age >= delay_ms ? 0 : delay_ms - static_cast<int>(age);
}

void RingDrain::Rest(Pass pass) {
  if (pass == Pass::kBlocked) {
    Wait(pool_->wake_fd(), kBlockedMs);
  } else if (pass == Pass::kIdle) {
    Wait(epoll_.get(), slab_ && !slab_->empty() ? UntilDue(oldest_) : -1);
  } else if (pace_.runs) {
    bool dense = passed_ >= pace_.dense_bytes;
    Wait(pool_->wake_fd(), Until(pass_, dense ? pace_.dense_delay_ms : pace_.max_delay_ms));
  } else {
    Wait(pool_->wake_fd(), kNapMs);
  }
}

void RingDrain::Wait(int fd, int timeout_ms) {
  struct pollfd wait = {fd, POLLIN, 0};
  poll(&wait, 1, timeout_ms);
  uint64_t count;
  // Not blocking: most often nobody called.
  if (read(pool_->wake_fd(), &count, sizeof(count)) < 0) return;
}

}  // namespace libbpf_ts
