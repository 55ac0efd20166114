// SPDX-License-Identifier: MIT
#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace seglog {

void AssertionFailed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "seglog: assertion failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace seglog
