#include "network.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <string>

#include "arguments.h"
#include "error.h"

namespace libbpf_ts {

namespace {

struct bpf_tc_hook HookOf(const Napi::Value& ifindex, const Napi::Value& egress) {
  struct bpf_tc_hook hook = {};
  hook.sz = sizeof(hook);
  hook.ifindex = IntOf(ifindex);
  hook.attach_point = egress.As<Napi::Boolean>().Value() ? BPF_TC_EGRESS : BPF_TC_INGRESS;
  return hook;
}

std::string On(int ifindex) { return " on interface " + std::to_string(ifindex); }

// Without a clsact qdisc the kernel answers EINVAL, without the filter ENOENT.
bool NothingThere(int error) { return error == ENOENT || error == EINVAL; }

}  // namespace

bool InterfaceExists(int ifindex) {
  char name[IF_NAMESIZE];
  return if_indextoname(static_cast<unsigned>(ifindex), name) != nullptr;
}

void AttachTc(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct bpf_tc_hook hook = HookOf(info[1], info[2]);
  LogCapture log;
  int error = bpf_tc_hook_create(&hook);
  if (error != 0 && error != -EEXIST) {
    ThrowErrno(env, "create clsact" + On(hook.ifindex), -error, log.text());
  }
  LIBBPF_OPTS(bpf_tc_opts, options);
  options.prog_fd = IntOf(info[0]);
  options.handle = U32Of(info[3]);
  options.priority = U32Of(info[4]);
  options.flags = info[5].As<Napi::Boolean>().Value() ? BPF_TC_F_REPLACE : 0;
  error = bpf_tc_attach(&hook, &options);
  if (error != 0) ThrowErrno(env, "attach tc" + On(hook.ifindex), -error, log.text());
}

Napi::Value DetachTc(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct bpf_tc_hook hook = HookOf(info[0], info[1]);
  LIBBPF_OPTS(bpf_tc_opts, options);
  options.handle = U32Of(info[2]);
  options.priority = U32Of(info[3]);
  LogCapture log;
  int error = bpf_tc_detach(&hook, &options);
  if (error != 0 && !NothingThere(-error)) {
    ThrowErrno(env, "detach tc" + On(hook.ifindex), -error, log.text());
  }
  return Napi::Boolean::New(env, error == 0);
}

Napi::Value QueryTc(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct bpf_tc_hook hook = HookOf(info[0], info[1]);
  LIBBPF_OPTS(bpf_tc_opts, options);
  options.handle = U32Of(info[2]);
  options.priority = U32Of(info[3]);
  LogCapture log;
  int error = bpf_tc_query(&hook, &options);
  if (error == 0) return Napi::Number::New(env, options.prog_id);
  if (NothingThere(-error)) return env.Undefined();
  ThrowErrno(env, "query tc" + On(hook.ifindex), -error, log.text());
}

Napi::Value QueryXdp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int ifindex = IntOf(info[0]);
  if (!InterfaceExists(ifindex)) ThrowErrno(env, "query XDP" + On(ifindex), ENODEV);
  LIBBPF_OPTS(bpf_xdp_query_opts, options);
  LogCapture log;
  int error = bpf_xdp_query(ifindex, 0, &options);
  if (error != 0) ThrowErrno(env, "query XDP" + On(ifindex), -error, log.text());
  // With both attached the driver's program sees a frame first.
  uint32_t native = options.drv_prog_id != 0 ? options.drv_prog_id : options.hw_prog_id;
  if (options.attach_mode == XDP_ATTACHED_DRV && native == 0) native = options.prog_id;
  uint32_t generic = options.skb_prog_id;
  if (options.attach_mode == XDP_ATTACHED_SKB && generic == 0) generic = options.prog_id;
  Napi::Object result = Napi::Object::New(env);
  result["programId"] = Napi::Number::New(env, native != 0 ? native : generic);
  result["mode"] =
      Napi::String::New(env, native != 0 ? "native" : generic != 0 ? "generic" : "none");
  return result;
}

}  // namespace libbpf_ts
