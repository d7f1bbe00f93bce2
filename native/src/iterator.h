// One run of an iterator program, read in slices.
#pragma once

#include <napi.h>

#include "fd.h"

namespace libbpf_ts {

class Iterator : public Napi::ObjectWrap<Iterator> {
 public:
  static Napi::Function Define(Napi::Env env);
  // JavaScript: new Iterator(fd); owns the descriptor.
  explicit Iterator(const Napi::CallbackInfo& info);

 private:
  // read(size) -> what the program wrote next, at most `size` bytes; empty at the end.
  Napi::Value Read(const Napi::CallbackInfo& info);
  // drain(size, most) -> a promise of {reads, bytes, longestNs, ended}: as read(), on another thread.
  Napi::Value Drain(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  Fd fd_;
};

}  // namespace libbpf_ts
