#include "link.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "arguments.h"
#include "error.h"
#include "pin.h"

namespace libbpf_ts {

Napi::Function Link::Define(Napi::Env env) {
  return DefineClass(env, "NativeLink",
                     {
                         InstanceMethod<&Link::Info>("info"),
                         InstanceMethod<&Link::Update>("update"),
                         InstanceMethod<&Link::Detach>("detach"),
                         InstanceMethod<&Link::Pin>("pin"),
                         InstanceMethod<&Link::Close>("close"),
                     });
}

Link::Link(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Link>(info), fd_(IntOf(info[0])) {}

int Link::Open(Napi::Env env) const {
  if (!fd_.open()) Throw(env, "ECLOSED", "the link is closed");
  return fd_.get();
}

// The device of a link; a tcx link, which the headers may not know, says so in the same place.
static uint32_t DeviceOf(const struct bpf_link_info& about) {
  constexpr uint32_t kTcx = 11;
  bool has_device = about.type == BPF_LINK_TYPE_XDP || about.type == kTcx;
  return has_device ? about.xdp.ifindex : 0;
}

Napi::Value Link::Info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct bpf_link_info about = {};
  uint32_t size = sizeof(about);
  if (bpf_obj_get_info_by_fd(Open(env), &about, &size) != 0) {
    ThrowErrno(env, "describe link", errno);
  }
  Napi::Object result = Napi::Object::New(env);
  result["id"] = Napi::Number::New(env, about.id);
  result["type"] = Napi::Number::New(env, about.type);
  result["programId"] = Napi::Number::New(env, about.prog_id);
  result["ifindex"] = Napi::Number::New(env, DeviceOf(about));
  return result;
}

void Link::Update(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  LogCapture log;
  int error = bpf_link_update(Open(env), IntOf(info[0]), nullptr);
  if (error != 0) ThrowErrno(env, "update link", -error, log.text());
}

void Link::Detach(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  LogCapture log;
  int error = bpf_link_detach(Open(env));
  if (error != 0) ThrowErrno(env, "detach link", -error, log.text());
}

void Link::Pin(const Napi::CallbackInfo& info) {
  libbpf_ts::Pin(info.Env(), Open(info.Env()), TextOf(info[0]));
}

void Link::Close(const Napi::CallbackInfo&) { fd_.Close(); }

}  // namespace libbpf_ts
