#include "iterator.h"

#include <errno.h>
#include <unistd.h>

#include <vector>

#include "arguments.h"
#include "error.h"

namespace libbpf_ts {

Napi::Function Iterator::Define(Napi::Env env) {
  return DefineClass(env, "NativeIterator",
                     {
                         InstanceMethod<&Iterator::Read>("read"),
                         InstanceMethod<&Iterator::Close>("close"),
                     });
}

Iterator::Iterator(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Iterator>(info), fd_(IntOf(info[0])) {}

Napi::Value Iterator::Read(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!fd_.open()) Throw(env, "ECLOSED", "the iterator is closed");
  std::vector<uint8_t> slice(U32Of(info[0]));
  ssize_t length;
  do {
    length = read(fd_.get(), slice.data(), slice.size());
    // EAGAIN: the kernel looked at its fill of elements without output and wants to be asked again.
  } while (length < 0 && (errno == EINTR || errno == EAGAIN));
  if (length < 0) ThrowErrno(env, "read iterator", errno);
  return Napi::Buffer<uint8_t>::Copy(env, slice.data(), static_cast<size_t>(length));
}

void Iterator::Close(const Napi::CallbackInfo&) { fd_.Close(); }

}  // namespace libbpf_ts
