#include "error.h"

#include <bpf/libbpf.h>
#include <string.h>

#include <cstdarg>
#include <cstdio>
#include <vector>

namespace libbpf_ts {

namespace {

// A verifier log can hold megabytes; its end says what was wrong.
constexpr size_t kKeptLog = 256 * 1024;

// The kernel's "operation not supported by this kind of map"; libc has no name for it.
constexpr int kNotSupported = 524;

thread_local LogCapture* current = nullptr;

int Print(enum libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG || current == nullptr) return 0;
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return 0;
  std::vector<char> text(static_cast<size_t>(length) + 1);
  vsnprintf(text.data(), text.size(), format, args);
  LogCapture::Append(text.data(), static_cast<size_t>(length));
  return 0;
}

}  // namespace

void LogCapture::Append(const char* more, size_t length) {
  if (current == nullptr) return;
  std::string& text = current->text_;
  text.append(more, length);
  if (text.size() > kKeptLog) text.erase(0, text.size() - kKeptLog);
}

LogCapture::LogCapture() : outer_(current) { current = this; }

LogCapture::~LogCapture() { current = outer_; }

void InstallPrint() { libbpf_set_print(Print); }

void SetErrorClass(const Napi::CallbackInfo& info) {
  AddonData* data = info.Env().GetInstanceData<AddonData>();
  data->error_class = Napi::Persistent(info[0].As<Napi::Function>());
}

void Throw(Napi::Env env, const char* code, const std::string& message, int error,
           const std::string& log) {
  AddonData* data = env.GetInstanceData<AddonData>();
  if (data->error_class.IsEmpty()) throw Napi::Error::New(env, message);
  Napi::Object made = data->error_class.New(
      {Napi::String::New(env, message), Napi::String::New(env, code),
       Napi::Number::New(env, error), Napi::String::New(env, log)});
  throw Napi::Error(env, made);
}

void ThrowErrno(Napi::Env env, const std::string& what, int error, const std::string& log) {
  ThrowCoded(env, ErrorName(error).c_str(), what, error, log);
}

void ThrowCoded(Napi::Env env, const char* code, const std::string& what, int error,
                const std::string& log) {
  Throw(env, code, what + ": " + ErrorText(error), error, log);
}

std::string ErrorName(int error) {
  if (error == kNotSupported) return "ENOTSUPP";
  if (error >= __LIBBPF_ERRNO__START) {
    static const char* const names[] = {"ELIBELF",  "EFORMAT",  "EKVERSION", "EENDIAN",
                                        "EINTERNAL", "ERELOC",   "ELOAD",     "EVERIFIER",
                                        "EPROG2BIG", "EKVER",    "EPROGTYPE", "EWRNGPID",
                                        "EINVSEQ",   "ENLPARSE"};
    size_t index = static_cast<size_t>(error - __LIBBPF_ERRNO__START);
    return index < sizeof(names) / sizeof(names[0]) ? names[index] : "ELIBBPF";
  }
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : "E" + std::to_string(error);
}

std::string ErrorText(int error) {
  if (error == kNotSupported) return "Operation not supported by this kind of map or program";
  char text[128] = "";
  libbpf_strerror(error, text, sizeof(text));
  return text;
}

}  // namespace libbpf_ts
