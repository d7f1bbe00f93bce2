#include "object_file.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>

#include "arguments.h"
#include "btf_json.h"
#include "error.h"
#include "map_names.h"
#include "variables.h"

namespace libbpf_ts {

Napi::Function ObjectFile::Define(Napi::Env env) {
  return DefineClass(env, "NativeObject",
                     {
                         InstanceMethod<&ObjectFile::Btf>("btf"),
                         InstanceMethod<&ObjectFile::InitialValue>("initialValue"),
                         InstanceMethod<&ObjectFile::SetVariable>("setVariable"),
                         InstanceMethod<&ObjectFile::SetMaxEntries>("setMaxEntries"),
                         InstanceMethod<&ObjectFile::ReuseMap>("reuseMap"),
                         InstanceMethod<&ObjectFile::MapInfo>("mapInfo"),
                         InstanceMethod<&ObjectFile::SetAutoload>("setAutoload"),
                         InstanceMethod<&ObjectFile::Load>("load"),
                         InstanceMethod<&ObjectFile::MapFd>("map"),
                         InstanceMethod<&ObjectFile::ProgramFd>("program"),
                         InstanceMethod<&ObjectFile::MapNames>("maps"),
                         InstanceMethod<&ObjectFile::ProgramNames>("programs"),
                         InstanceMethod<&ObjectFile::Close>("close"),
                     });
}

ObjectFile::ObjectFile(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ObjectFile>(info), path_(TextOf(info[0])) {
  LogCapture log;
  object_ = bpf_object__open_file(path_.c_str(), nullptr);
  if (object_ == nullptr) ThrowErrno(info.Env(), "open " + path_, errno, log.text());
}

ObjectFile::~ObjectFile() {
  LogCapture quiet;
  bpf_object__close(object_);
}

struct bpf_object* ObjectFile::Opened(Napi::Env env) const {
  if (object_ == nullptr) Throw(env, "ECLOSED", "object " + path_ + " is closed");
  return object_;
}

struct bpf_object* ObjectFile::Before(Napi::Env env, const char* call) const {
  struct bpf_object* object = Opened(env);
  if (state_ != State::kOpen) {
    Throw(env, "ESTATE", std::string(call) + " must come before load of " + path_);
  }
  return object;
}

struct bpf_object* ObjectFile::After(Napi::Env env, const char* call) const {
  struct bpf_object* object = Opened(env);
  if (state_ != State::kLoaded) {
    Throw(env, "ESTATE",
          std::string(call) + ": " + path_ +
              (state_ == State::kOpen ? " is not loaded yet" : " failed to load"));
  }
  return object;
}

struct bpf_map* ObjectFile::FindMap(Napi::Env env, const std::string& name) const {
  struct bpf_map* map = bpf_object__find_map_by_name(object_, name.c_str());
  if (map == nullptr) Throw(env, "EUNKNOWN", path_ + " has no map '" + name + "'", ENOENT);
  return map;
}

struct bpf_program* ObjectFile::FindProgram(Napi::Env env, const std::string& name) const {
  struct bpf_program* program = bpf_object__find_program_by_name(object_, name.c_str());
  if (program == nullptr) {
    Throw(env, "EUNKNOWN", path_ + " has no program '" + name + "'", ENOENT);
  }
  return program;
}

Napi::Value ObjectFile::Btf(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct bpf_object* object = Opened(env);
  if (bpf_object__btf(object) == nullptr) {
    Throw(env, "ENOBTF", path_ + " has no BTF: compile it with -g");
  }
  return BtfToJs(env, object);
}

Napi::Value ObjectFile::InitialValue(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Opened(env);
  std::string name = TextOf(info[0]);
  size_t size = 0;
  const void* value = bpf_map__initial_value(FindMap(env, name), &size);
  if (value == nullptr) {
    Throw(env, "EUSAGE", "map " + name + " has no initial value: it is no data section");
  }
  return Napi::Buffer<uint8_t>::Copy(env, static_cast<const uint8_t*>(value), size);
}

void ObjectFile::SetVariable(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  SetReadOnlyVariable(env, Before(env, "setReadOnly"), TextOf(info[0]),
                      info[1].As<Napi::BigInt>());
}

void ObjectFile::SetMaxEntries(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Before(env, "setMaxEntries");
  std::string name = TextOf(info[0]);
  LogCapture log;
  int error = bpf_map__set_max_entries(FindMap(env, name), U32Of(info[1]));
  if (error != 0) ThrowErrno(env, "set size of map " + name, -error, log.text());
}

void ObjectFile::ReuseMap(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Before(env, "reuseMap");
  std::string name = TextOf(info[0]);
  int fd = IntOf(info[1]);
  struct bpf_map* map = FindMap(env, name);
  struct bpf_map_info old = {};
  uint32_t size = sizeof(old);
  if (bpf_obj_get_info_by_fd(fd, &old, &size) != 0) ThrowErrno(env, "describe map", errno);

  auto demand = [&](const char* what, uint32_t wants, uint32_t has) {
    if (wants == has) return;
    Throw(env, "EUSAGE",
          "map " + name + " cannot be taken over: " + what + " " + std::to_string(has) + ", " +
              path_ + " wants " + std::to_string(wants));
  };
  demand("type", bpf_map__type(map), old.type);
  demand("key size", bpf_map__key_size(map), old.key_size);
  demand("value size", bpf_map__value_size(map), old.value_size);
  LogCapture log;
  int error = bpf_map__reuse_fd(map, fd);
  if (error != 0) ThrowErrno(env, "reuse map " + name, -error, log.text());
}

// As the object will make it: what bpf_map_info tells of a map that is there, but for its id.
Napi::Value ObjectFile::MapInfo(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Opened(env);
  std::string name = TextOf(info[0]);
  const struct bpf_map* map = FindMap(env, name);
  Napi::Object result = Napi::Object::New(env);
  result["name"] = Napi::String::New(env, name);
  result["type"] = Napi::Number::New(env, bpf_map__type(map));
  result["keySize"] = Napi::Number::New(env, bpf_map__key_size(map));
  result["valueSize"] = Napi::Number::New(env, bpf_map__value_size(map));
  result["maxEntries"] = Napi::Number::New(env, bpf_map__max_entries(map));
  result["flags"] = Napi::Number::New(env, bpf_map__map_flags(map));
  return result;
}

void ObjectFile::SetAutoload(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Before(env, "setAutoload");
  struct bpf_program* program = FindProgram(env, TextOf(info[0]));
  bpf_program__set_autoload(program, info[1].As<Napi::Boolean>().Value());
}

void ObjectFile::Load(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct bpf_object* object = Before(env, "load");
  LogCapture log;
  int error = bpf_object__load(object);
  if (error == 0) {
    state_ = State::kLoaded;
    return;
  }
  state_ = State::kFailed;
  bool verifier = log.text().find("-- BEGIN PROG LOAD LOG --") != std::string::npos;
  std::string code = verifier ? "EVERIFIER" : ErrorName(-error);
  ThrowCoded(env, code.c_str(), "load " + path_, -error, log.text());
}

Napi::Value ObjectFile::Duplicate(Napi::Env env, int fd, const std::string& what) const {
  if (fd < 0) Throw(env, "ESTATE", what + " was not loaded");
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) ThrowErrno(env, what, errno);
  return Napi::Number::New(env, copy);
}

Napi::Value ObjectFile::MapFd(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string name = TextOf(info[0]);
  Opened(env);
  struct bpf_map* map = FindMap(env, name);
  After(env, "map");
  return Duplicate(env, bpf_map__fd(map), "map " + name);
}

Napi::Value ObjectFile::ProgramFd(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string name = TextOf(info[0]);
  Opened(env);
  struct bpf_program* program = FindProgram(env, name);
  After(env, "program");
  return Duplicate(env, bpf_program__fd(program), "program " + name);
}

Napi::Value ObjectFile::MapNames(const Napi::CallbackInfo& info) {
  struct bpf_object* object = Opened(info.Env());
  Napi::Array names = Napi::Array::New(info.Env());
  struct bpf_map* map;
  bpf_object__for_each_map(map, object) {
    names.Set(names.Length(), Napi::String::New(info.Env(), PublicName(map)));
  }
  return names;
}

Napi::Value ObjectFile::ProgramNames(const Napi::CallbackInfo& info) {
  struct bpf_object* object = Opened(info.Env());
  Napi::Array names = Napi::Array::New(info.Env());
  struct bpf_program* program;
  bpf_object__for_each_program(program, object) {
    names.Set(names.Length(), Napi::String::New(info.Env(), bpf_program__name(program)));
  }
  return names;
}

void ObjectFile::Close(const Napi::CallbackInfo&) {
  LogCapture quiet;
  bpf_object__close(object_);
  object_ = nullptr;
}

}  // namespace libbpf_ts
