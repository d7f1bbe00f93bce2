// Frames that say where a MAC is now.
#pragma once

#include <napi.h>

namespace libbpf_ts {

// JavaScript: announce(records, count, perSecond) -> Promise<{sent, failed, ms}>; see native/lib/announce.ts.
Napi::Value Announce(const Napi::CallbackInfo& info);

}  // namespace libbpf_ts
