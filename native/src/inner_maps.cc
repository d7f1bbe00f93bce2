#include "inner_maps.h"

#include <bpf/bpf.h>
#include <errno.h>

#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "arguments.h"
#include "error.h"

namespace libbpf_ts {

namespace {

struct Change {
  int outer;
  Bytes key;
  int inner;
  int error;
};

// Returns once no program reads what was there before (maybe_wait_bpf_programs in the kernel's
// bpf/syscall.c): a grace period of RCU, which is as long for one change as for all at once.
void Make(Change* change) {
  int result = change->inner < 0
                   ? bpf_map_delete_elem(change->outer, change->key.data)
                   : bpf_map_update_elem(change->outer, change->key.data, &change->inner, BPF_ANY);
  change->error = result == 0 || (change->inner < 0 && errno == ENOENT) ? 0 : errno;
}

}  // namespace

void ChangeInner(const Napi::CallbackInfo& info) {
  Napi::Array outers = info[0].As<Napi::Array>();
  Napi::Array keys = info[1].As<Napi::Array>();
  Napi::Array inners = info[2].As<Napi::Array>();
  std::vector<Change> changes;
  for (uint32_t i = 0; i < outers.Length(); i++) {
    changes.push_back({IntOf(outers.Get(i)), BytesOf(keys.Get(i)), IntOf(inners.Get(i)), 0});
  }
  std::vector<std::thread> others;
  for (size_t i = 1; i < changes.size(); i++) {
    try {
      others.emplace_back(Make, &changes[i]);
    } catch (const std::system_error&) {
      // No thread to be had: one after the other is as good.
      Make(&changes[i]);
    }
  }
  if (!changes.empty()) Make(&changes[0]);
  for (std::thread& other : others) other.join();
  for (size_t i = 0; i < changes.size(); i++) {
    if (changes[i].error == 0) continue;
    ThrowErrno(info.Env(), "change " + std::to_string(i) + " of maps of maps", changes[i].error);
  }
}

}  // namespace libbpf_ts
