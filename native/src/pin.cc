#include "pin.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "arguments.h"
#include "error.h"
#include "fd.h"

namespace libbpf_ts {

namespace {

bool InBpfFileSystem(const std::string& path) {
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  struct statfs at;
  return statfs(directory.c_str(), &at) == 0 && at.f_type == BPF_FS_MAGIC;
}

// The kernel has one call for pins of every kind and no call that tells the kind.
std::string KindOf(int fd) {
  char target[64] = "";
  std::string link = "/proc/self/fd/" + std::to_string(fd);
  ssize_t length = readlink(link.c_str(), target, sizeof(target) - 1);
  std::string name(target, length > 0 ? static_cast<size_t>(length) : 0);
  if (name.find("bpf-map") != std::string::npos) return "map";
  if (name.find("bpf-prog") != std::string::npos) return "program";
  if (name.find("bpf_link") != std::string::npos || name.find("bpf-link") != std::string::npos) {
    return "link";
  }
  return "unknown";
}

}  // namespace

void Pin(Napi::Env env, int fd, const std::string& path) {
  LogCapture log;
  if (bpf_obj_pin(fd, path.c_str()) == 0) return;
  int error = errno;
  std::string what = "pin " + path;
  bool elsewhere = (error == EINVAL || error == EPERM) && !InBpfFileSystem(path);
  if (elsewhere) what += " (the directory is in no bpf file system)";
  ThrowErrno(env, what, error, log.text());
}

Napi::Value GetPinned(const Napi::CallbackInfo& info) {
  std::string path = TextOf(info[0]);
  std::string wanted = TextOf(info[1]);
  LogCapture log;
  int fd = bpf_obj_get(path.c_str());
  if (fd < 0) {
    int error = errno;
    std::string what = "adopt " + path;
    if (error == EINVAL && !InBpfFileSystem(path)) what += " (in no bpf file system)";
    ThrowErrno(info.Env(), what, error, log.text());
  }
  Fd owner(fd);
  std::string kind = KindOf(fd);
  if (kind != wanted) {
    Throw(info.Env(), "EUSAGE", path + " is the pin of a " + kind + ", not of a " + wanted);
  }
  return Napi::Number::New(info.Env(), owner.Release());
}

void RemovePin(const Napi::CallbackInfo& info) {
  std::string path = TextOf(info[0]);
  if (unlink(path.c_str()) != 0) ThrowErrno(info.Env(), "unpin " + path, errno);
}

}  // namespace libbpf_ts
