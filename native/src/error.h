// Coded errors for JavaScript, and libbpf's own words to go with them.
#pragma once

#include <napi.h>

#include <string>

namespace libbpf_ts {

// What one environment (main thread or worker) holds.
struct AddonData {
  Napi::FunctionReference error_class;
};

// Collects on this thread everything that libbpf prints while it lives; nothing goes to stderr.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  const std::string& text() const { return text_; }

  // What the print function of libbpf calls: keeps the text if this thread captures.
  static void Append(const char* text, size_t length);

 private:
  std::string text_;
  LogCapture* outer_;
};

// Sends libbpf's output to LogCapture; once per process.
void InstallPrint();

// JavaScript: setErrorClass(constructor). Errors are made as new constructor(message, code, errno,
// log).
void SetErrorClass(const Napi::CallbackInfo& info);

// Throws a coded error that no system call caused.
[[noreturn]] void Throw(Napi::Env env, const char* code, const std::string& message,
                        int error = 0, const std::string& log = "");

// Throws the error of a failed call: `error` is errno or a libbpf error number, without sign.
[[noreturn]] void ThrowErrno(Napi::Env env, const std::string& what, int error,
                             const std::string& log = "");

// As ThrowErrno, under a code of our own.
[[noreturn]] void ThrowCoded(Napi::Env env, const char* code, const std::string& what, int error,
                             const std::string& log);

// "ENOENT" and the like; libbpf's own numbers have names too.
std::string ErrorName(int error);
std::string ErrorText(int error);

}  // namespace libbpf_ts
