#include "btf_json.h"

#include <bpf/btf.h>

#include <errno.h>

#include <cstring>
#include <memory>
#include <string>

#include "error.h"
#include "map_names.h"

namespace libbpf_ts {

namespace {

class Describer {
 public:
  Describer(Napi::Env env, const struct btf* btf) : env_(env), btf_(btf) {}

  Napi::Object Structs() {
    Napi::Object structs = Napi::Object::New(env_);
    for (uint32_t id = 1; id < btf__type_cnt(btf_); id++) {
      const struct btf_type* type = btf__type_by_id(btf_, id);
      const char* name = Name(type->name_off);
      if (!btf_is_composite(type) || *name == '\0' || structs.HasOwnProperty(name)) continue;
      structs[name] = Layout(type);
    }
    return structs;
  }

  Napi::Object Enums() {
    Napi::Object enums = Napi::Object::New(env_);
    for (uint32_t id = 1; id < btf__type_cnt(btf_); id++) {
      const struct btf_type* type = btf__type_by_id(btf_, id);
      const char* name = Name(type->name_off);
      if (!btf_is_any_enum(type) || *name == '\0') continue;
      enums[name] = Constants(type);
    }
    return enums;
  }

  // What one field, map key or map value is.
  Napi::Object Type(uint32_t id) {
    bool big_endian = false;
    const struct btf_type* type = Resolve(id, &big_endian);
    if (type == nullptr) return Unsupported("unknown");
    if (btf_is_int(type)) return Integer(type, big_endian);
    if (btf_is_any_enum(type)) return Enumeration(type, big_endian);
    if (btf_is_array(type)) return Array(type);
    if (btf_is_composite(type)) return Composite(type);
    if (btf_is_datasec(type)) return Section(type);
    if (btf_is_ptr(type)) return Unsupported("pointer");
    return Unsupported("kind " + std::to_string(btf_kind(type)));
  }

 private:
  const char* Name(uint32_t offset) const {
    const char* name = btf__name_by_offset(btf_, offset);
    return name == nullptr ? "" : name;
  }

  // Follows typedefs and qualifiers; kernel typedefs like __be16 tell the byte order on the way.
  const struct btf_type* Resolve(uint32_t id, bool* big_endian) const {
    const struct btf_type* type = btf__type_by_id(btf_, id);
    while (type != nullptr && (btf_is_mod(type) || btf_is_typedef(type))) {
      if (btf_is_typedef(type) && strncmp(Name(type->name_off), "__be", 4) == 0) {
        *big_endian = true;
      }
      type = btf__type_by_id(btf_, type->type);
    }
    return type;
  }

  Napi::Object Kind(const char* kind) {
    Napi::Object result = Napi::Object::New(env_);
    result["kind"] = Napi::String::New(env_, kind);
    return result;
  }

  Napi::Object Unsupported(const std::string& what) {
    Napi::Object result = Kind("unsupported");
    result["what"] = Napi::String::New(env_, what);
    return result;
  }

  Napi::Object Integer(uint32_t size, bool is_signed, bool big_endian) {
    if (size != 1 && size != 2 && size != 4 && size != 8) {
      return Unsupported("integer of " + std::to_string(size) + " bytes");
    }
    Napi::Object result = Kind("int");
    result["size"] = Napi::Number::New(env_, size);
    result["signed"] = Napi::Boolean::New(env_, is_signed);
    result["bigEndian"] = Napi::Boolean::New(env_, big_endian);
    return result;
  }

  Napi::Object Integer(const struct btf_type* type, bool big_endian) {
    if (btf_int_bits(type) != type->size * 8 || btf_int_offset(type) != 0) {
      return Unsupported("bit field");
    }
    return Integer(type->size, (btf_int_encoding(type) & BTF_INT_SIGNED) != 0, big_endian);
  }

  Napi::Object Enumeration(const struct btf_type* type, bool big_endian) {
    Napi::Object result = Integer(type->size, btf_kflag(type), big_endian);
    const char* name = Name(type->name_off);
    if (*name != '\0') result["enum"] = Napi::String::New(env_, name);
    return result;
  }

  // A data section, such as .rodata: a struct of its variables.
  Napi::Object Section(const struct btf_type* type) {
    Napi::Array fields = Napi::Array::New(env_);
    const struct btf_var_secinfo* at = btf_var_secinfos(type);
    for (int i = 0; i < btf_vlen(type); i++, at++) {
      const struct btf_type* variable = btf__type_by_id(btf_, at->type);
      if (!btf_is_var(variable)) continue;
      Napi::Object field = Napi::Object::New(env_);
      field["name"] = Napi::String::New(env_, Name(variable->name_off));
      field["offset"] = Napi::Number::New(env_, at->offset);
      field["type"] = Type(variable->type);
      fields.Set(fields.Length(), field);
    }
    Napi::Object layout = Napi::Object::New(env_);
    layout["size"] = Napi::Number::New(env_, type->size);
    layout["fields"] = fields;
    Napi::Object result = Kind("inline");
    result["layout"] = layout;
    return result;
  }

  Napi::Object Array(const struct btf_type* type) {
    const struct btf_array* array = btf_array(type);
    bool big_endian = false;
    const struct btf_type* element = Resolve(array->type, &big_endian);
    Napi::Value count = Napi::Number::New(env_, array->nelems);
    if (element != nullptr && btf_is_int(element) && element->size == 1) {
      bool text = strcmp(Name(element->name_off), "char") == 0;
      Napi::Object result = Kind(text ? "text" : "bytes");
      result["length"] = count;
      return result;
    }
    Napi::Object result = Kind("array");
    result["count"] = count;
    result["element"] = Type(array->type);
    return result;
  }

