#include "beacon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "arguments.h"
#include "error.h"

namespace libbpf_ts {

namespace {

// What the thread-safe function's finalizer needs: it runs when the function goes, whoever began.
struct Ending {
  std::shared_ptr<BeaconThread> thread;
  std::shared_ptr<BeaconNews> news;
  std::shared_ptr<bool> gone;
};

std::vector<uint32_t> Numbers(const Napi::Value& value) {
  Napi::Uint32Array array = value.As<Napi::Uint32Array>();
  return std::vector<uint32_t>(array.Data(), array.Data() + array.ElementLength());
}

std::vector<uint8_t> Copy(const Napi::Value& value) {
  Bytes bytes = BytesOf(value);
  return std::vector<uint8_t>(bytes.data, bytes.data + bytes.size);
}

uint64_t Nanoseconds(const Napi::Value& ms) {
  return static_cast<uint64_t>(ms.As<Napi::Number>().DoubleValue() * 1e6);
}

Napi::Value Big(Napi::Env env, uint64_t value) { return Napi::BigInt::New(env, value); }

bool Address(const std::string& text, uint32_t port, struct sockaddr_storage* to, socklen_t* size) {
  auto* v4 = reinterpret_cast<struct sockaddr_in*>(to);
  auto* v6 = reinterpret_cast<struct sockaddr_in6*>(to);
  memset(to, 0, sizeof(*to));
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    *size = sizeof(*v4);
    return true;
  }
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(static_cast<uint16_t>(port));
  *size = sizeof(*v6);
  return inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1;
}

// Bound, and not connected: there may be no way to the other end yet. What others send there is
// refused one by one.
void OpenSocket(Napi::Env env, const Napi::Object& udp, BeaconSpec* spec) {
  std::string local = TextOf(udp.Get("localAddress"));
  std::string remote = TextOf(udp.Get("remoteAddress"));
  struct sockaddr_storage here;
  socklen_t size = 0;
  if (!Address(local, U32Of(udp.Get("localPort")), &here, &size) ||
      (!remote.empty() &&
       !Address(remote, U32Of(udp.Get("remotePort")), &spec->remote, &spec->remote_length))) {
    Throw(env, "EUSAGE", "no addresses: " + local + ", " + remote);
  }
  spec->socket = Fd(socket(here.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int on = 1;
  // The address may come up later than the daemon.
  int level = here.ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  int option = here.ss_family == AF_INET ? IP_FREEBIND : IPV6_FREEBIND;
  int fd = spec->socket.get();
  if (fd < 0 || setsockopt(fd, level, option, &on, sizeof(on)) != 0 ||
      bind(fd, reinterpret_cast<struct sockaddr*>(&here), size) != 0) {
    ThrowErrno(env, "open " + local + " for probes", errno);
  }
  spec->datagram = Copy(udp.Get("datagram"));
  spec->expected = Copy(udp.Get("expected"));
  spec->expected_mask = Copy(udp.Get("expectedMask"));
  spec->told_mask = Copy(udp.Get("toldMask"));
}

void TakeMemories(Napi::Env env, const Napi::Object& o, BeaconSpec* spec) {
  std::vector<uint32_t> pairs = Numbers(o.Get("memories"));
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    auto memory = SharedMemory::Map(static_cast<int>(pairs[i]), pairs[i + 1]);
    if (!memory) ThrowErrno(env, "map memory of a beacon", errno);
    spec->memories.push_back(memory);
  }
}

void TakeSpots(const Napi::Object& o, BeaconSpec* spec) {
  std::vector<uint32_t> n = Numbers(o.Get("awake"));
  spec->awake = {n[0], n[1]};
  n = Numbers(o.Get("hears"));
  spec->hears = {n[0], n[1]};
  n = Numbers(o.Get("heard"));
  for (size_t i = 0; i + 1 < n.size(); i += 2) spec->heard.push_back({n[i], n[i + 1]});
  n = Numbers(o.Get("fields"));
  for (size_t i = 0; i + 4 < n.size(); i += 5) {
    spec->fields.push_back({{n[i], n[i + 1]}, n[i + 2], n[i + 3], n[i + 4] != 0});
  }
  n = Numbers(o.Get("regions"));
  for (size_t i = 0; i + 2 < n.size(); i += 3) {
    spec->regions.push_back({{n[i], n[i + 1]}, n[i + 2], {}});
  }
}

void TakeActivities(const Napi::Object& o, BeaconSpec* spec) {
  // The caller may close its own.
  spec->counters = dup(IntOf(o.Get("counters")));
  spec->counter_bytes = U32Of(o.Get("counterBytes"));
  Napi::Array list = o.Get("activities").As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    Napi::Object one = list.Get(i).As<Napi::Object>();
    std::vector<uint32_t> quiet = Numbers(one.Get("quiet"));
    Activity activity;
    activity.plus = Numbers(one.Get("plus"));
    activity.minus = Numbers(one.Get("minus"));
    activity.quiet = {quiet[0], quiet[1]};
    spec->activities.push_back(activity);
  }
}

}  // namespace

void TellBeaconNews(Napi::Env env, Napi::Function callback, void*, BeaconNews* news) {
  news->pending = false;
  if (env == nullptr || callback == nullptr) return;
  Napi::HandleScope scope(env);
  callback.Call({});
}

