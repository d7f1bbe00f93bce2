// Reading arguments that the TypeScript side has already checked for type.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

namespace libbpf_ts {

struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};

// A Uint8Array's memory; null and undefined give no bytes. Valid until control returns to
// JavaScript.
inline Bytes BytesOf(const Napi::Value& value) {
  if (!value.IsTypedArray()) return {};
  Napi::Uint8Array array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

inline uint32_t U32Of(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

inline int IntOf(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

inline std::string TextOf(const Napi::Value& value) {
  return value.As<Napi::String>().Utf8Value();
}

}  // namespace libbpf_ts
