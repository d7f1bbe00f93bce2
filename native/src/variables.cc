#include "variables.h"

#include <bpf/btf.h>

#include <cstring>

#include "error.h"

namespace libbpf_ts {

namespace {

struct Variable {
  std::string section;
  uint32_t offset = 0;
  uint32_t size = 0;
  bool is_integer = false;
  bool is_signed = false;
};

const struct btf_type* Resolve(const struct btf* btf, uint32_t id) {
  const struct btf_type* type = btf__type_by_id(btf, id);
  while (type != nullptr && (btf_is_mod(type) || btf_is_typedef(type))) {
    type = btf__type_by_id(btf, type->type);
  }
  return type;
}

bool Find(const struct btf* btf, const std::string& name, Variable* found) {
  for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
    const struct btf_type* section = btf__type_by_id(btf, id);
    if (!btf_is_datasec(section)) continue;
    const struct btf_var_secinfo* at = btf_var_secinfos(section);
    for (int i = 0; i < btf_vlen(section); i++, at++) {
      const struct btf_type* variable = btf__type_by_id(btf, at->type);
      if (!btf_is_var(variable) || name != btf__name_by_offset(btf, variable->name_off)) continue;
      const struct btf_type* type = Resolve(btf, variable->type);
      found->section = btf__name_by_offset(btf, section->name_off);
      found->offset = at->offset;
      found->size = at->size;
      found->is_integer = type != nullptr && at->size <= 8 &&
                          (btf_is_int(type) || btf_is_any_enum(type));
      found->is_signed = found->is_integer && btf_is_int(type) &&
                         (btf_int_encoding(type) & BTF_INT_SIGNED) != 0;
      return true;
    }
  }
  return false;
}

// Whether the value fits, as the bits to store.
bool Bits(Napi::BigInt value, const Variable& variable, uint64_t* bits) {
  bool lossless = false;
  unsigned width = variable.size * 8;
  if (variable.is_signed) {
    int64_t number = value.Int64Value(&lossless);
    *bits = static_cast<uint64_t>(number);
    if (!lossless || width == 64) return lossless;
    int64_t limit = int64_t{1} << (width - 1);
    return number >= -limit && number < limit;
  }
  *bits = value.Uint64Value(&lossless);
  return lossless && (width == 64 || *bits >> width == 0);
}

}  // namespace

void SetReadOnlyVariable(Napi::Env env, struct bpf_object* object, const std::string& name,
                         Napi::BigInt value) {
  const struct btf* btf = bpf_object__btf(object);
  Variable variable;
  if (btf == nullptr || !Find(btf, name, &variable)) {
    Throw(env, "EUNKNOWN", "the object has no variable '" + name + "'");
  }
  if (variable.section.rfind(".rodata", 0) != 0) {
    Throw(env, "EUSAGE", "variable " + name + " is in " + variable.section + ", not read-only");
  }
  uint64_t bits = 0;
  if (!variable.is_integer) Throw(env, "EUSAGE", "variable " + name + " is no integer");
  if (!Bits(value, variable, &bits)) {
    Throw(env, "EUSAGE",
          "variable " + name + " has " + std::to_string(variable.size * 8) + " bits, " +
              (variable.is_signed ? "signed" : "unsigned") + ": the value does not fit");
  }
  struct bpf_map* map = bpf_object__find_map_by_name(object, variable.section.c_str());
  size_t size = 0;
  auto* data = map == nullptr
                   ? nullptr
                   : static_cast<uint8_t*>(const_cast<void*>(bpf_map__initial_value(map, &size)));
  if (data == nullptr || variable.offset + variable.size > size) {
    Throw(env, "EUSAGE", "variable " + name + " has no place in " + variable.section);
  }
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
  bits <<= 64 - variable.size * 8;
#endif
  memcpy(data + variable.offset, &bits, variable.size);
}

}  // namespace libbpf_ts
