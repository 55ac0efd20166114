// SPDX-License-Identifier: MIT
#include "test/crash/model.h"

namespace seglog::crash {

std::optional<Violation> ReadEverything(log::Engine* engine, bool accepted, FoundLog* found) {
  for (const log::StreamInfo& info : engine->Streams("")) {
    std::vector<FoundRecord>& records = (*found)[info.key];
    std::uint64_t next = 1;
    while (true) {
      log::ReadResult result;
      engine->reader().Read({.stream = info.handle, .from_sequence = next, .accepted = accepted},
                            &result);
      if (!result.status.ok()) {
        return Violation{Invariant::kAckedPresent, "reading " + info.key + " at " +
                                                       std::to_string(next) + ": " +
                                                       result.status.ToString()};
      }
      const auto text = [&](std::uint32_t offset, std::uint32_t bytes) {
        return std::string(reinterpret_cast<const char*>(result.bytes.get()) + offset, bytes);
      };
      std::uint64_t sequence = result.first_sequence;
      for (const log::RecordColumns& record : result.records) {
        records.push_back({.key = info.key,
                           .sequence = sequence++,
                           .lsn = record.lsn,
                           .payload = text(record.data_offset, record.data_bytes),
                           .headers = text(record.headers_offset, record.headers_bytes)});
      }
      if (result.at_end) break;
      if (result.next_sequence <= next) {
        return Violation{Invariant::kRunsOn, "reading " + info.key + " makes no progress"};
      }
      next = result.next_sequence;
    }
  }
  return std::nullopt;
}

}  // namespace seglog::crash
