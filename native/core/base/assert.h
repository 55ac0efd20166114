// SPDX-License-Identifier: MIT
// SEGLOG_ASSERT guards our own mistakes, in every build: state moves, offset order, sizes. It never
// guards input, disk or system; those are a Status. A failed assertion prints and aborts.
#pragma once

namespace seglog {

[[noreturn]] void AssertionFailed(const char* expression, const char* file, int line);

}  // namespace seglog

#define SEGLOG_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::seglog::AssertionFailed(#expression, __FILE__, __LINE__))
