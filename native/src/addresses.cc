#include "addresses.h"

#include "arguments.h"

namespace libbpf_ts {

namespace {

// A number up to 255 as it is always written; a leading zero is for others to explain.
bool ReadPart(const uint8_t** at, const uint8_t* end, uint8_t* part) {
  const uint8_t* first = *at;
  unsigned value = 0;
  while (*at < end && **at >= '0' && **at <= '9') {
    if (*at > first && *first == '0') return false;
    value = value * 10 + (**at - '0');
    if (value > 255) return false;
    (*at)++;
  }
  *part = static_cast<uint8_t>(value);
  return *at > first;
}

// One line with its end, which may be one of Windows; the address in the order of the network.
bool ReadLine(const uint8_t** at, const uint8_t* end, uint8_t* address) {
  for (int part = 0; part < 4; part++) {
    if (part > 0 && (*at == end || *(*at)++ != '.')) return false;
    if (!ReadPart(at, end, &address[part])) return false;
  }
  if (*at < end && **at == '\r') (*at)++;
  return *at < end && *(*at)++ == '\n';
}

}  // namespace

Napi::Value ReadAddresses(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Bytes bytes = BytesOf(info[0]), into = BytesOf(info[2]);
  const uint8_t* end = bytes.data + bytes.size;
  const uint8_t* done = bytes.data + U32Of(info[1]);
  const uint8_t* at = done;
  uint8_t* to = into.data;
  uint8_t* room = into.data + into.size / 4 * 4;
  while (to < room && ReadLine(&at, end, to)) {
    done = at;
    to += 4;
  }
  Napi::Object result = Napi::Object::New(env);
  result["count"] = Napi::Number::New(env, (to - into.data) / 4);
  result["end"] = Napi::Number::New(env, done - bytes.data);
  return result;
}

}  // namespace libbpf_ts
