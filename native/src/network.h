// What hangs on a network interface: tc filters on clsact, and XDP as the kernel reports it.
#pragma once

#include <napi.h>

namespace libbpf_ts {

// Whether the process's network namespace has an interface of that number. Where it matters the
// kernel answers EINVAL, or nothing, for one that is not there.
bool InterfaceExists(int ifindex);

// attachTc(programFd, ifindex, egress, handle, priority, replace)
void AttachTc(const Napi::CallbackInfo& info);
// detachTc(ifindex, egress, handle, priority) -> whether it was there
Napi::Value DetachTc(const Napi::CallbackInfo& info);
// queryTc(ifindex, egress, handle, priority) -> program id, or undefined
Napi::Value QueryTc(const Napi::CallbackInfo& info);
// queryXdp(ifindex) -> {programId, mode}
Napi::Value QueryXdp(const Napi::CallbackInfo& info);

}  // namespace libbpf_ts
