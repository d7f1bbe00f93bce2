// The types of an object, from its BTF, as plain JavaScript values.
#pragma once

#include <bpf/libbpf.h>
#include <napi.h>

namespace libbpf_ts {

// {structs, enums, maps} as native/lib/btf.ts describes them. The object must have BTF.
Napi::Object BtfToJs(Napi::Env env, struct bpf_object* object);

// {structs, enums, key, value} of a map, from the BTF with this id that the kernel holds.
Napi::Object KernelBtfToJs(Napi::Env env, uint32_t btf_id, uint32_t key, uint32_t value);

}  // namespace libbpf_ts
