// SPDX-License-Identifier: MIT
#include "test/support/resting_log.h"

#include "format/frame.h"

namespace seglog::test {

std::uint64_t RestingLog::FrameOffset(std::size_t segment, std::uint64_t sequence) const {
  const std::vector<std::byte> bytes = image.ReadFile(PathOf(segment));
  std::uint64_t offset = format::kSegmentDataOffset;
  while (true) {
    const auto header = format::DecodeFrameHeader(ByteSpan(bytes).subspan(offset));
    SEGLOG_ASSERT(header.ok());
    if (header.value().first_sequence == sequence && !header.value().filler()) return offset;
    offset += header.value().total_bytes();
  }
}

RestingLog MakeRestingLog(const log::Options& options, std::size_t count, std::size_t bytes,
                          const std::vector<std::uint64_t>& seal_after) {
  SimulatedDisk disk;
  EngineHarness log(&disk, options);
  SEGLOG_ASSERT(log.Open().ok());
  RestingLog resting;
  resting.data = Payloads(count, bytes);
  for (std::size_t i = 0; i < count; ++i) {
    SEGLOG_ASSERT(log.Append(RestingLog::kKey, resting.data[i]).status.ok());
    for (const std::uint64_t after : seal_after) {
      if (after == i + 1) SEGLOG_ASSERT(log.Await(log.Seal(RestingLog::kKey)).status.ok());
    }
  }
  log.Settle();
  // Once a snapshot says what the files hold, opening no longer takes it from the journal.
  SEGLOG_ASSERT(log.Close().ok());
  resting.image = disk.CurrentImage();
  const log::StreamHandle handle = log.engine().HandleOf(RestingLog::kKey);
  for (const auto& segment : log.state().table.at(handle).segments) {
    resting.rows.push_back(segment->row);
  }
  return resting;
}

OpenedImage::OpenedImage(const DiskImage& image, const log::Options& options)
    : disk(SimulatedDisk::FromImage(image)), log(disk.get(), options) {
  const Status status = log.Open();
  SEGLOG_ASSERT(status.ok());
}

}  // namespace seglog::test
