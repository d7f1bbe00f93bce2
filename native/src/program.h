// One BPF program that the verifier has accepted.
#pragma once

#include <napi.h>

#include "fd.h"

namespace libbpf_ts {

class Program : public Napi::ObjectWrap<Program> {
 public:
  static Napi::Function Define(Napi::Env env);
  // JavaScript: new Program(fd); owns the descriptor.
  explicit Program(const Napi::CallbackInfo& info);

 private:
  Napi::Value Info(const Napi::CallbackInfo& info);
  Napi::Value Descriptor(const Napi::CallbackInfo& info);
  Napi::Value MapIds(const Napi::CallbackInfo& info);
  Napi::Value TestRun(const Napi::CallbackInfo& info);
  // attachXdp(ifindex, generic) and attachTcx(ifindex, egress) -> descriptor of the link.
  Napi::Value AttachXdp(const Napi::CallbackInfo& info);
  // attachTracing() -> descriptor of the link.
  Napi::Value AttachTracing(const Napi::CallbackInfo& info);
  Napi::Value AttachTcx(const Napi::CallbackInfo& info);
  void Pin(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  int Open(Napi::Env env) const;
  std::string What(const char* call) const { return std::string(call) + " program " + name_; }

  Fd fd_;
  std::string name_;
  std::string tag_;
  uint32_t id_ = 0;
  uint32_t type_ = 0;
  uint32_t verified_ = 0;
};

}  // namespace libbpf_ts
