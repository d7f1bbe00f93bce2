#include "conversion.h"

#include <cstring>

namespace libbpf_ts {

namespace {

uint64_t Swapped(uint64_t bits, int32_t size) {
  return __builtin_bswap64(bits) >> (64 - size * 8);
}

// Sign-extended when signed.
uint64_t Load(const uint8_t* from, int32_t size, int32_t flags) {
  uint64_t bits = 0;
  memcpy(&bits, from, static_cast<size_t>(size));
  if (flags & kBigEndian) bits = Swapped(bits, size);
  if ((flags & kSigned) && size < 8 && (bits >> (size * 8 - 1)) != 0) bits |= ~0ull << (size * 8);
  return bits;
}

void Store(uint8_t* to, int32_t size, int32_t flags, uint64_t bits) {
  if (flags & kBigEndian) bits = Swapped(bits, size);
  memcpy(to, &bits, static_cast<size_t>(size));
}

// A number that the narrower integer cannot hold becomes the nearest that it can.
uint64_t Clamped(uint64_t bits, bool was_signed, int32_t size, int32_t flags) {
  bool negative = was_signed && static_cast<int64_t>(bits) < 0;
  if (flags & kSigned) {
    uint64_t most = ~0ull >> (65 - size * 8);
    if (!negative) return bits > most ? most : bits;
    int64_t least = -static_cast<int64_t>(most) - 1;
    return static_cast<int64_t>(bits) < least ? static_cast<uint64_t>(least) : bits;
  }
  uint64_t most = size == 8 ? ~0ull : (1ull << (size * 8)) - 1;
  if (negative) return 0;
  return bits > most ? most : bits;
}

void RunInteger(const int32_t* at, const uint8_t* from, uint8_t* to) {
  uint64_t bits = Load(from + at[1], at[2], at[3]);
  uint8_t* place = to + at[4];
  auto merge = static_cast<Merge>(at[7]);
  if (merge != Merge::kSet) {
    uint64_t there = Load(place, at[5], at[6]);
    if (merge == Merge::kAdd) bits += there;
    if (merge == Merge::kMax && bits < there) bits = there;
  }
  Store(place, at[5], at[6], Clamped(bits, (at[3] & kSigned) != 0, at[5], at[6]));
}

void RunCodes(const int32_t* at, const uint8_t* from, uint8_t* to) {
  uint64_t mask = static_cast<uint32_t>(at[5]);
  uint64_t code = Load(from + at[1], at[2], 0) & mask;
  // A code without a name keeps its number.
  uint64_t becomes = code;
  for (int32_t i = 0; i < at[6]; i++) {
    if (static_cast<uint32_t>(at[7 + 2 * i]) != code) continue;
    becomes = static_cast<uint32_t>(at[8 + 2 * i]);
    break;
  }
  Store(to + at[3], at[4], 0, Load(to + at[3], at[4], 0) | becomes);
}

void RunBits(const int32_t* at, const uint8_t* from, uint8_t* to) {
  uint64_t bits = Load(from + at[1], at[2], 0);
  uint64_t becomes = Load(to + at[3], at[4], 0);
  for (int32_t i = 0; i < at[5]; i++) {
    if (bits & static_cast<uint32_t>(at[6 + 2 * i])) {
      becomes |= static_cast<uint32_t>(at[7 + 2 * i]);
    }
  }
  Store(to + at[3], at[4], 0, becomes);
}

bool Within(int32_t offset, int32_t length, size_t size) {
  return offset >= 0 && length >= 0 &&
         static_cast<size_t>(offset) + static_cast<size_t>(length) <= size;
}

bool IsWidth(int32_t size) { return size == 1 || size == 2 || size == 4 || size == 8; }

}  // namespace

bool Conversion::Fits(const int32_t* at, size_t left, size_t* length) const {
  switch (static_cast<Step>(at[0])) {
    case Step::kCopy:
      *length = 4;
      return left >= 4 && Within(at[1], at[3], from_) && Within(at[2], at[3], to_);
    case Step::kInteger:
      *length = 8;
      return left >= 8 && IsWidth(at[2]) && IsWidth(at[5]) && Within(at[1], at[2], from_) &&
             Within(at[4], at[5], to_);
    case Step::kCodes:
      if (left < 7 || at[6] < 0) return false;
      *length = 7 + 2 * static_cast<size_t>(at[6]);
      break;
    case Step::kBits:
      if (left < 6 || at[5] < 0) return false;
      *length = 6 + 2 * static_cast<size_t>(at[5]);
      break;
    default:
      return false;
  }
  return left >= *length && IsWidth(at[2]) && IsWidth(at[4]) && Within(at[1], at[2], from_) &&
         Within(at[3], at[4], to_);
}

bool Conversion::Parse(const int32_t* words, size_t count) {
  if (count < 2 || words[0] < 0 || words[1] < 0) return false;
  from_ = static_cast<size_t>(words[0]);
  to_ = static_cast<size_t>(words[1]);
  words_.assign(words + 2, words + count);
  for (size_t at = 0; at < words_.size();) {
    size_t length = 0;
    if (!Fits(&words_[at], words_.size() - at, &length)) return false;
    at += length;
  }
  return true;
}

void Conversion::Run(const uint8_t* from, uint8_t* to) const {
  size_t length = 0;
  for (size_t at = 0; at < words_.size(); at += length) {
    const int32_t* step = &words_[at];
    switch (static_cast<Step>(step[0])) {
      case Step::kCopy:
        memcpy(to + step[2], from + step[1], static_cast<size_t>(step[3]));
        length = 4;
        break;
      case Step::kInteger:
        RunInteger(step, from, to);
        length = 8;
        break;
      case Step::kCodes:
        RunCodes(step, from, to);
        length = 7 + 2 * static_cast<size_t>(step[6]);
        break;
      case Step::kBits:
        RunBits(step, from, to);
        length = 6 + 2 * static_cast<size_t>(step[5]);
        break;
    }
  }
}

}  // namespace libbpf_ts
