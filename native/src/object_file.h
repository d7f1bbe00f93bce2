// One BPF object file: opened, prepared, loaded.
#pragma once

#include <bpf/libbpf.h>
#include <napi.h>

#include <string>

namespace libbpf_ts {

class ObjectFile : public Napi::ObjectWrap<ObjectFile> {
 public:
  static Napi::Function Define(Napi::Env env);
  // JavaScript: new ObjectFile(path).
  explicit ObjectFile(const Napi::CallbackInfo& info);
  ~ObjectFile() override;

 private:
  enum class State { kOpen, kLoaded, kFailed };

  Napi::Value Btf(const Napi::CallbackInfo& info);
  Napi::Value InitialValue(const Napi::CallbackInfo& info);
  void SetVariable(const Napi::CallbackInfo& info);
  void SetMaxEntries(const Napi::CallbackInfo& info);
  void ReuseMap(const Napi::CallbackInfo& info);
  Napi::Value MapInfo(const Napi::CallbackInfo& info);
  void SetAutoload(const Napi::CallbackInfo& info);
  void Load(const Napi::CallbackInfo& info);
  // map(name) and program(name) -> a descriptor of the caller's own.
  Napi::Value MapFd(const Napi::CallbackInfo& info);
  Napi::Value ProgramFd(const Napi::CallbackInfo& info);
  Napi::Value MapNames(const Napi::CallbackInfo& info);
  Napi::Value ProgramNames(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  // Each throws: ECLOSED, ESTATE, EUNKNOWN.
  struct bpf_object* Opened(Napi::Env env) const;
  struct bpf_object* Before(Napi::Env env, const char* call) const;
  struct bpf_object* After(Napi::Env env, const char* call) const;
  struct bpf_map* FindMap(Napi::Env env, const std::string& name) const;
  struct bpf_program* FindProgram(Napi::Env env, const std::string& name) const;
  Napi::Value Duplicate(Napi::Env env, int fd, const std::string& what) const;

  std::string path_;
  struct bpf_object* object_ = nullptr;
  State state_ = State::kOpen;
};

}  // namespace libbpf_ts
