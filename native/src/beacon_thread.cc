#include "beacon_thread.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "siphash.h"

namespace libbpf_ts {

namespace {

// Rounds that are missed in a row by a thread that ran all the while: none but one that was stopped, or
// starved, and has heard nothing meanwhile.
constexpr uint64_t kNapRounds = 3;
constexpr uint64_t kQuietMost = 255;
// Datagrams of one turn, for sending must not wait; after a sleep all that came meanwhile goes,
// within reason.
constexpr int kTurnMost = 64;
constexpr int kStaleMost = 4096;

uint64_t Now() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000ull + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t Microseconds() {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000ull + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

uint64_t LoadU64(uint8_t* at) {
  return __atomic_load_n(reinterpret_cast<uint64_t*>(at), __ATOMIC_RELAXED);
}

bool IsSameHost(const struct sockaddr_storage& a, const struct sockaddr_storage& b) {
  if (a.ss_family != b.ss_family) return false;
  if (a.ss_family == AF_INET) {
    return reinterpret_cast<const struct sockaddr_in&>(a).sin_addr.s_addr ==
           reinterpret_cast<const struct sockaddr_in&>(b).sin_addr.s_addr;
  }
  return memcmp(&reinterpret_cast<const struct sockaddr_in6&>(a).sin6_addr,
                &reinterpret_cast<const struct sockaddr_in6&>(b).sin6_addr,
                sizeof(struct in6_addr)) == 0;
}

}  // namespace

BeaconThread::BeaconThread(BeaconSpec spec, uint64_t counter, std::function<void()> changed)
    : spec_(std::move(spec)), changed_(std::move(changed)) {
  state_.counter = counter;
  state_.awake = Now();
  state_.looked = state_.awake;
  started_ = state_.awake;
}

bool BeaconThread::Open() {
  // Protocol 0: it takes nothing in.
  packet_ = Fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  wake_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!packet_.open() || !wake_.open()) return false;
  int on = 1;
  return setsockopt(packet_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) == 0;
}

void BeaconThread::Start() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread(&BeaconThread::Run, this);
  pthread_setname_np(thread_.native_handle(), "beacon");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // Before the rest of the process, where that is allowed: it is late for nothing else.
  struct sched_param first = {};
  first.sched_priority = 1;
  pthread_setschedparam(thread_.native_handle(), SCHED_FIFO, &first);
}

void BeaconThread::Stop() {
  stop_ = true;
  if (!thread_.joinable()) return;
  uint64_t one = 1;
  while (write(wake_.get(), &one, sizeof(one)) < 0 && errno == EINTR) continue;
  thread_.join();
}

void BeaconThread::Kick(bool moved) {
  if (moved) {
    moved_left_ = false;
    has_moved_ = true;
  }
  kicked_ = true;
  uint64_t one = 1;
  while (write(wake_.get(), &one, sizeof(one)) < 0 && errno == EINTR) continue;
}

void BeaconThread::SetFrames(std::vector<BeaconFrame> frames) {
  std::lock_guard<std::mutex> guard(mutex_);
  frames_ = std::move(frames);
}

void BeaconThread::SetMoved(std::vector<Announcement> moved) {
  std::lock_guard<std::mutex> guard(mutex_);
  moved_ = std::move(moved);
}

void BeaconThread::SetKeys(const uint64_t keys[2][2], uint32_t usable, uint32_t sign,
                           const uint64_t received[2]) {
  std::lock_guard<std::mutex> guard(mutex_);
  for (int i = 0; i < 2; i++) {
    bool same = keys_[i][0] == keys[i][0] && keys_[i][1] == keys[i][1];
    received_[i] = same ? std::max(received_[i], received[i]) : received[i];
  }
  memcpy(keys_, keys, sizeof(keys_));
  usable_ = usable;
  sign_ = sign;
}

void BeaconThread::SetRemote(const struct sockaddr_storage& remote, socklen_t length) {
  std::lock_guard<std::mutex> guard(mutex_);
  spec_.remote = remote;
  spec_.remote_length = length;
}

BeaconSnapshot BeaconThread::Snapshot() {
  std::lock_guard<std::mutex> guard(mutex_);
  BeaconSnapshot copy = state_;
  copy.now = Now();
  copy.moved_left = moved_left_;
  return copy;
}

