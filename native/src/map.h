// One BPF map: a descriptor and what the kernel says of it.
#pragma once

#include <napi.h>

#include <memory>

#include "fd.h"
#include "shared_memory.h"

namespace libbpf_ts {

class Map : public Napi::ObjectWrap<Map> {
 public:
  static Napi::Function Define(Napi::Env env);
  // JavaScript: new Map(fd); owns the descriptor.
  explicit Map(const Napi::CallbackInfo& info);

  // JavaScript: openMap(id) -> fd.
  static Napi::Value OpenById(const Napi::CallbackInfo& info);
  // JavaScript: createMap(type, name, keySize, valueSize, maxEntries, flags, innerFd) -> fd.
  static Napi::Value Create(const Napi::CallbackInfo& info);
  // JavaScript: digestOf(keys, values, count) -> {count, sum}, as of a map that held them.
  static Napi::Value DigestOf(const Napi::CallbackInfo& info);

 private:
  // Single elements (map.cc).
  Napi::Value Info(const Napi::CallbackInfo& info);
  Napi::Value Descriptor(const Napi::CallbackInfo& info);
  Napi::Value Types(const Napi::CallbackInfo& info);
  Napi::Value Lookup(const Napi::CallbackInfo& info);
  void Update(const Napi::CallbackInfo& info);
  Napi::Value Delete(const Napi::CallbackInfo& info);
  Napi::Value Memory(const Napi::CallbackInfo& info);
  void StoreWord(const Napi::CallbackInfo& info);
  Napi::Value LoadWord(const Napi::CallbackInfo& info);
  Napi::Value SwapWord(const Napi::CallbackInfo& info);
  void Pin(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  // Many at once (map_batch.cc).
  Napi::Value UpdateBatch(const Napi::CallbackInfo& info);
  Napi::Value DeleteBatch(const Napi::CallbackInfo& info);
  Napi::Value LookupBatch(const Napi::CallbackInfo& info);
  Napi::Value Scan(const Napi::CallbackInfo& info);

  // All of them (map_carry.cc).
  Napi::Value Carry(const Napi::CallbackInfo& info);
  Napi::Value Digest(const Napi::CallbackInfo& info);

  // The descriptor; throws ECLOSED.
  int Open(Napi::Env env) const;
  std::string What(const char* call) const { return std::string(call) + " of map " + name_; }
  // Throws EUSAGE unless `bytes` holds `count` items of `each` bytes.
  void Demand(Napi::Env env, size_t bytes, size_t each, size_t count, const char* what) const;
  // Maps the memory once; throws when the map is not mmapable.
  void NeedMemory(Napi::Env env);
  uint64_t* Word(const Napi::CallbackInfo& info);

  Fd fd_;
  std::string name_;
  uint32_t id_ = 0;
  uint32_t type_ = 0;
  uint32_t key_size_ = 0;
  uint32_t value_size_ = 0;   // as the kernel reports it
  uint32_t stored_size_ = 0;  // what a lookup copies: of all CPUs, for per-CPU maps
  uint32_t max_entries_ = 0;
  uint32_t flags_ = 0;
  std::shared_ptr<SharedMemory> memory_;
  Napi::Reference<Napi::ArrayBuffer> exposed_;  // weak
};

}  // namespace libbpf_ts
