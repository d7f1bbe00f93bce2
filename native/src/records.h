// Records of one size that stand one after the other, handled by the batch.
#pragma once

#include <napi.h>

namespace libbpf_ts {

// newNumbers(bytes, size, offset, seen) -> numbers that `seen` had no bit of; it has now
Napi::Value NewNumbers(const Napi::CallbackInfo& info);

// digestEach(bytes, ends) -> sha256 of what lies between two ends, one after the other
Napi::Value DigestEach(const Napi::CallbackInfo& info);

}  // namespace libbpf_ts
