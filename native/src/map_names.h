// How maps are called towards JavaScript.
#pragma once

#include <bpf/libbpf.h>

#include <string>

namespace libbpf_ts {

// libbpf puts the start of the object's name before the names of data sections: "myobject.rodata".
inline std::string PublicName(const struct bpf_map* map) {
  std::string name = bpf_map__name(map);
  if (!bpf_map__is_internal(map)) return name;
  size_t dot = name.find('.');
  return dot == std::string::npos ? name : name.substr(dot);
}

}  // namespace libbpf_ts
