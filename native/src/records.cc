// There is nothing faster: what took its place in OpenSSL 3 looks the algorithm up for each digest.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "records.h"

#include <openssl/sha.h>

#include "arguments.h"

namespace libbpf_ts {

namespace {

uint32_t BigEndian(const uint8_t* at) {
  return static_cast<uint32_t>(at[0]) << 24 | static_cast<uint32_t>(at[1]) << 16 |
         static_cast<uint32_t>(at[2]) << 8 | at[3];
}

}  // namespace

Napi::Value NewNumbers(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Bytes bytes = BytesOf(info[0]), seen = BytesOf(info[3]);
  size_t size = U32Of(info[1]), offset = U32Of(info[2]);
  Napi::Array numbers = Napi::Array::New(env);
  uint32_t count = 0;
  for (size_t at = 0; at + size <= bytes.size; at += size) {
    uint32_t number = BigEndian(bytes.data + at + offset);
    if (number / 8 >= seen.size) continue;
    uint8_t bit = static_cast<uint8_t>(1u << (number % 8));
    if (seen.data[number / 8] & bit) continue;
    seen.data[number / 8] |= bit;
    numbers.Set(count++, Napi::Number::New(env, number));
  }
  return numbers;
}

Napi::Value DigestEach(const Napi::CallbackInfo& info) {
  Bytes bytes = BytesOf(info[0]);
  Napi::Uint32Array ends = info[1].As<Napi::Uint32Array>();
  size_t count = ends.ElementLength();
  Napi::Buffer<uint8_t> digests =
      Napi::Buffer<uint8_t>::New(info.Env(), count * SHA256_DIGEST_LENGTH);
  uint8_t* to = digests.Data();
  uint32_t from = 0;
  for (size_t i = 0; i < count; i++, to += SHA256_DIGEST_LENGTH) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes.data + from, ends[i] - from);
    SHA256_Final(to, &context);
    from = ends[i];
  }
  return digests;
}

}  // namespace libbpf_ts
