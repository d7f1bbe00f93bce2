// Pages of files that a process has in its memory.
#pragma once

#include <napi.h>

namespace libbpf_ts {

// releaseFilePages(): lets go of what only reads as its file does; returns how many bytes that were.
Napi::Value ReleaseFilePages(const Napi::CallbackInfo& info);

}  // namespace libbpf_ts
