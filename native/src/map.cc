#include "map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include <vector>

#include "arguments.h"
#include "btf_json.h"
#include "error.h"
#include "pin.h"

namespace libbpf_ts {

namespace {

bool IsPerCpu(uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
         type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

constexpr uint32_t RoundUp8(uint32_t size) { return (size + 7) & ~7u; }

}  // namespace

Napi::Function Map::Define(Napi::Env env) {
  return DefineClass(env, "NativeMap",
                     {
                         InstanceMethod<&Map::Info>("info"),
                         InstanceMethod<&Map::Descriptor>("descriptor"),
                         InstanceMethod<&Map::Types>("types"),
                         InstanceMethod<&Map::Lookup>("lookup"),
                         InstanceMethod<&Map::Update>("update"),
                         InstanceMethod<&Map::Delete>("delete"),
                         InstanceMethod<&Map::UpdateBatch>("updateBatch"),
                         InstanceMethod<&Map::DeleteBatch>("deleteBatch"),
                         InstanceMethod<&Map::LookupBatch>("lookupBatch"),
                         InstanceMethod<&Map::Scan>("scan"),
                         InstanceMethod<&Map::Carry>("carry"),
                         InstanceMethod<&Map::Digest>("digest"),
                         InstanceMethod<&Map::Memory>("memory"),
                         InstanceMethod<&Map::StoreWord>("storeWord"),
                         InstanceMethod<&Map::LoadWord>("loadWord"),
                         InstanceMethod<&Map::SwapWord>("swapWord"),
                         InstanceMethod<&Map::Pin>("pin"),
                         InstanceMethod<&Map::Close>("close"),
                     });
}

Map::Map(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Map>(info), fd_(IntOf(info[0])) {
  struct bpf_map_info about = {};
  uint32_t size = sizeof(about);
  if (bpf_obj_get_info_by_fd(fd_.get(), &about, &size) != 0) {
    ThrowErrno(info.Env(), "describe map", errno);
  }
  name_ = about.name;
  id_ = about.id;
  type_ = about.type;
  key_size_ = about.key_size;
  value_size_ = about.value_size;
  max_entries_ = about.max_entries;
  flags_ = about.map_flags;
  stored_size_ = value_size_;
  if (IsPerCpu(type_)) {
    stored_size_ = RoundUp8(value_size_) * static_cast<uint32_t>(libbpf_num_possible_cpus());
  }
}

Napi::Value Map::Create(const Napi::CallbackInfo& info) {
  std::string name = TextOf(info[1]);
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.map_flags = U32Of(info[5]);
  int inner = IntOf(info[6]);
  if (inner >= 0) options.inner_map_fd = static_cast<uint32_t>(inner);
  LogCapture log;
  int fd = bpf_map_create(static_cast<enum bpf_map_type>(U32Of(info[0])), name.c_str(),
                          U32Of(info[2]), U32Of(info[3]), U32Of(info[4]), &options);
  if (fd < 0) ThrowErrno(info.Env(), "create map " + name, -fd, log.text());
  return Napi::Number::New(info.Env(), fd);
}

Napi::Value Map::OpenById(const Napi::CallbackInfo& info) {
  uint32_t id = U32Of(info[0]);
  int fd = bpf_map_get_fd_by_id(id);
  if (fd < 0) ThrowErrno(info.Env(), "open map " + std::to_string(id), errno);
  return Napi::Number::New(info.Env(), fd);
}

// What the kernel keeps of the types that the map was made with.
Napi::Value Map::Types(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct bpf_map_info about = {};
  uint32_t size = sizeof(about);
  if (bpf_obj_get_info_by_fd(Open(env), &about, &size) != 0) {
    ThrowErrno(env, What("description"), errno);
  }
  if (about.btf_id == 0) return env.Undefined();
  return KernelBtfToJs(env, about.btf_id, about.btf_key_type_id, about.btf_value_type_id);
}

int Map::Open(Napi::Env env) const {
  if (!fd_.open()) Throw(env, "ECLOSED", "map " + name_ + " is closed");
  return fd_.get();
}

void Map::Demand(Napi::Env env, size_t bytes, size_t each, size_t count, const char* what) const {
  if (bytes == each * count) return;
  Throw(env, "EUSAGE",
        "map " + name_ + ": " + what + " of " + std::to_string(bytes) + " bytes, expected " +
            std::to_string(each * count));
}

Napi::Value Map::Info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result["id"] = Napi::Number::New(env, id_);
  result["name"] = Napi::String::New(env, name_);
  result["type"] = Napi::Number::New(env, type_);
  result["keySize"] = Napi::Number::New(env, key_size_);
  result["valueSize"] = Napi::Number::New(env, value_size_);
  result["maxEntries"] = Napi::Number::New(env, max_entries_);
  result["flags"] = Napi::Number::New(env, flags_);
  return result;
}

Napi::Value Map::Descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Open(info.Env()));
}

