#include "shared_memory.h"

#include <sys/mman.h>

namespace libbpf_ts {

std::shared_ptr<SharedMemory> SharedMemory::Map(int fd, size_t size) {
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return nullptr;
  return std::shared_ptr<SharedMemory>(new SharedMemory(static_cast<uint8_t*>(at), size));
}

void SharedMemory::Unmap() {
  if (data_ == nullptr) return;
  munmap(data_, size_);
  data_ = nullptr;
}

Napi::ArrayBuffer SharedMemory::Expose(Napi::Env env,
                                       const std::shared_ptr<SharedMemory>& memory) {
  auto* keep = new std::shared_ptr<SharedMemory>(memory);
  return Napi::ArrayBuffer::New(
      env, memory->data_, memory->size_,
      [](Napi::Env, void*, std::shared_ptr<SharedMemory>* kept) { delete kept; }, keep);
}

}  // namespace libbpf_ts
