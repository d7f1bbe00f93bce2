// From one map into another whose layout may differ, and a digest of what a map holds.
#include <bpf/bpf.h>
#include <errno.h>

#include <cstring>
#include <vector>

#include "arguments.h"
#include "conversion.h"
#include "error.h"
#include "map.h"
#include "walk.h"

namespace libbpf_ts {

namespace {

// What becomes of an element whose key the target has already.
enum class Present : uint32_t { kReplace = 0, kKeep = 1, kNewer = 2, kAdd = 3, kTell = 4 };

struct Target {
  int fd;
  uint32_t cpus;           // values per element
  uint32_t stride;         // of one of them
  uint32_t stored_size;
};

struct Rules {
  Present present;
  uint32_t newer;                  // offset of the 64-bit number that tells which is newer
  const uint32_t* index = nullptr;  // of arrays: the new index by the old one
  size_t indices = 0;
  bool take = false;               // zero the source's value once it was added
};

struct Tally {
  uint32_t read = 0, written = 0, kept = 0, failed = 0;
  int error = 0;
  std::vector<uint8_t> keys, values;  // kTell: those that are behind in the target
};

constexpr uint32_t kNowhere = 0xffffffff;

constexpr uint32_t RoundUp8(uint32_t size) { return (size + 7) & ~7u; }

class Carrier {
 public:
  Carrier(const MapShape& from, uint32_t from_stride, const Target& to, const Conversion& key,
          const Conversion& value, const Rules& rules)
      : from_(from), from_stride_(from_stride), to_(to), key_(key), value_(value), rules_(rules) {}

  Tally Run() {
    int error = WalkMap(from_, [this](uint8_t* keys, uint8_t* values, uint32_t count) {
      Batch(keys, values, count);
      return true;
    });
    if (error != 0) tally_.error = error;
    return tally_;
  }

 private:
  void Batch(const uint8_t* keys, const uint8_t* values, uint32_t count) {
    tally_.read += count;
    to_keys_.assign(count * key_.to_size(), 0);
    to_values_.assign(static_cast<size_t>(count) * to_.stored_size, 0);
    bool all = rules_.present == Present::kReplace;
    uint32_t ready = 0;
    for (uint32_t i = 0; i < count; i++) {
      const uint8_t* key = keys + static_cast<size_t>(i) * from_.key_size;
      const uint8_t* value = values + static_cast<size_t>(i) * from_.stored_size;
      uint8_t* to_key = &to_keys_[ready * key_.to_size()];
      uint8_t* to_value = &to_values_[static_cast<size_t>(ready) * to_.stored_size];
      if (!Key(key, to_key)) continue;
      if (rules_.present == Present::kAdd) {
        Add(key, value, to_key, to_value);
        continue;
      }
      Values(value, to_value);
      if (all) ready++;
      else One(to_key, to_value);
    }
    if (ready > 0) All(ready);
  }

  bool Key(const uint8_t* key, uint8_t* to) const {
    if (rules_.index == nullptr) {
      memset(to, 0, key_.to_size());
      key_.Run(key, to);
      return true;
    }
    uint32_t index;
    memcpy(&index, key, sizeof(index));
    if (index >= rules_.indices || rules_.index[index] == kNowhere) return false;
    memcpy(to, &rules_.index[index], sizeof(index));
    return true;
  }

  void Values(const uint8_t* from, uint8_t* to) const {
    for (uint32_t cpu = 0; cpu < to_.cpus; cpu++) {
      value_.Run(from + static_cast<size_t>(cpu) * from_stride_,
                 to + static_cast<size_t>(cpu) * to_.stride);
    }
  }

  void All(uint32_t count) {
    uint32_t done = count;
    int error =
        bpf_map_update_batch(to_.fd, to_keys_.data(), to_values_.data(), &done, nullptr) == 0
            ? 0
            : errno;
    if (error == 0) {
      tally_.written += count;
      return;
    }
    // One by one tells which of them do not go in.
    for (uint32_t i = 0; i < count; i++) {
      Put(&to_keys_[i * key_.to_size()], &to_values_[static_cast<size_t>(i) * to_.stored_size],
          BPF_ANY);
    }
  }

  void One(const uint8_t* key, const uint8_t* value) {
    bool tell = rules_.present == Present::kTell;
    if (tell || rules_.present == Present::kNewer) {
      there_.resize(to_.stored_size);
      if (bpf_map_lookup_elem(to_.fd, key, there_.data()) == 0) {
        if (!IsNewer(value)) tally_.kept++;
        else if (tell) Tell(key, value);
        else Put(key, value, BPF_ANY);
        return;
      }
    }
    if (!tell) Put(key, value, BPF_NOEXIST);
  }

  // Than what was found in the target.
  bool IsNewer(const uint8_t* value) const {
    uint64_t has, gets;
    memcpy(&has, there_.data() + rules_.newer, sizeof(has));
    memcpy(&gets, value + rules_.newer, sizeof(gets));
    return gets > has;
  }

  void Tell(const uint8_t* key, const uint8_t* value) {
    tally_.written++;
    tally_.keys.insert(tally_.keys.end(), key, key + key_.to_size());
    tally_.values.insert(tally_.values.end(), value, value + to_.stored_size);
  }

  void Add(const uint8_t* key, const uint8_t* value, const uint8_t* to_key, uint8_t* to_value) {
    bool zero = true;
    for (uint32_t i = 0; zero && i < from_.stored_size; i++) zero = value[i] == 0;
    if (zero) return;
    memset(to_value, 0, to_.stored_size);
    bpf_map_lookup_elem(to_.fd, to_key, to_value);
    Values(value, to_value);
    if (!Put(to_key, to_value, BPF_ANY) || !rules_.take) return;
    there_.assign(from_.stored_size, 0);
    bpf_map_update_elem(from_.fd, key, there_.data(), BPF_ANY);
  }

