// SPDX-License-Identifier: MIT
// Verifying a log to its end, and what it names in a damaged image.
#pragma once

#include <vector>

#include "log/verify.h"
#include "test/support/resting_log.h"

namespace seglog::test {

struct Verified {
  Status status;
  log::VerifyReport report;
  log::VerifyProgress progress;
};

log::Options ReadOnly(log::Options options);
Verified Finish(log::Verification* verification);
Verified Verify(EngineHarness* log);
// Of the image, opened so that nothing on it is changed.
std::vector<log::Damage> DamageIn(const DiskImage& image);
// Two sealed segments of 30 frames, and an open one of which nothing is destaged.
RestingLog SealedLog();

}  // namespace seglog::test
