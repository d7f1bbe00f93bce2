{
  "targets": [
    {
      "target_name": "libbpf_ts",
      "product_name": "libbpf_ts",
      "sources": [
        "native/src/addon.cc",
        "native/src/addresses.cc",
        "native/src/announce.cc",
        "native/src/announcement.cc",
        "native/src/batch_cursor.cc",
        "native/src/beacon.cc",
        "native/src/beacon_thread.cc",
        "native/src/btf_json.cc",
        "native/src/conversion.cc",
        "native/src/error.cc",
        "native/src/inner_maps.cc",
        "native/src/link.cc",
        "native/src/map.cc",
        "native/src/map_batch.cc",
        "native/src/map_carry.cc",
        "native/src/network.cc",
        "native/src/object_file.cc",
        "native/src/pass.cc",
        "native/src/pin.cc",
        "native/src/program.cc",
        "native/src/records.cc",
        "native/src/resident.cc",
        "native/src/ring.cc",
        "native/src/ring_drain.cc",
        "native/src/ring_reader.cc",
        "native/src/shared_memory.cc",
        "native/src/slab_pool.cc",
        "native/src/slice_pool.cc",
        "native/src/variables.cc",
        "native/src/walk.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      # Swallow: what cannot be thrown, for its thread is being ended, shall not end the process.
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++14", "-std=gnu++17"],
      "cflags_cc": ["-std=c++17", "-fexceptions", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "libraries": ["-lbpf"]
    }
  ]
}
