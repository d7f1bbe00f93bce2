// Read-only variables of an object, set before it is loaded.
#pragma once

#include <bpf/libbpf.h>
#include <napi.h>

#include <string>

namespace libbpf_ts {

// Writes an integer or enum variable of a .rodata section; throws EUNKNOWN or EUSAGE.
void SetReadOnlyVariable(Napi::Env env, struct bpf_object* object, const std::string& name,
                         Napi::BigInt value);

}  // namespace libbpf_ts
