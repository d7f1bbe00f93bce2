// What the addon exports. The TypeScript in native/lib is its only caller and checks types first.
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <napi.h>
#include <sys/socket.h>
#include <time.h>

#include "addresses.h"
#include "announce.h"
#include "beacon.h"
#include "error.h"
#include "inner_maps.h"
#include "link.h"
#include "map.h"
#include "network.h"
#include "object_file.h"
#include "pass.h"
#include "pin.h"
#include "program.h"
#include "records.h"
#include "resident.h"
#include "ring_reader.h"

namespace libbpf_ts {

namespace {

Napi::Value CpuCount(const Napi::CallbackInfo& info) {
  int count = libbpf_num_possible_cpus();
  if (count < 0) ThrowErrno(info.Env(), "count CPUs", -count);
  return Napi::Number::New(info.Env(), count);
}

// The coarse clock moves once per tick.
Napi::Value JiffiesPerSecond(const Napi::CallbackInfo& info) {
  struct timespec tick;
  if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0 || tick.tv_nsec <= 0) {
    ThrowErrno(info.Env(), "read the length of a tick", errno);
  }
  return Napi::Number::New(info.Env(), (1000000000 + tick.tv_nsec / 2) / tick.tv_nsec);
}

// setSocketOption(fd, level, option, value)
void SetSocketOption(const Napi::CallbackInfo& info) {
  int argument[4];
  for (int i = 0; i < 4; i++) argument[i] = info[i].As<Napi::Number>().Int32Value();
  int error = setsockopt(argument[0], argument[1], argument[2], &argument[3], sizeof(argument[3]));
  if (error != 0) ThrowErrno(info.Env(), "set a socket option", errno);
}

// droppedDatagrams(fd): SK_MEMINFO_DROPS of <linux/sock_diag.h>.
Napi::Value DroppedDatagrams(const Napi::CallbackInfo& info) {
  uint32_t facts[SK_MEMINFO_VARS] = {};
  socklen_t length = sizeof(facts);
  int fd = info[0].As<Napi::Number>().Int32Value();
  int error = getsockopt(fd, SOL_SOCKET, SO_MEMINFO, facts, &length);
  if (error != 0) ThrowErrno(info.Env(), "read what a socket has lost", errno);
  return Napi::Number::New(info.Env(), facts[SK_MEMINFO_DROPS]);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  InstallPrint();
  env.SetInstanceData(new AddonData);
  exports["setErrorClass"] = Napi::Function::New<SetErrorClass>(env);
  exports["NativeObject"] = ObjectFile::Define(env);
  exports["NativeMap"] = Map::Define(env);
  exports["NativeProgram"] = Program::Define(env);
  exports["NativeLink"] = Link::Define(env);
  exports["NativePass"] = Pass::Define(env);
  exports["NativeRingReader"] = RingReader::Define(env);
  exports["NativeBeacon"] = Beacon::Define(env);
  exports["announce"] = Napi::Function::New<Announce>(env);
  exports["changeInner"] = Napi::Function::New<ChangeInner>(env);
  exports["createMap"] = Napi::Function::New<Map::Create>(env);
  exports["digestOf"] = Napi::Function::New<Map::DigestOf>(env);
  exports["digestEach"] = Napi::Function::New<DigestEach>(env);
  exports["newNumbers"] = Napi::Function::New<NewNumbers>(env);
  exports["openMap"] = Napi::Function::New<Map::OpenById>(env);
  exports["getPinned"] = Napi::Function::New<GetPinned>(env);
  exports["removePin"] = Napi::Function::New<RemovePin>(env);
  exports["attachTc"] = Napi::Function::New<AttachTc>(env);
  exports["detachTc"] = Napi::Function::New<DetachTc>(env);
  exports["queryTc"] = Napi::Function::New<QueryTc>(env);
  exports["queryXdp"] = Napi::Function::New<QueryXdp>(env);
  exports["cpuCount"] = Napi::Function::New<CpuCount>(env);
  exports["jiffiesPerSecond"] = Napi::Function::New<JiffiesPerSecond>(env);
  exports["droppedDatagrams"] = Napi::Function::New<DroppedDatagrams>(env);
  exports["releaseFilePages"] = Napi::Function::New<ReleaseFilePages>(env);
  exports["readAddresses"] = Napi::Function::New<ReadAddresses>(env);
  exports["setSocketOption"] = Napi::Function::New<SetSocketOption>(env);
  return exports;
}

}  // namespace

}  // namespace libbpf_ts

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) {
  return libbpf_ts::Init(env, exports);
}

NODE_API_MODULE(libbpf_ts, InitAddon)
