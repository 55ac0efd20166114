// SPDX-License-Identifier: MIT
// What a log must obey besides its records: sealed segments, and the catalogue's two copies.
#pragma once

#include <optional>
#include <vector>

#include "test/crash/model.h"
#include "test/support/disk_image.h"

namespace seglog::crash {

// Every segment that the catalogue calls sealed has its footer, which agrees with what is stored.
std::optional<Violation> CheckSealed(log::Engine* engine);

// What verifying names; an error of the system is damage to it as well.
std::vector<log::Damage> Verify(log::Engine* engine);
// A sound log verifies.
std::optional<Violation> CheckVerifies(log::Engine* engine);

// The image with the newest of its two catalogues overwritten; nothing where there are not two.
std::optional<test::DiskImage> DamageNewestSnapshot(const test::DiskImage& image);

}  // namespace seglog::crash
