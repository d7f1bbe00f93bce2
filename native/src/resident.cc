#include "resident.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>

#include "error.h"
#include "fd.h"

namespace libbpf_ts {

namespace {

// Documentation/admin-guide/mm/pagemap.rst. A page that was written to since is no page of its file.
constexpr uint64_t kPresent = 1ULL << 63;
constexpr uint64_t kOfFile = 1ULL << 61;
constexpr size_t kPages = 4096;

class Releaser {
 public:
  explicit Releaser(int pagemap) : pagemap_(pagemap), page_(sysconf(_SC_PAGESIZE)) {}

  uint64_t released() const { return released_; }

  void Range(uint64_t start, uint64_t end) {
    for (uint64_t at = start; at < end; at += kPages * page_) {
      size_t count = (end - at) / page_ < kPages ? (end - at) / page_ : kPages;
      ssize_t read = pread(pagemap_, entries_, count * sizeof(uint64_t), at / page_ * sizeof(uint64_t));
      if (read != static_cast<ssize_t>(count * sizeof(uint64_t))) return;
      Runs(at, count);
    }
  }

 private:
  void Runs(uint64_t start, size_t count) {
    size_t from = 0;
    for (size_t i = 0; i <= count; i++) {
      if (i < count && (entries_[i] & kPresent) && (entries_[i] & kOfFile)) continue;
      Drop(start + from * page_, (i - from) * page_);
      from = i + 1;
    }
  }

  void Drop(uint64_t start, size_t length) {
    if (length == 0) return;
    if (madvise(reinterpret_cast<void*>(start), length, MADV_DONTNEED) == 0) released_ += length;
  }

  int pagemap_;
  uint64_t page_;
  uint64_t released_ = 0;
  uint64_t entries_[kPages];
};

struct CloseFile {
  void operator()(FILE* file) const { fclose(file); }
};

// Private mappings of files that nobody may write to: code, and what never changes.
bool IsConstant(const char* rights, const char* path) {
  return rights[0] == 'r' && rights[1] == '-' && rights[3] == 'p' && path[0] == '/';
}

}  // namespace

Napi::Value ReleaseFilePages(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Fd pagemap(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::unique_ptr<FILE, CloseFile> maps(fopen("/proc/self/maps", "re"));
  if (pagemap.get() < 0 || !maps) ThrowErrno(env, "read what is mapped", errno);
  auto releaser = std::make_unique<Releaser>(pagemap.get());
  char line[4352];
  while (fgets(line, sizeof(line), maps.get())) {
    uint64_t start, end;
    char rights[5], path[2];
    int found = sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %1s", &start, &end, rights, path);
    if (found == 4 && IsConstant(rights, path)) releaser->Range(start, end);
  }
  return Napi::Number::New(env, static_cast<double>(releaser->released()));
}

}  // namespace libbpf_ts
