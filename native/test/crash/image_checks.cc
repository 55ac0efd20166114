// SPDX-License-Identifier: MIT
#include "test/crash/image_checks.h"

#include <array>
#include <string>

#include "hash/sha256.h"
#include "log/catalog_store.h"
#include "log/verify.h"

namespace seglog::crash {
namespace {

std::optional<Violation> Violated(const std::string& path, const std::string& what) {
  return Violation{Invariant::kSealedIsWhole, path + ": " + what};
}

std::optional<Violation> CheckFooter(const std::string& path, const format::CatalogSegment& row,
                                     ByteSpan file) {
  if (file.size() != row.footer_offset + row.footer_bytes) return Violated(path, "of another size");
  const Result<format::SegmentFooter> footer = format::DecodeFooter(
      file.subspan(static_cast<std::size_t>(row.footer_offset)), row.id, row.footer_offset);
  if (!footer.ok()) return Violated(path, footer.status().ToString());
  if (footer->data_end != row.end) return Violated(path, "the footer names another end");
  if (footer->last_sequence + 1 != row.next_sequence) {
    return Violated(path, "the footer names another last record");
  }
  hash::Sha256 content;
  content.Update(file.first(static_cast<std::size_t>(row.end)));
  if (content.Finish() != footer->content_sha256) return Violated(path, "the content differs");
  if (row.chain_sha256 != footer->chain_sha256) return Violated(path, "the chain differs");
  return std::nullopt;
}

}  // namespace

std::optional<Violation> CheckSealed(log::Engine* engine) {
  log::State& state = engine->state();
  for (const log::StreamHandle handle : state.table.with_segments()) {
    const log::Stream& stream = state.table.at(handle);
    for (const auto& segment : stream.segments) {
      const format::CatalogSegment& row = segment->row;
      if (row.state != format::SegmentState::kSealed) continue;
      const std::string path = log::SegmentPath(stream.key, row);
      Result<std::unique_ptr<io::File>> file = state.environment.fs->Open(path, io::OpenOptions{});
      if (!file.ok()) return Violated(path, file.status().ToString());
      std::vector<std::byte> bytes(file.value()->Size().value());
      const Result<std::size_t> read = file.value()->ReadAt(0, bytes);
      if (!read.ok() || read.value() != bytes.size()) return Violated(path, "cannot be read");
      if (auto violation = CheckFooter(path, row, bytes)) return violation;
    }
  }
  return std::nullopt;
}

std::vector<log::Damage> Verify(log::Engine* engine) {
  log::Verification verification(&engine->state());
  Status status;
  while (status.ok() && !verification.done()) status = verification.Step();
  std::vector<log::Damage> damage = verification.TakeReport().damage.listed;
  if (!status.ok()) {
    damage.emplace_back();
    damage.back().file = status.path();
    damage.back().what = status.ToString();
  }
  return damage;
}

std::optional<Violation> CheckVerifies(log::Engine* engine) {
  const std::vector<log::Damage> damage = Verify(engine);
  if (damage.empty()) return std::nullopt;
  const log::Damage& first = damage.front();
  return Violation{Invariant::kVerifyIsRight,
                   first.file + " at " + std::to_string(first.offset) + ": " + first.what};
}

std::optional<test::DiskImage> DamageNewestSnapshot(const test::DiskImage& image) {
  constexpr std::array<const char*, 2> kPaths{log::kCatalogPath, log::kCatalogCopyPath};
  std::array<std::uint64_t, 2> numbers{};
  for (std::size_t i = 0; i < kPaths.size(); ++i) {
    if (!image.Has(kPaths[i])) return std::nullopt;
    const std::vector<std::byte> bytes = image.ReadFile(kPaths[i]);
    const Result<format::Catalog> catalog = format::DecodeCatalog(bytes);
    if (!catalog.ok()) return std::nullopt;
    numbers[i] = catalog->snapshot_number;
  }
  test::DiskImage damaged = image;
  const std::array<std::byte, 64> zeros{};
  damaged.Overwrite(kPaths[numbers[0] >= numbers[1] ? 0 : 1], 16, zeros);
  return damaged;
}

}  // namespace seglog::crash
