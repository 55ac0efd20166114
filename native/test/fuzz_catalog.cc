// SPDX-License-Identifier: MIT
// Fuzzes DecodeCatalog. The first byte decides whether length and checksum are put right first.
// What decodes is written again and must decode to the same.
#include "format/catalog.h"
#include "test/format_test_util.h"

namespace seglog::format {
namespace {

void FuzzCatalog(ByteSpan input) {
  if (input.empty()) return;
  Bytes bytes = CopyOf(input.subspan(1));
  const bool fix = (std::to_integer<unsigned>(input.front()) & 1) != 0;
  if (fix && bytes.size() >= kCatalogHeaderBytes) {
    const MutableByteSpan out(bytes);
    StoreLittle(out, kCatalogHeaderMagicOffset, kCatalogMagic);
    StoreLittle(out, kCatalogHeaderVersionOffset, kFormatVersion);
    StoreLittle(out, kCatalogHeaderFileBytesOffset, std::uint64_t{bytes.size()});
    FixCatalogChecksum(out);
  }
  const Result<Catalog> catalog = DecodeCatalog(bytes);
  if (!catalog.ok()) return;
  AlignedBuffer again;
  EncodeCatalog(catalog.value(), &again);
  SEGLOG_ASSERT(again.size() == bytes.size());
  const Result<Catalog> decoded = DecodeCatalog(again.bytes());
  SEGLOG_ASSERT(decoded.ok() && decoded.value() == catalog.value());
}

}  // namespace
}  // namespace seglog::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  seglog::format::FuzzCatalog(std::as_bytes(std::span(data, size)));
  return 0;
}
