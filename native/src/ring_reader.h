// JavaScript's handle on a running RingDrain.
#pragma once

#include <napi.h>

#include <memory>

#include "ring_drain.h"

namespace libbpf_ts {

class RingReader : public Napi::ObjectWrap<RingReader> {
 public:
  static Napi::Function Define(Napi::Env env);
  // JavaScript: new RingReader(fds, sizes, onSlab, slabBytes, maxDelayMs, slabs, runs, denseBytes, denseDelayMs);
  // starts at once.
  explicit RingReader(const Napi::CallbackInfo& info);
  ~RingReader() override { Shut(); }

 private:
  void Close(const Napi::CallbackInfo&) { Shut(); }
  void Shut();

  std::shared_ptr<RingDrain> drain_;
  std::shared_ptr<bool> gone_;  // set once the function below is no more
  Deliver deliver_;
};

}  // namespace libbpf_ts
