// The beacon as JavaScript has it.
#pragma once

#include <napi.h>

#include <memory>

#include "beacon_thread.h"

namespace libbpf_ts {

struct BeaconNews {
  std::atomic<bool> pending{false};
};

void TellBeaconNews(Napi::Env env, Napi::Function callback, void* context, BeaconNews* news);
using BeaconCall = Napi::TypedThreadSafeFunction<void, BeaconNews, TellBeaconNews>;

class Beacon : public Napi::ObjectWrap<Beacon> {
 public:
  static Napi::Function Define(Napi::Env env);
  // JavaScript: new Beacon(spec, onChange), see BeaconSpec of native/lib/native.ts.
  explicit Beacon(const Napi::CallbackInfo& info);
  ~Beacon() override { Shut(); }

 private:
  void SetFrames(const Napi::CallbackInfo& info);
  void SetKeys(const Napi::CallbackInfo& info);
  void SetRemote(const Napi::CallbackInfo& info);
  void SetMoved(const Napi::CallbackInfo& info);
  void Kick(const Napi::CallbackInfo& info);
  Napi::Value Snapshot(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo&) { Shut(); }
  BeaconThread& Running(Napi::Env env);
  void Shut();

  std::shared_ptr<BeaconThread> thread_;
  std::shared_ptr<BeaconNews> news_;
  std::shared_ptr<bool> gone_;
  BeaconCall call_;
};

}  // namespace libbpf_ts
