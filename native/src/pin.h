// Pins in a bpf file system: what a descriptor is, giving it a path, taking it from a path.
#pragma once

#include <napi.h>

#include <string>

namespace libbpf_ts {

// Pins `fd` under `path`; throws a coded error that tells when the path is in no bpf file system.
void Pin(Napi::Env env, int fd, const std::string& path);

// JavaScript: getPinned(path, 'map' | 'program' | 'link') -> descriptor, owned by the caller.
Napi::Value GetPinned(const Napi::CallbackInfo& info);

// JavaScript: removePin(path).
void RemovePin(const Napi::CallbackInfo& info);

}  // namespace libbpf_ts
