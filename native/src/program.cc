#include "program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>

#include "arguments.h"
#include "error.h"
#include "network.h"
#include "pin.h"

namespace libbpf_ts {

namespace {

std::string Hex(const uint8_t* bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; i++) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

Napi::Buffer<uint8_t> Slice(Napi::Env env, const std::vector<uint8_t>& from, size_t size) {
  return Napi::Buffer<uint8_t>::Copy(env, from.data(), size < from.size() ? size : from.size());
}

}  // namespace

Napi::Function Program::Define(Napi::Env env) {
  return DefineClass(env, "NativeProgram",
                     {
                         InstanceMethod<&Program::Info>("info"),
                         InstanceMethod<&Program::Descriptor>("descriptor"),
                         InstanceMethod<&Program::MapIds>("mapIds"),
                         InstanceMethod<&Program::TestRun>("testRun"),
                         InstanceMethod<&Program::AttachXdp>("attachXdp"),
                         InstanceMethod<&Program::AttachTcx>("attachTcx"),
                         InstanceMethod<&Program::AttachTracing>("attachTracing"),
                         InstanceMethod<&Program::Pin>("pin"),
                         InstanceMethod<&Program::Close>("close"),
                     });
}

Program::Program(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Program>(info), fd_(IntOf(info[0])) {
  struct bpf_prog_info about = {};
  uint32_t size = sizeof(about);
  if (bpf_obj_get_info_by_fd(fd_.get(), &about, &size) != 0) {
    ThrowErrno(info.Env(), "describe program", errno);
  }
  name_ = about.name;
  tag_ = Hex(about.tag, sizeof(about.tag));
  id_ = about.id;
  type_ = about.type;
  verified_ = about.verified_insns;
}

int Program::Open(Napi::Env env) const {
  if (!fd_.open()) Throw(env, "ECLOSED", "program " + name_ + " is closed");
  return fd_.get();
}

Napi::Value Program::Info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result["id"] = Napi::Number::New(env, id_);
  result["name"] = Napi::String::New(env, name_);
  result["type"] = Napi::Number::New(env, type_);
  result["tag"] = Napi::String::New(env, tag_);
  result["verifiedInstructions"] = Napi::Number::New(env, verified_);
  return result;
}

Napi::Value Program::MapIds(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t ids[64];
  struct bpf_prog_info about = {};
  about.nr_map_ids = sizeof(ids) / sizeof(ids[0]);
  about.map_ids = reinterpret_cast<uintptr_t>(ids);
  uint32_t size = sizeof(about);
  if (bpf_obj_get_info_by_fd(Open(env), &about, &size) != 0) {
    ThrowErrno(env, "describe program " + name_, errno);
  }
  Napi::Array result = Napi::Array::New(env);
  uint32_t count = about.nr_map_ids < 64 ? about.nr_map_ids : 64;
  for (uint32_t i = 0; i < count; i++) result.Set(i, Napi::Number::New(env, ids[i]));
  return result;
}

Napi::Value Program::Descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Open(info.Env()));
}

// testRun(data, dataOut, ctx, repeat, live, batchSize) -> {retval, data, ctx, durationNs}
Napi::Value Program::TestRun(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  Bytes data = BytesOf(info[0]);
  Bytes ctx = BytesOf(info[2]);
  bool live = info[4].As<Napi::Boolean>().Value();
  std::vector<uint8_t> data_out(U32Of(info[1]));
  std::vector<uint8_t> ctx_out(ctx.data, ctx.data + ctx.size);

  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.repeat = IntOf(info[3]);
  if (data.size > 0) {
    options.data_in = data.data;
    options.data_size_in = static_cast<uint32_t>(data.size);
  }
  if (type_ == BPF_PROG_TYPE_SYSCALL) {
    // The kernel writes the context back in place and takes nothing else.
    options.ctx_in = ctx_out.empty() ? nullptr : ctx_out.data();
    options.ctx_size_in = static_cast<uint32_t>(ctx_out.size());
    options.repeat = 0;
  } else {
    options.ctx_in = ctx.size > 0 ? ctx.data : nullptr;
    options.ctx_size_in = static_cast<uint32_t>(ctx.size);
    if (live) {
      options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
      options.batch_size = U32Of(info[5]);
    } else {
      options.data_out = data_out.empty() ? nullptr : data_out.data();
      options.data_size_out = static_cast<uint32_t>(data_out.size());
      options.ctx_out = ctx_out.empty() ? nullptr : ctx_out.data();
      options.ctx_size_out = static_cast<uint32_t>(ctx_out.size());
    }
  }
  LogCapture log;
  int error = bpf_prog_test_run_opts(fd, &options);
  if (error != 0) ThrowErrno(env, What("test run of"), -error, log.text());
  // Live frames go away; the kernel reports their length all the same.
  if (live) data_out.clear();

  Napi::Object result = Napi::Object::New(env);
  result["retval"] = Napi::Number::New(env, options.retval);
  result["data"] = Slice(env, data_out, options.data_size_out);
  result["ctx"] = type_ == BPF_PROG_TYPE_SYSCALL ? Slice(env, ctx_out, ctx_out.size())
                                                 : Slice(env, ctx_out, options.ctx_size_out);
  result["durationNs"] = Napi::Number::New(env, options.duration);
  return result;
}

Napi::Value Program::AttachXdp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.flags = info[1].As<Napi::Boolean>().Value() ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
  LogCapture log;
  int ifindex = IntOf(info[0]);
  int link = bpf_link_create(fd, ifindex, BPF_XDP, &options);
  if (link < 0) {
    int error = link == -EINVAL && !InterfaceExists(ifindex) ? ENODEV : -link;
    ThrowErrno(env, What("attach XDP") + " to interface " + std::to_string(ifindex), error,
               log.text());
  }
  return Napi::Number::New(env, link);
}

// Numbers of the kernel's own: headers of the libbpf we build with may be older than tcx (6.6).
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);
constexpr uint32_t kBeforeOthers = 1U << 3;

Napi::Value Program::AttachTcx(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.flags = kBeforeOthers;
  LogCapture log;
  int ifindex = IntOf(info[0]);
  bool egress = info[1].As<Napi::Boolean>().Value();
  int link = bpf_link_create(fd, ifindex, egress ? kTcxEgress : kTcxIngress, &options);
  if (link < 0) {
    int error = link == -EINVAL && !InterfaceExists(ifindex) ? ENODEV : -link;
    ThrowErrno(env, What("attach tcx") + " to interface " + std::to_string(ifindex), error,
               log.text());
  }
  return Napi::Number::New(env, link);
}

Napi::Value Program::AttachTracing(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Open(env);
  LogCapture log;
  int link = bpf_raw_tracepoint_open(nullptr, fd);
  if (link < 0) ThrowErrno(env, What("attach tracepoint"), -link, log.text());
  return Napi::Number::New(env, link);
}

void Program::Pin(const Napi::CallbackInfo& info) {
  libbpf_ts::Pin(info.Env(), Open(info.Env()), TextOf(info[0]));
}

void Program::Close(const Napi::CallbackInfo&) { fd_.Close(); }

}  // namespace libbpf_ts
