// Changes of maps of maps, side by side.
#pragma once

#include <napi.h>

namespace libbpf_ts {

// JavaScript: changeInner(outers, keys, inners): element keys[i] of map outers[i] becomes map
// inners[i]; -1 takes it out, if there is one. All are descriptors. All are tried; throws the error
// of the first that failed.
void ChangeInner(const Napi::CallbackInfo& info);

}  // namespace libbpf_ts
