// SPDX-License-Identifier: MIT
// Fuzzes the commit block and the journal's header page. The first byte decides which of the two,
// and whether checksums are put right first. What decodes is written again and must decode to the
// same.
#include "format/commit_block.h"
#include "test/format_test_util.h"

namespace seglog::format {
namespace {

constexpr std::uint64_t kPosition = kJournalBlocksOffset;
constexpr JournalIdentity kIdentity{.generation = 3, .salt = 4};

void FuzzBlock(MutableByteSpan bytes, bool fix) {
  if (fix && bytes.size() >= kCommitHeaderBytes) {
    StoreLittle(bytes, kCommitMagicOffset, kCommitMagic);
    StoreLittle(bytes, kCommitGenerationOffset, kIdentity.generation);
    FixBlockChecksums(bytes, kIdentity, kPosition);
  }
  const Result<CommitHeader> header = DecodeCommitHeader(bytes, kIdentity, kPosition);
  if (!header.ok()) return;
  const Result<std::vector<Item>> items =
      DecodeCommitBody(header.value(), bytes, kIdentity, kPosition);
  if (!items.ok()) return;

  CommitBlockBuilder builder;
  const ByteSpan block = BlockOf(items.value(), header.value(), kIdentity, kPosition, &builder);
  SEGLOG_ASSERT(block.size() == header->block_bytes());
  const Result<CommitHeader> header_again = DecodeCommitHeader(block, kIdentity, kPosition);
  SEGLOG_ASSERT(header_again.ok() && header_again.value() == header.value());
  const Result<std::vector<Item>> items_again =
      DecodeCommitBody(header_again.value(), block, kIdentity, kPosition);
  SEGLOG_ASSERT(items_again.ok() && SameItems(items_again.value(), items.value()));
}

void FuzzJournalHeader(ByteSpan bytes, bool fix) {
  Bytes page = CopyOf(bytes.first(std::min(bytes.size(), kPageBytes)));
  if (fix) {
    page.resize(kPageBytes);
    StoreLittle(MutableByteSpan(page), kJournalHeaderMagicOffset, kJournalMagic);
    StoreLittle(MutableByteSpan(page), kJournalHeaderVersionOffset, kFormatVersion);
    FixPageChecksum(page);
  }
  const Result<JournalHeader> header = DecodeJournalHeader(page);
  if (!header.ok()) return;
  Bytes again(kPageBytes);
  EncodeJournalHeader(header.value(), again);
  SEGLOG_ASSERT(SameBytes(again, page));
}

void FuzzJournal(ByteSpan input) {
  if (input.empty()) return;
  const auto mode = std::to_integer<unsigned>(input.front());
  Bytes bytes = CopyOf(input.subspan(1));
  if ((mode & 2) != 0) {
    FuzzJournalHeader(bytes, (mode & 1) != 0);
  } else {
    FuzzBlock(bytes, (mode & 1) != 0);
  }
}

}  // namespace
}  // namespace seglog::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  seglog::format::FuzzJournal(std::as_bytes(std::span(data, size)));
  return 0;
}
