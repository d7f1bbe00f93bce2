// One attachment that lives as long as its descriptor or its pin.
#pragma once

#include <napi.h>

#include "fd.h"

namespace libbpf_ts {

class Link : public Napi::ObjectWrap<Link> {
 public:
  static Napi::Function Define(Napi::Env env);
  // JavaScript: new Link(fd); owns the descriptor.
  explicit Link(const Napi::CallbackInfo& info);

 private:
  Napi::Value Info(const Napi::CallbackInfo& info);
  void Update(const Napi::CallbackInfo& info);
  void Detach(const Napi::CallbackInfo& info);
  void Pin(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  int Open(Napi::Env env) const;

  Fd fd_;
};

}  // namespace libbpf_ts
