# SPDX-License-Identifier: MIT
# What `npm install` builds where no prebuilt addon fits. The sources are listed in
# native/sources.json, which CMakeLists.txt (the developers' build) reads too.
{
  "variables": {
    "werror_flags": [
      # A warning is an error in a git checkout. It is none for users, whose compilers we cannot know.
      "<!@(node -p \"require('node:fs').existsSync('.git') ? '-Werror' : '-Wno-error'\")",
    ],
    "seglog_cflags": [
      "-std=c++20",
      "-fno-exceptions",
      "-fno-rtti",
      "-fvisibility=hidden",
      "-fvisibility-inlines-hidden",
      "-Wall",
      "-Wextra",
      "-Wpedantic",
      "-Wconversion",
      "-Wshadow",
      "<@(werror_flags)",
    ],
    "napi_include_dir": "<!(node -p \"require('node:path').resolve(require('node-addon-api').include_dir)\")",
  },
  "target_defaults": {
    "include_dirs": ["native/core"],
    # Node's own choices of the language standard.
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["<@(seglog_cflags)"],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
      "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
      "GCC_ENABLE_CPP_RTTI": "NO",
      "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
      "MACOSX_DEPLOYMENT_TARGET": "12.0",
      "OTHER_CPLUSPLUSFLAGS": ["<@(seglog_cflags)"],
    },
  },
  "targets": [
    {
      "target_name": "seglog_core",
      "type": "static_library",
      "sources": ["<!@(node -p \"require('./native/sources.json').core.join(' ')\")"],
      # The core sees no Node header: take back what node-gyp gives to every target.
      "include_dirs!": [
        "<(node_root_dir)/include/node",
        "<(node_root_dir)/src",
        "<(node_root_dir)/deps/openssl/config",
        "<(node_root_dir)/deps/openssl/openssl/include",
        "<(node_root_dir)/deps/uv/include",
        "<(node_root_dir)/deps/zlib",
        "<(node_root_dir)/deps/v8/include",
      ],
      "cflags": ["-fPIC"],
    },
    {
      "target_name": "seglog",
      "sources": ["<!@(node -p \"require('./native/sources.json').binding.join(' ')\")"],
      "dependencies": ["seglog_core"],
      "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      # As system directories, so that our warnings are about our code. They also cover the plain -I
      # of the same directory that node-gyp adds.
      "cflags_cc": ["-isystem", "<(node_root_dir)/include/node", "-isystem", "<(napi_include_dir)"],
      "xcode_settings": {
        "OTHER_CPLUSPLUSFLAGS": [
          "-isystem", "<(node_root_dir)/include/node", "-isystem", "<(napi_include_dir)",
        ],
      },
      "conditions": [
        # Threads and the registry of open logs outlive the environment that loaded the addon.
        ["OS=='linux'", {"ldflags": ["-Wl,-z,nodelete", "-Wl,--version-script=<(module_root_dir)/native/exports.map"]}],
      ],
    },
  ],
}