  bool Put(const uint8_t* key, const uint8_t* value, uint64_t flags) {
    if (bpf_map_update_elem(to_.fd, key, value, flags) == 0) {
      tally_.written++;
      return true;
    }
    if (errno == EEXIST) {
      tally_.kept++;
      return false;
    }
    tally_.failed++;
    tally_.error = errno;
    return false;
  }

  const MapShape from_;
  const uint32_t from_stride_;
  const Target to_;
  const Conversion& key_;
  const Conversion& value_;
  const Rules rules_;
  std::vector<uint8_t> to_keys_, to_values_, there_;
  Tally tally_;
};

void ParseConversion(Napi::Env env, const Napi::Value& words, Conversion* conversion) {
  Napi::Int32Array array = words.As<Napi::Int32Array>();
  if (!conversion->Parse(array.Data(), array.ElementLength())) {
    Throw(env, "EUSAGE", "a conversion that leaves its elements");
  }
}

// 64-bit FNV-1a with a final mix, so that sums of many stay telling.
uint64_t Hash(const uint8_t* key, size_t key_size, const uint8_t* value, size_t value_size) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (size_t i = 0; i < key_size; i++) hash = (hash ^ key[i]) * 0x100000001b3ull;
  for (size_t i = 0; i < value_size; i++) hash = (hash ^ value[i]) * 0x100000001b3ull;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdull;
  return hash ^ (hash >> 33);
}

Napi::Object Digested(Napi::Env env, uint32_t count, uint64_t sum) {
  Napi::Object result = Napi::Object::New(env);
  result["count"] = Napi::Number::New(env, count);
  result["sum"] = Napi::BigInt::New(env, sum);
  return result;
}

}  // namespace

// carry(targetFd, targetValueSize, targetStoredSize, key, value, present, newer, index|null, take)
Napi::Value Map::Carry(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  MapShape from = {Open(env), key_size_, stored_size_, max_entries_};
  if (value_size_ == 0) Throw(env, "EUSAGE", "map " + name_ + " has no elements to carry");
  Conversion key, value;
  ParseConversion(env, info[3], &key);
  ParseConversion(env, info[4], &value);
  uint32_t value_size = U32Of(info[1]), stored_size = U32Of(info[2]);
  bool per_cpu = stored_size_ != value_size_;
  Target to = {IntOf(info[0]), 1, value_size, stored_size};
  if (per_cpu) {
    to.stride = RoundUp8(value_size);
    to.cpus = stored_size / to.stride;
  }
  Rules rules = {static_cast<Present>(U32Of(info[5])), U32Of(info[6])};
  rules.take = info[8].As<Napi::Boolean>().Value();
  if (info[7].IsTypedArray()) {
    Napi::Uint32Array index = info[7].As<Napi::Uint32Array>();
    rules.index = index.Data();
    rules.indices = index.ElementLength();
  }
  uint32_t from_stride = per_cpu ? RoundUp8(value_size_) : value_size_;
  bool compares = rules.present == Present::kNewer || rules.present == Present::kTell;
  bool index_keys = rules.index == nullptr || (key_size_ == 4 && key.to_size() == 4);
  if (key.from_size() != key_size_ || value.from_size() != value_size_ ||
      value.to_size() != value_size || stored_size_ / from_stride != to.cpus || !index_keys ||
      (compares && static_cast<size_t>(rules.newer) + sizeof(uint64_t) > value_size)) {
    Throw(env, "EUSAGE", "map " + name_ + ": the conversion is of other elements");
  }
  Tally tally = Carrier(from, from_stride, to, key, value, rules).Run();
  Napi::Object result = Napi::Object::New(env);
  result["read"] = Napi::Number::New(env, tally.read);
  result["written"] = Napi::Number::New(env, tally.written);
  result["kept"] = Napi::Number::New(env, tally.kept);
  result["failed"] = Napi::Number::New(env, tally.failed);
  result["error"] = Napi::String::New(env, tally.error == 0 ? "" : ErrorName(tally.error));
  auto bytes = [env](const std::vector<uint8_t>& from) {
    return Napi::Buffer<uint8_t>::Copy(env, from.data(), from.size());
  };
  result["keys"] = bytes(tally.keys);
  result["values"] = bytes(tally.values);
  return result;
}

Napi::Value Map::Digest(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  MapShape map = {Open(env), key_size_, stored_size_, max_entries_};
  uint32_t total = 0;
  uint64_t sum = 0;
  int error = WalkMap(map, [&](uint8_t* keys, uint8_t* values, uint32_t count) {
    total += count;
    for (size_t i = 0; i < count; i++) {
      sum += Hash(keys + i * key_size_, key_size_, values + i * stored_size_, stored_size_);
    }
    return true;
  });
  if (error != 0) ThrowErrno(env, What("digest"), error);
  return Digested(env, total, sum);
}

// digestOf(keys, values, count)
Napi::Value Map::DigestOf(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Bytes keys = BytesOf(info[0]), values = BytesOf(info[1]);
  uint32_t count = U32Of(info[2]);
  size_t key = count == 0 ? 0 : keys.size / count, value = count == 0 ? 0 : values.size / count;
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    sum += Hash(keys.data + i * key, key, values.data + i * value, value);
  }
  return Digested(env, count, sum);
}

}  // namespace libbpf_ts
