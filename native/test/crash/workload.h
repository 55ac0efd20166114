// SPDX-License-Identifier: MIT
// The kinds of programs that the suite runs, crashes and runs again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "log/options.h"

namespace seglog::crash {

// A kind of program. Of all submissions; what is left are plain appends.
struct Workload {
  const char* name = "";
  std::uint32_t keys = 3;
  std::uint32_t requests = 40;
  std::uint32_t percent_os = 0;
  std::uint32_t percent_none = 0;
  std::uint32_t percent_batch = 10;
  std::uint32_t percent_sync = 5;  // sync() calls
  std::uint32_t percent_seal = 3;
  std::uint32_t percent_large = 5;
  std::uint32_t payload_bytes_max = 200;
  bool close = true;  // properly, at the end
  // Appends go through a ring with so much room, and what is too large for it by the inbox, in the
  // order of the calls. 0: everything by the inbox.
  std::size_t ring_bytes = 0;
  std::uint32_t percent_ingest = 0;        // records that nobody waits for; needs a ring
  std::uint32_t percent_expect = 0;        // of single appends: with the sequence they must get
  std::uint32_t percent_here = 0;          // appendSync, appendBatchSync and syncSync
  std::uint32_t percent_wait_durable = 0;  // waitDurable() for an LSN that was told
  log::Options options;
};

// The workloads of the suite, small and each with a point of its own.
const std::vector<Workload>& Workloads();

}  // namespace seglog::crash
