// The types of an object, from its BTF, as plain JavaScript values.
#pragma once

#include <bpf/libbpf.h>
#include <napi.h>

namespace libbpf_ts {

// {structs, enums, maps} as native/lib/btf.ts describes them. The object must have BTF.
Napi::Object BtfToJs(Napi::Env env, struct bpf_object* object);

}  // namespace libbpf_ts
