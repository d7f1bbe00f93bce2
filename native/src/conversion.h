// Values of one layout into values of another: a list of copy instructions, made from two BTFs by
// native/lib/conversion.ts and run here over many elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace libbpf_ts {

// The instructions as words; what each is followed by.
enum class Step : int32_t {
  kCopy = 0,     // from, to, length
  kInteger = 1,  // from, size, flags, to, size, flags, Merge
  kCodes = 2,    // from, size, to, size, mask, n, n * (code, code): those masked bits, by a table
  kBits = 3,     // from, size, to, size, n, n * (bit, bit)
};

enum IntegerFlags : int32_t { kSigned = 1, kBigEndian = 2 };

enum class Merge : int32_t { kSet = 0, kAdd = 1, kMax = 2 };

class Conversion {
 public:
  // Words: size of a source, size of a target, then instructions. False when one of them would
  // leave its element.
  bool Parse(const int32_t* words, size_t count);

  size_t from_size() const { return from_; }
  size_t to_size() const { return to_; }

  // `to` holds zeroes, or what the integers shall be added to.
  void Run(const uint8_t* from, uint8_t* to) const;

 private:
  bool Fits(const int32_t* at, size_t left, size_t* length) const;

  size_t from_ = 0;
  size_t to_ = 0;
  std::vector<int32_t> words_;
};

}  // namespace libbpf_ts
