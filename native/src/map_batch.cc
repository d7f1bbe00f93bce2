// Map elements by the batch: one system call for many, with the fallbacks that some maps need.
#include <bpf/bpf.h>
#include <errno.h>

#include <cstring>
#include <vector>

#include "arguments.h"
#include "error.h"
#include "map.h"

namespace libbpf_ts {

namespace {

constexpr int kNotSupported = 524;

// Maps without batch operations answer with either of these.
bool NoBatches(int error) { return error == kNotSupported || error == EOPNOTSUPP; }

// The position that a batched lookup hands back: a bucket number or a key, whichever is larger.
constexpr size_t kBucketNumber = 8;

}  // namespace

// updateBatch(keys, values, count) -> null, or {done, error} when one of them failed.
Napi::Value Map::UpdateBatch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  Bytes keys = BytesOf(info[0]);
  Bytes values = BytesOf(info[1]);
  uint32_t count = U32Of(info[2]);
  Demand(env, keys.size, key_size_, count, "keys");
  Demand(env, values.size, stored_size_, count, "values");
  if (count == 0) return env.Null();

  uint32_t done = count;
  int error = bpf_map_update_batch(fd, keys.data, values.data, &done, nullptr) == 0 ? 0 : errno;
  if (NoBatches(error)) {
    error = 0;
    for (done = 0; done < count; done++) {
      if (bpf_map_update_elem(fd, keys.data + static_cast<size_t>(done) * key_size_,
                              values.data + static_cast<size_t>(done) * stored_size_, 0) != 0) {
        error = errno;
        break;
      }
    }
  } else if (error != 0 && done >= count) {
    done = 0;  // the kernel refused before it began and left the count alone
  }
  if (error == 0) return env.Null();
  Napi::Object result = Napi::Object::New(env);
  result["done"] = Napi::Number::New(env, done);
  result["errno"] = Napi::Number::New(env, error);
  result["code"] = Napi::String::New(env, ErrorName(error));
  result["text"] = Napi::String::New(env, ErrorText(error));
  return result;
}

// deleteBatch(keys, count) -> how many were there.
Napi::Value Map::DeleteBatch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  Bytes keys = BytesOf(info[0]);
  uint32_t count = U32Of(info[1]);
  Demand(env, keys.size, key_size_, count, "keys");

  uint32_t deleted = 0;
  bool batches = true;
  for (uint32_t next = 0; next < count;) {
    uint8_t* from = keys.data + static_cast<size_t>(next) * key_size_;
    uint32_t done = count - next;
    int error = 0;
    if (batches) {
      error = bpf_map_delete_batch(fd, from, &done, nullptr) == 0 ? 0 : errno;
      if (NoBatches(error)) {
        batches = false;
        continue;
      }
    } else {
      error = bpf_map_delete_elem(fd, from) == 0 ? 0 : errno;
      done = error == 0 ? 1 : 0;
    }
    if (error != 0 && error != ENOENT) ThrowErrno(env, What("delete"), error);
    deleted += done;
    next += done + (error == ENOENT ? 1 : 0);
  }
  return Napi::Number::New(env, deleted);
}

// lookupBatch(position | null, keys, values, room)
//   -> {count, position | null at the end}, 'larger' when one bucket holds more than `room`
//      elements, or 'unsupported' when the map has no batches.
Napi::Value Map::LookupBatch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  Bytes position = BytesOf(info[0]);
  Bytes keys = BytesOf(info[1]);
  Bytes values = BytesOf(info[2]);
  uint32_t count = U32Of(info[3]);
  Demand(env, keys.size, key_size_, count, "keys");
  Demand(env, values.size, stored_size_, count, "values");

  size_t size = key_size_ > kBucketNumber ? key_size_ : kBucketNumber;
  if (position.data != nullptr) Demand(env, position.size, size, 1, "position");
  std::vector<uint8_t> after(size);
  int error = bpf_map_lookup_batch(fd, position.data, after.data(), keys.data, values.data, &count,
                                   nullptr) == 0
                  ? 0
                  : errno;
  if (error == ENOSPC) return Napi::String::New(env, "larger");
  if (NoBatches(error)) return Napi::String::New(env, "unsupported");
  if (error != 0 && error != ENOENT) ThrowErrno(env, What("batched lookup"), error);
  Napi::Object result = Napi::Object::New(env);
  result["count"] = Napi::Number::New(env, count);
  result["position"] = error == ENOENT
                           ? env.Null()
                           : Napi::Buffer<uint8_t>::Copy(env, after.data(), after.size());
  return result;
}

// scan(key | null, keys, values, room) -> {count, position | null at the end}: the same, key by
// key.
Napi::Value Map::Scan(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  Bytes start = BytesOf(info[0]);
  Bytes keys = BytesOf(info[1]);
  Bytes values = BytesOf(info[2]);
  uint32_t room = U32Of(info[3]);
  Demand(env, keys.size, key_size_, room, "keys");
  Demand(env, values.size, stored_size_, room, "values");

  std::vector<uint8_t> key(key_size_);
  bool first = start.data == nullptr;
  if (!first) {
    Demand(env, start.size, key_size_, 1, "position");
    memcpy(key.data(), start.data, key_size_);
  }
  uint32_t count = 0;
  bool end = false;
  while (count < room) {
    uint8_t* to = keys.data + static_cast<size_t>(count) * key_size_;
    if (bpf_map_get_next_key(fd, first ? nullptr : key.data(), to) != 0) {
      if (errno != ENOENT) ThrowErrno(env, What("walk"), errno);
      end = true;
      break;
    }
    first = false;
    memcpy(key.data(), to, key_size_);
    // An element that went away since, or an empty slot of a map of maps: not an entry.
    if (bpf_map_lookup_elem(fd, to, values.data + static_cast<size_t>(count) * stored_size_) == 0) {
      count++;
    } else if (errno != ENOENT) {
      ThrowErrno(env, What("lookup"), errno);
    }
  }
  Napi::Object result = Napi::Object::New(env);
  result["count"] = Napi::Number::New(env, count);
  result["position"] =
      end ? env.Null() : Napi::Buffer<uint8_t>::Copy(env, key.data(), key.size());
  return result;
}

}  // namespace libbpf_ts