Napi::Function Beacon::Define(Napi::Env env) {
  return DefineClass(env, "NativeBeacon",
                     {
                         InstanceMethod<&Beacon::SetFrames>("setFrames"),
                         InstanceMethod<&Beacon::SetKeys>("setKeys"),
                         InstanceMethod<&Beacon::SetRemote>("setRemote"),
                         InstanceMethod<&Beacon::SetMoved>("setMoved"),
                         InstanceMethod<&Beacon::Kick>("kick"),
                         InstanceMethod<&Beacon::Snapshot>("snapshot"),
                         InstanceMethod<&Beacon::Close>("close"),
                     });
}

Beacon::Beacon(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Beacon>(info) {
  Napi::Env env = info.Env();
  Napi::Object o = info[0].As<Napi::Object>();
  BeaconSpec spec;
  spec.interval = Nanoseconds(o.Get("intervalMs"));
  spec.lost = Nanoseconds(o.Get("lostMs"));
  spec.quiet_unit = Nanoseconds(o.Get("quietUnitMs"));
  spec.payload_at = U32Of(o.Get("payloadAt"));
  spec.payload_bytes = U32Of(o.Get("payloadBytes"));
  spec.counter_at = U32Of(o.Get("counterAt"));
  spec.key_at = U32Of(o.Get("keyAt"));
  TakeMemories(env, o, &spec);
  TakeSpots(o, &spec);
  TakeActivities(o, &spec);
  if (o.Get("udp").IsObject()) OpenSocket(env, o.Get("udp").As<Napi::Object>(), &spec);
  bool lossless = false;
  uint64_t counter = o.Get("counter").As<Napi::BigInt>().Uint64Value(&lossless);

  news_ = std::make_shared<BeaconNews>();
  gone_ = std::make_shared<bool>(false);
  auto news = news_;
  BeaconCall* call = &call_;
  auto thread = std::make_shared<BeaconThread>(std::move(spec), counter, [news, call] {
    if (news->pending.exchange(true)) return;
    if (call->NonBlockingCall(news.get()) != napi_ok) news->pending = false;
  });
  if (!thread->Open()) ThrowErrno(env, "open sockets of a beacon", errno);
  thread_ = thread;
  call_ = BeaconCall::New(
      env, info[1].As<Napi::Function>(), "libbpf-ts beacon", 0, 1, static_cast<void*>(nullptr),
      [](Napi::Env, Ending* ending, void*) {
        // At exit the function goes first: the thread must not outlive it.
        ending->thread->Stop();
        *ending->gone = true;
        delete ending;
      },
      new Ending{thread_, news_, gone_});
  thread_->Start();
}

BeaconThread& Beacon::Running(Napi::Env env) {
  if (!thread_) Throw(env, "ECLOSED", "the beacon is closed");
  return *thread_;
}

void Beacon::SetFrames(const Napi::CallbackInfo& info) {
  std::vector<uint32_t> ports = Numbers(info[0]);
  Napi::Array list = info[1].As<Napi::Array>();
  std::vector<BeaconFrame> frames;
  for (uint32_t i = 0; i < list.Length(); i++) {
    frames.push_back({static_cast<int>(ports[i]), Copy(list.Get(i))});
  }
  Running(info.Env()).SetFrames(std::move(frames));
}

void Beacon::SetKeys(const Napi::CallbackInfo& info) {
  Bytes bytes = BytesOf(info[0]);
  uint64_t keys[2][2];
  memcpy(keys, bytes.data, sizeof(keys));
  uint64_t received[2];
  memcpy(received, info[3].As<Napi::BigUint64Array>().Data(), sizeof(received));
  Running(info.Env()).SetKeys(keys, U32Of(info[1]), U32Of(info[2]), received);
}

void Beacon::SetRemote(const Napi::CallbackInfo& info) {
  std::string text = TextOf(info[0]);
  struct sockaddr_storage remote;
  socklen_t length = 0;
  if (!Address(text, U32Of(info[1]), &remote, &length)) {
    Throw(info.Env(), "EUSAGE", "no address: " + text);
  }
  Running(info.Env()).SetRemote(remote, length);
}

void Beacon::SetMoved(const Napi::CallbackInfo& info) {
  Running(info.Env()).SetMoved(TakeAnnouncements(info.Env(), info[0], info[1]));
}

void Beacon::Kick(const Napi::CallbackInfo& info) {
  Running(info.Env()).Kick(info[0].As<Napi::Boolean>().Value());
}

Napi::Value Beacon::Snapshot(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  BeaconSnapshot now = Running(env).Snapshot();
  Napi::Object result = Napi::Object::New(env);
  result["now"] = Big(env, now.now);
  result["awake"] = Big(env, now.awake);
  result["looked"] = Big(env, now.looked);
  result["heard"] = Big(env, now.heard);
  result["said"] = Napi::Buffer<uint8_t>::Copy(env, now.said.data(), now.said.size());
  result["counter"] = Big(env, now.counter);
  result["rounds"] = Napi::Number::New(env, static_cast<double>(now.rounds));
  result["naps"] = Napi::Number::New(env, static_cast<double>(now.naps));
  result["failed"] = Napi::Number::New(env, static_cast<double>(now.failed));
  result["refused"] = Napi::Number::New(env, static_cast<double>(now.refused));
  result["movedLeft"] = Napi::Boolean::New(env, now.moved_left);
  return result;
}

void Beacon::Shut() {
  if (!thread_) return;
  thread_->Stop();
  thread_.reset();
  if (!*gone_) call_.Abort();
}

}  // namespace libbpf_ts