void BeaconThread::Run() {
  uint64_t last = Now(), next = last;
  while (!stop_) {
    uint64_t now = Now();
    if (now < next) {
      uint64_t left = next - now;
      struct timespec timeout = {static_cast<time_t>(left / 1000000000ull),
                                 static_cast<long>(left % 1000000000ull)};
      struct pollfd wait[2] = {{wake_.get(), POLLIN, 0}, {spec_.socket.get(), POLLIN, 0}};
      ppoll(wait, spec_.socket.open() ? 2 : 1, &timeout, nullptr);
      uint64_t count;
      while (read(wake_.get(), &count, sizeof(count)) < 0 && errno == EINTR) continue;
    }
    if (stop_) return;
    now = Now();
    bool changed = false;
    {
      std::lock_guard<std::mutex> guard(mutex_);
      bool slept = now - last > kNapRounds * spec_.interval;
      // What came while this thread slept says nothing of now.
      if (slept) {
        state_.awake = now;
        state_.naps++;
        changed = true;
      }
      last = now;
      state_.looked = now;
      Receive(!slept, now);
      bool due = now >= next;
      // First: whoever has moved says so in a round that begins after that.
      bool moved = has_moved_.exchange(false);
      if (kicked_.exchange(false) || moved || due) Round(now);
      if (moved) SayMoved();
      if (due) next = std::max(next + spec_.interval, now + spec_.interval / 2);
      changed |= NoteHeard(now);
      changed |= NoteRegions();
      changed |= told_;
      told_ = false;
    }
    if (changed) changed_();
  }
}

void BeaconThread::SayMoved() {
  size_t failed = SendAnnouncements(packet_.get(), moved_.data(), moved_.size(), MSG_DONTWAIT);
  state_.failed += failed;
  // Unless it has moved once more meanwhile.
  if (failed == 0 && !has_moved_) moved_left_ = true;
}

void BeaconThread::Round(uint64_t now) {
  state_.rounds++;
  __atomic_store_n(reinterpret_cast<uint64_t*>(At(spec_.awake)), now, __ATOMIC_RELAXED);
  NoteQuiet(now);
  Send();
}

void BeaconThread::Fill(uint8_t* payload) {
  state_.counter = std::max(state_.counter + 1, Microseconds());
  for (const Field& field : spec_.fields) {
    const uint8_t* from = At(field.from);
    for (uint32_t i = 0; i < field.length; i++) {
      payload[field.at + i] = from[field.reverse ? field.length - 1 - i : i];
    }
  }
  uint64_t counter = htobe64(state_.counter);
  memcpy(payload + spec_.counter_at, &counter, sizeof(counter));
  payload[spec_.key_at] = static_cast<uint8_t>(sign_);
  uint64_t tag = SipHash::Of(payload, spec_.payload_bytes - 8, keys_[sign_ & 1]);
  memcpy(payload + spec_.payload_bytes - 8, &tag, sizeof(tag));
}

void BeaconThread::Send() {
  for (BeaconFrame& frame : frames_) {
    Fill(frame.bytes.data() + spec_.payload_at);
    struct sockaddr_ll to = {};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = frame.ifindex;
    to.sll_halen = 6;
    memcpy(to.sll_addr, frame.bytes.data(), 6);
    if (sendto(packet_.get(), frame.bytes.data(), frame.bytes.size(), MSG_DONTWAIT,
               reinterpret_cast<struct sockaddr*>(&to), sizeof(to)) < 0) {
      state_.failed++;
    }
  }
  if (!spec_.socket.open() || spec_.remote_length == 0) return;
  Fill(spec_.datagram.data());
  if (sendto(spec_.socket.get(), spec_.datagram.data(), spec_.datagram.size(), MSG_DONTWAIT,
             reinterpret_cast<struct sockaddr*>(&spec_.remote), spec_.remote_length) < 0) {
    state_.failed++;
  }
}

