// A thread that says "still here" every few milliseconds and notes when others stop saying it. It knows
// nothing of what is said: a payload is bytes, some of which are copied out of shared maps before each
// sending, with a counter and a SipHash-2-4 tag.
#pragma once

#include <netinet/in.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "announcement.h"
#include "fd.h"
#include "shared_memory.h"

namespace libbpf_ts {

// A place in a shared map.
struct Spot {
  uint32_t memory = 0;
  uint32_t offset = 0;
};

// Bytes of a map that go into every payload; `reverse`: in the other byte order.
struct Field {
  Spot from;
  uint32_t at = 0;
  uint32_t length = 0;
  bool reverse = false;
};

// Something in a map that changes: JavaScript is told when it does.
struct Region {
  Spot from;
  uint32_t length = 0;
  std::vector<uint8_t> last;
};

// Frames that came in: counters of a per-CPU array, those of `plus` less those of `minus`.
struct Activity {
  std::vector<uint32_t> plus, minus;
  Spot quiet;  // one byte: units of time since the last one, 255 at most
  uint64_t last = 0;
  uint64_t moved = 0;
};

struct BeaconFrame {
  int ifindex = 0;
  std::vector<uint8_t> bytes;
};

struct BeaconSpec {
  uint64_t interval = 0;  // nanoseconds, as all times here
  uint64_t lost = 0;
  uint64_t quiet_unit = 0;
  std::vector<std::shared_ptr<SharedMemory>> memories;
  Spot awake;                  // u64: time of the last round
  Spot hears;                  // one byte: bits of `heard`, then of the socket
  std::vector<Spot> heard;     // u64: when something was heard last
  std::vector<Field> fields;
  std::vector<Region> regions;
  int counters = -1;           // descriptor of the per-CPU array
  uint32_t counter_bytes = 0;  // of one CPU's value, of which the first u64 counts
  std::vector<Activity> activities;
  uint32_t payload_at = 0;     // in a frame
  uint32_t payload_bytes = 0;  // with the tag, which is the last word
  uint32_t counter_at = 0;     // in the payload: u64, big endian
  uint32_t key_at = 0;         // in the payload: one byte, number of the key
  // The socket: what is sent there, and bytes that what comes from there must have.
  Fd socket;
  struct sockaddr_storage remote = {};
  socklen_t remote_length = 0;  // 0: nobody knows where
  std::vector<uint8_t> datagram;
  std::vector<uint8_t> expected, expected_mask;
  std::vector<uint8_t> told_mask;  // of a datagram: bytes whose change JavaScript is told of
};

// As JavaScript sees it.
struct BeaconSnapshot {
  uint64_t now = 0;
  uint64_t awake = 0;  // since when this thread has not been asleep
  uint64_t looked = 0;  // when it looked last: of what came later it knows nothing yet
  uint64_t heard = 0;  // by the socket; 0: never
  std::vector<uint8_t> said;
  uint64_t counter = 0;  // of the last payload
  uint64_t rounds = 0;
  uint64_t naps = 0;
  uint64_t failed = 0;   // frames and datagrams that could not be sent
  uint64_t refused = 0;  // datagrams that were not believed
  bool moved_left = true;  // all that Kick() was last to say has been sent
};

class BeaconThread {
 public:
  BeaconThread(BeaconSpec spec, uint64_t counter, std::function<void()> changed);
  ~BeaconThread() { Stop(); }

  // False and errno: no sockets.
  bool Open();
  void Start();
  // Ends and joins the thread; safe to call again.
  void Stop();

  // Sends now, apart from the rounds; `moved`: and right behind that, what SetMoved() was given.
  void Kick(bool moved);
  void SetMoved(std::vector<Announcement> moved);
  void SetFrames(std::vector<BeaconFrame> frames);
  // `usable`: bits of the keys that what comes in may be signed with; `sign`: number of the one to sign with;
  // `received`: newest counters that are known of, by key: what comes in under a lower one is old.
  void SetKeys(const uint64_t keys[2][2], uint32_t usable, uint32_t sign,
               const uint64_t received[2]);
  // What comes from there is believed, and what is said goes there; length 0: nowhere.
  void SetRemote(const struct sockaddr_storage& remote, socklen_t length);
  BeaconSnapshot Snapshot();

 private:
  void Run();
  void SayMoved();
  void Round(uint64_t now);
  void Fill(uint8_t* payload);
  void Send();
  void Receive(bool believe, uint64_t now);
  bool Believe(const uint8_t* payload, size_t size);
  void NoteQuiet(uint64_t now);
  // True: something changed.
  bool NoteHeard(uint64_t now);
  bool NoteRegions();
  uint64_t Count(const Activity& activity);
  uint8_t* At(const Spot& spot) { return spec_.memories[spot.memory]->data() + spot.offset; }

  BeaconSpec spec_;
  std::function<void()> changed_;
  Fd packet_, wake_;
  std::mutex mutex_;  // of all below but the thread
  std::vector<BeaconFrame> frames_;
  std::vector<Announcement> moved_;
  uint64_t keys_[2][2] = {};
  uint32_t usable_ = 0, sign_ = 0;
  BeaconSnapshot state_;
  uint64_t received_[2] = {};  // newest counter of each key
  uint8_t heard_bits_ = 0;
  uint64_t started_ = 0;
  bool told_ = false;
  std::vector<uint8_t> values_;
  std::atomic<bool> stop_{false}, kicked_{false}, has_moved_{false}, moved_left_{true};
  std::thread thread_;
};

}  // namespace libbpf_ts
