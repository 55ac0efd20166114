// SPDX-License-Identifier: MIT
// CRC-32C (Castagnoli, polynomial 0x1EDC6F41; RFC 3720 section 12.1, vectors in section B.4). The
// fastest implementation that the processor has is chosen once, at first use.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace seglog::hash {

// The checksum of `bytes` appended to what `seed` is the checksum of: Crc32c(Crc32c(0, a), b)
// equals Crc32c(0, a + b). Seed 0 is the plain CRC-32C. Any thread.
std::uint32_t Crc32c(std::uint32_t seed, ByteSpan bytes);

// "sse4.2", "armv8" or "portable": for stats() and the benchmarks.
const char* Crc32cImplementation();

}  // namespace seglog::hash
