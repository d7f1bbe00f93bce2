// SipHash-2-4 (Aumasson and Bernstein, 2012) of whole 64-bit words, little endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace libbpf_ts {

class SipHash {
 public:
  SipHash(uint64_t k0, uint64_t k1)
      : v0_(k0 ^ 0x736f6d6570736575ull),
        v1_(k1 ^ 0x646f72616e646f6dull),
        v2_(k0 ^ 0x6c7967656e657261ull),
        v3_(k1 ^ 0x7465646279746573ull) {}

  // `size` is a multiple of 8.
  static uint64_t Of(const uint8_t* data, size_t size, const uint64_t key[2]) {
    SipHash hash(key[0], key[1]);
    for (size_t at = 0; at < size; at += 8) {
      uint64_t word;
      memcpy(&word, data + at, 8);
      hash.Take(word);
    }
    hash.Take(static_cast<uint64_t>(size) << 56);
    return hash.End();
  }

 private:
  static uint64_t Rotated(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }

  void Round() {
    v0_ += v1_;
    v1_ = Rotated(v1_, 13) ^ v0_;
    v0_ = Rotated(v0_, 32);
    v2_ += v3_;
    v3_ = Rotated(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = Rotated(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = Rotated(v1_, 17) ^ v2_;
    v2_ = Rotated(v2_, 32);
  }

  void Take(uint64_t word) {
    v3_ ^= word;
    Round();
    Round();
    v0_ ^= word;
  }

  uint64_t End() {
    v2_ ^= 0xff;
    for (int i = 0; i < 4; i++) Round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

  uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace libbpf_ts
