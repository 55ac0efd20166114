// SPDX-License-Identifier: MIT
// Fuzzes a segment's header page, and its footer with the trailer. The first byte decides which of
// the two, and whether checksums, lengths and the trailer are put right first. What decodes is
// written again and must decode to the same.
#include "format/segment_file.h"
#include "test/format_test_util.h"

namespace seglog::format {
namespace {

constexpr std::uint64_t kSegment = 1;

void FuzzHeader(ByteSpan bytes, bool fix) {
  Bytes page = CopyOf(bytes.first(std::min(bytes.size(), kPageBytes)));
  if (fix) {
    page.resize(kPageBytes);
    StoreLittle(MutableByteSpan(page), kSegmentHeaderMagicOffset, kSegmentMagic);
    StoreLittle(MutableByteSpan(page), kSegmentHeaderVersionOffset, kFormatVersion);
    FixPageChecksum(page);
  }
  const Result<SegmentHeader> header = DecodeSegmentHeader(page);
  if (!header.ok()) return;
  Bytes again(kPageBytes);
  EncodeSegmentHeader(header.value(), again);
  SEGLOG_ASSERT(SameBytes(again, page));
}

// Makes of any bytes a footer that reaches the checks of its fields.
void FixFooter(Bytes* bytes, std::uint64_t footer_offset) {
  bytes->resize(std::max(bytes->size(), kFooterFixedBytes));
  const auto count = LoadLittle<std::uint32_t>(*bytes, kFooterEntryCountOffset) % 300;
  bytes->resize(FooterBytes(count));
  const MutableByteSpan out(*bytes);
  StoreLittle(out, kFooterEntryCountOffset, count);
  StoreLittle(out, kFooterMagicOffset, kFooterMagic);
  StoreLittle(out, kFooterVersionOffset, kFormatVersion);
  StoreLittle(out, kFooterSegmentIdOffset, kSegment);
  const MutableByteSpan trailer = out.last(kFooterTrailerBytes);
  StoreLittle(trailer, kTrailerFooterPositionOffset, footer_offset);
  StoreLittle(trailer, kTrailerMagicOffset, kFooterMagic);
  FixFooterChecksum(out, kSegment, footer_offset);
}

void FuzzFooter(ByteSpan input, bool fix) {
  Bytes bytes = CopyOf(input);
  std::uint64_t footer_offset = kSegmentDataOffset;
  if (fix) {
    if (bytes.size() > kFooterDataEndOffset + 8) {
      const auto data_end = LoadLittle<std::uint64_t>(bytes, kFooterDataEndOffset);
      footer_offset = FooterOffset(std::min(data_end, kSegmentBytesLimit));
    }
    FixFooter(&bytes, footer_offset);
  }
  if (const Result<std::uint64_t> position = DecodeFooterTrailer(bytes); position.ok()) {
    SEGLOG_ASSERT(position.value() % kPageBytes == 0);
    footer_offset = position.value();
  }
  const Result<SegmentFooter> footer = DecodeFooter(bytes, kSegment, footer_offset);
  if (!footer.ok()) return;
  AlignedBuffer again;
  EncodeFooter(footer.value(), &again);
  SEGLOG_ASSERT(again.size() == bytes.size());
  const Result<SegmentFooter> decoded = DecodeFooter(again.bytes(), kSegment, footer_offset);
  SEGLOG_ASSERT(decoded.ok() && decoded.value() == footer.value());
}

void FuzzSegment(ByteSpan input) {
  if (input.empty()) return;
  const auto mode = std::to_integer<unsigned>(input.front());
  if ((mode & 2) != 0) {
    FuzzHeader(input.subspan(1), (mode & 1) != 0);
  } else {
    FuzzFooter(input.subspan(1), (mode & 1) != 0);
  }
}

}  // namespace
}  // namespace seglog::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  seglog::format::FuzzSegment(std::as_bytes(std::span(data, size)));
  return 0;
}
