// The memory of an mmapable array, shared with the kernel and with JavaScript.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

namespace libbpf_ts {

class SharedMemory {
 public:
  // Maps `size` bytes of the map `fd`; null and errno on failure.
  static std::shared_ptr<SharedMemory> Map(int fd, size_t size);
  ~SharedMemory() { Unmap(); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  void Unmap();
  uint8_t* data() const { return data_; }

  // An ArrayBuffer over the memory that keeps `memory` mapped until it is detached or collected.
  static Napi::ArrayBuffer Expose(Napi::Env env, const std::shared_ptr<SharedMemory>& memory);

 private:
  SharedMemory(uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t* data_;
  size_t size_;
};

}  // namespace libbpf_ts