Napi::Value Map::Lookup(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  Bytes key = BytesOf(info[0]);
  Demand(env, key.size, key_size_, 1, "key");
  Napi::Buffer<uint8_t> value = Napi::Buffer<uint8_t>::New(env, stored_size_);
  if (bpf_map_lookup_elem(fd, key.data, value.Data()) == 0) return value;
  if (errno == ENOENT) return env.Undefined();
  ThrowErrno(env, What("lookup"), errno);
}

void Map::Update(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  Bytes key = BytesOf(info[0]);
  Bytes value = BytesOf(info[1]);
  Demand(env, key.size, key_size_, 1, "key");
  Demand(env, value.size, stored_size_, 1, "value");
  if (bpf_map_update_elem(fd, key.data, value.data, U32Of(info[2])) == 0) return;
  ThrowErrno(env, What("update"), errno);
}

Napi::Value Map::Delete(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  Bytes key = BytesOf(info[0]);
  Demand(env, key.size, key_size_, 1, "key");
  int result = bpf_map_delete_elem(fd, key.data);
  if (result != 0 && errno != ENOENT) ThrowErrno(env, What("delete"), errno);
  return Napi::Boolean::New(env, result == 0);
}

void Map::NeedMemory(Napi::Env env) {
  int fd = Open(env);
  if (memory_) return;
  if (type_ != BPF_MAP_TYPE_ARRAY || (flags_ & BPF_F_MMAPABLE) == 0) {
    Throw(env, "EUSAGE", "map " + name_ + " is not an array made with BPF_F_MMAPABLE");
  }
  size_t size = static_cast<size_t>(RoundUp8(value_size_)) * max_entries_;
  memory_ = SharedMemory::Map(fd, size);
  if (!memory_) ThrowErrno(env, What("mmap"), errno);
}

Napi::Value Map::Memory(const Napi::CallbackInfo& info) {
  NeedMemory(info.Env());
  Napi::ArrayBuffer buffer = SharedMemory::Expose(info.Env(), memory_);
  exposed_ = Napi::Weak(buffer);
  return buffer;
}

uint64_t* Map::Word(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  NeedMemory(env);
  uint32_t index = U32Of(info[0]);
  if (value_size_ != sizeof(uint64_t)) {
    Throw(env, "EUSAGE", "map " + name_ + " has no values of 8 bytes");
  }
  if (index >= max_entries_) {
    Throw(env, "EUSAGE",
          "map " + name_ + ": index " + std::to_string(index) + " is past its end");
  }
  return reinterpret_cast<uint64_t*>(memory_->data()) + index;
}

void Map::StoreWord(const Napi::CallbackInfo& info) {
  uint64_t* word = Word(info);
  bool lossless = false;
  uint64_t value = info[1].As<Napi::BigInt>().Uint64Value(&lossless);
  __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

Napi::Value Map::LoadWord(const Napi::CallbackInfo& info) {
  uint64_t value = __atomic_load_n(Word(info), __ATOMIC_SEQ_CST);
  return Napi::BigInt::New(info.Env(), value);
}

Napi::Value Map::SwapWord(const Napi::CallbackInfo& info) {
  uint64_t* word = Word(info);
  bool lossless = false;
  uint64_t expected = info[1].As<Napi::BigInt>().Uint64Value(&lossless);
  uint64_t value = info[2].As<Napi::BigInt>().Uint64Value(&lossless);
  bool swapped = __atomic_compare_exchange_n(word, &expected, value, false, __ATOMIC_SEQ_CST,
                                             __ATOMIC_SEQ_CST);
  return Napi::Boolean::New(info.Env(), swapped);
}

void Map::Pin(const Napi::CallbackInfo& info) {
  libbpf_ts::Pin(info.Env(), Open(info.Env()), TextOf(info[0]));
}

void Map::Close(const Napi::CallbackInfo&) {
  if (memory_) {
    // JavaScript may still hold the array: emptied first, it cannot touch what is unmapped.
    if (!exposed_.IsEmpty()) {
      Napi::ArrayBuffer buffer = exposed_.Value();
      if (!buffer.IsEmpty() && !buffer.IsDetached()) buffer.Detach();
      exposed_.Reset();
    }
    memory_->Unmap();
    memory_.reset();
  }
  fd_.Close();
}

}  // namespace libbpf_ts
