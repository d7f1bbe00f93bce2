// One pass of a syscall program over the elements of a map, batch by batch.
#pragma once

#include <napi.h>

#include <memory>

namespace libbpf_ts {

struct PassRun;

class Pass : public Napi::ObjectWrap<Pass> {
 public:
  static Napi::Function Define(Napi::Env env);
  // JavaScript: new Pass(programFd, mapFd, slicesFd, table, slices, elements, valuesAt, recordsAt, bytes); takes
  // descriptors of its own.
  explicit Pass(const Napi::CallbackInfo& info);

 private:
  // next() -> the records of the next batch; null at the end.
  Napi::Value Next(const Napi::CallbackInfo& info);
  // drain(most) -> a promise of {batches, longestNs, ended}: so many batches, on another thread, and no records.
  Napi::Value Drain(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  // The run; throws ECLOSED, EBUSY.
  std::shared_ptr<PassRun> Open(Napi::Env env) const;

  std::shared_ptr<PassRun> run_;
};

}  // namespace libbpf_ts