void BeaconThread::Receive(bool believe, uint64_t now) {
  if (!spec_.socket.open()) return;
  std::vector<uint8_t> payload(spec_.payload_bytes + 1);
  for (int left = believe ? kTurnMost : kStaleMost; left > 0; left--) {
    struct sockaddr_storage from = {};
    socklen_t length = sizeof(from);
    ssize_t size = recvfrom(spec_.socket.get(), payload.data(), payload.size(), MSG_DONTWAIT,
                            reinterpret_cast<struct sockaddr*>(&from), &length);
    // A refusal of an earlier datagram by the other end comes as an error once.
    if (size < 0 && errno == ECONNREFUSED) continue;
    if (size < 0) return;
    if (!believe) continue;
    if (!IsSameHost(from, spec_.remote) || !Believe(payload.data(), static_cast<size_t>(size))) {
      state_.refused++;
      continue;
    }
    state_.heard = now;
    for (size_t i = 0; i < spec_.told_mask.size(); i++) {
      if (i >= state_.said.size() || ((payload[i] ^ state_.said[i]) & spec_.told_mask[i])) {
        told_ = true;
      }
    }
    state_.said.assign(payload.begin(), payload.begin() + spec_.payload_bytes);
  }
}

bool BeaconThread::Believe(const uint8_t* payload, size_t size) {
  if (size != spec_.payload_bytes) return false;
  for (size_t i = 0; i < spec_.expected.size(); i++) {
    if ((payload[i] ^ spec_.expected[i]) & spec_.expected_mask[i]) return false;
  }
  uint32_t key = payload[spec_.key_at];
  if (key > 1 || !(usable_ >> key & 1)) return false;
  uint64_t tag, counter;
  memcpy(&tag, payload + size - 8, sizeof(tag));
  if (tag != SipHash::Of(payload, size - 8, keys_[key])) return false;
  memcpy(&counter, payload + spec_.counter_at, sizeof(counter));
  counter = be64toh(counter);
  if (counter <= received_[key]) return false;
  received_[key] = counter;
  return true;
}

uint64_t BeaconThread::Count(const Activity& activity) {
  uint64_t sum = 0;
  for (int sign = 0; sign < 2; sign++) {
    for (uint32_t key : sign == 0 ? activity.plus : activity.minus) {
      if (bpf_map_lookup_elem(spec_.counters, &key, values_.data()) != 0) continue;
      for (size_t at = 0; at + 8 <= values_.size(); at += spec_.counter_bytes) {
        uint64_t value;
        memcpy(&value, values_.data() + at, sizeof(value));
        sum = sign == 0 ? sum + value : sum - value;
      }
    }
  }
  return sum;
}

void BeaconThread::NoteQuiet(uint64_t now) {
  if (values_.empty() && spec_.counter_bytes > 0) {
    int cpus = std::max(1, libbpf_num_possible_cpus());
    values_.resize(static_cast<size_t>(spec_.counter_bytes) * static_cast<size_t>(cpus));
  }
  for (Activity& activity : spec_.activities) {
    uint64_t count = Count(activity);
    bool first = state_.rounds == 1;
    if (count != activity.last && !first) activity.moved = now;
    activity.last = count;
    uint64_t units = activity.moved == 0 ? kQuietMost : (now - activity.moved) / spec_.quiet_unit;
    *At(activity.quiet) = static_cast<uint8_t>(std::min(units, kQuietMost));
  }
}

bool BeaconThread::NoteHeard(uint64_t now) {
  uint8_t bits = 0;
  auto fresh = [&](uint64_t at) {
    // Since this thread last slept nobody can have been missed; before it began, nobody was heard.
    return at >= started_ && now - std::min(now, std::max(at, state_.awake)) <= spec_.lost;
  };
  size_t i = 0;
  for (; i < spec_.heard.size(); i++) {
    if (fresh(LoadU64(At(spec_.heard[i])))) bits |= 1u << i;
  }
  if (fresh(state_.heard)) bits |= 1u << i;
  bool changed = bits != heard_bits_;
  heard_bits_ = bits;
  *At(spec_.hears) = bits;
  return changed;
}

bool BeaconThread::NoteRegions() {
  bool changed = false;
  for (Region& region : spec_.regions) {
    const uint8_t* now = At(region.from);
    if (region.last.size() == region.length &&
        memcmp(region.last.data(), now, region.length) == 0) {
      continue;
    }
    region.last.assign(now, now + region.length);
    changed = true;
  }
  return changed;
}

}  // namespace libbpf_ts
