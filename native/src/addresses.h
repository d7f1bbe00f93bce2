// IPv4 addresses as text.
#pragma once

#include <napi.h>

namespace libbpf_ts {

// readAddresses(bytes, from, into) -> {count, end}: those of whole lines from there on, for as long
// as each line is nothing but an address, into as much memory as there is
Napi::Value ReadAddresses(const Napi::CallbackInfo& info);

}  // namespace libbpf_ts