  Napi::Object Composite(const struct btf_type* type) {
    const char* name = Name(type->name_off);
    if (*name != '\0') {
      Napi::Object result = Kind("struct");
      result["name"] = Napi::String::New(env_, name);
      return result;
    }
    Napi::Object result = Kind("inline");
    result["layout"] = Layout(type);
    return result;
  }

  Napi::Object Layout(const struct btf_type* type) {
    Napi::Object layout = Napi::Object::New(env_);
    Napi::Array fields = Napi::Array::New(env_);
    AddFields(fields, type, 0);
    layout["size"] = Napi::Number::New(env_, type->size);
    layout["fields"] = fields;
    return layout;
  }

  // Members of anonymous structs and unions count as the outer struct's own; of a union, the first.
  void AddFields(Napi::Array fields, const struct btf_type* type, uint32_t base) {
    const struct btf_member* member = btf_members(type);
    int count = btf_is_union(type) && btf_vlen(type) > 1 ? 1 : btf_vlen(type);
    for (int i = 0; i < count; i++, member++) {
      uint32_t bits = btf_member_bitfield_size(type, static_cast<uint32_t>(i));
      uint32_t offset = base + btf_member_bit_offset(type, static_cast<uint32_t>(i)) / 8;
      const char* name = Name(member->name_off);
      bool ignored = false;
      const struct btf_type* inner = Resolve(member->type, &ignored);
      if (*name == '\0' && inner != nullptr && btf_is_composite(inner)) {
        AddFields(fields, inner, offset);
        continue;
      }
      if (*name == '\0') continue;
      Napi::Object field = Napi::Object::New(env_);
      field["name"] = Napi::String::New(env_, name);
      field["offset"] = Napi::Number::New(env_, offset);
      field["type"] = bits != 0 ? Unsupported("bit field") : Type(member->type);
      fields.Set(fields.Length(), field);
    }
  }

  // Constants are unsigned unless the BTF says otherwise, as bpftool reads them.
  Napi::Object Constants(const struct btf_type* type) {
    Napi::Object constants = Napi::Object::New(env_);
    for (int i = 0; i < btf_vlen(type); i++) {
      double value;
      uint32_t name;
      if (btf_is_enum64(type)) {
        const struct btf_enum64* one = btf_enum64(type) + i;
        uint64_t bits = btf_enum64_value(const_cast<struct btf_enum64*>(one));
        value = btf_kflag(type) ? static_cast<double>(static_cast<int64_t>(bits))
                                : static_cast<double>(bits);
        name = one->name_off;
      } else {
        const struct btf_enum* one = btf_enum(type) + i;
        value = btf_kflag(type) ? static_cast<double>(one->val)
                                : static_cast<double>(static_cast<uint32_t>(one->val));
        name = one->name_off;
      }
      constants[Name(name)] = Napi::Number::New(env_, value);
    }
    return constants;
  }

  Napi::Env env_;
  const struct btf* btf_;
};

void AddMap(Napi::Env env, Describer& types, Napi::Object maps, struct bpf_map* map) {
  if (bpf_map__is_internal(map)) return;
  struct bpf_map* inner = bpf_map__inner_map(map);
  uint32_t key = bpf_map__btf_key_type_id(map);
  uint32_t value = bpf_map__btf_value_type_id(map);
  Napi::Object entry = Napi::Object::New(env);
  if (key != 0) entry["key"] = types.Type(key);
  if (value != 0 && inner == nullptr) entry["value"] = types.Type(value);
  if (inner != nullptr) {
    Napi::Object within = Napi::Object::New(env);
    if (uint32_t id = bpf_map__btf_key_type_id(inner)) within["key"] = types.Type(id);
    if (uint32_t id = bpf_map__btf_value_type_id(inner)) within["value"] = types.Type(id);
    entry["inner"] = within;
  }
  maps[PublicName(map)] = entry;
}

}  // namespace

Napi::Object KernelBtfToJs(Napi::Env env, uint32_t btf_id, uint32_t key, uint32_t value) {
  LogCapture log;
  struct btf* btf = btf__load_from_kernel_by_id(btf_id);
  if (btf == nullptr) {
    ThrowErrno(env, "read BTF " + std::to_string(btf_id), errno, log.text());
  }
  std::unique_ptr<struct btf, decltype(&btf__free)> owned(btf, btf__free);
  Describer types(env, btf);
  Napi::Object result = Napi::Object::New(env);
  result["structs"] = types.Structs();
  result["enums"] = types.Enums();
  if (key != 0) result["key"] = types.Type(key);
  if (value != 0) result["value"] = types.Type(value);
  return result;
}

Napi::Object BtfToJs(Napi::Env env, struct bpf_object* object) {
  Describer types(env, bpf_object__btf(object));
  Napi::Object result = Napi::Object::New(env);
  result["structs"] = types.Structs();
  result["enums"] = types.Enums();
  Napi::Object maps = Napi::Object::New(env);
  struct bpf_map* map;
  bpf_object__for_each_map(map, object) { AddMap(env, types, maps, map); }
  result["maps"] = maps;
  return result;
}

}  // namespace libbpf_ts
