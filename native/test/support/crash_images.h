// SPDX-License-Identifier: MIT
// Enumerates the disks that a power cut may leave behind: every unsynced change lost, kept or torn,
// in the combinations that find most bugs first, then at random until the bound is reached. The
// same state, seed and bound give the same images.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "test/support/disk_image.h"
#include "test/support/disk_state.h"

namespace seglog::test {

struct CrashOptions {
  std::uint64_t seed = 1;
  std::size_t bound = 64;  // images, all distinct
  // Also tears that no sector boundary explains.
  bool tears_within_sectors = true;
  // Also pages that were being written and are lost with all they held, as a device may leave them
  // whose own unit is a page. Nothing acknowledged may lie in a page that is written again.
  bool ruins_pages = false;
  // Also sizes that grew over blocks which still hold an earlier life's bytes (never in the ordered
  // journal, where sizes follow the data).
  bool garbage = true;
};

// What a cut left of one unsynced change.
struct Fate {
  enum class Kind : unsigned char {
    kLost,
    kKept,
    kGrown,    // a write's bytes lost, but the size grew over them: zeros
    kGarbage,  // the same, over blocks with stale bytes
    kPrefix,   // torn: the first `value` bytes of the write arrived
    kSuffix,   // torn: all but the first `value` bytes arrived
    kSectors,  // torn: a random set of 512-byte sectors arrived, `value` is its seed
    kPages,    // torn: a random set of pages
    // torn: the first `value` bytes, whole pages, arrived, and the page behind them is lost: the
    // device was at it, and nothing of it can be told, what it held before included
    kRuined,
  };
  Kind kind = Kind::kLost;
  std::uint64_t value = 0;
  bool grown = false;  // torn: the size covers the whole write, not only what arrived
};

// One thread at a time.
class CrashImages final {
 public:
  CrashImages(DiskState state, const CrashOptions& options);

  // The next image that is distinct from those before; nothing once the bound is reached or nothing
  // new is found.
  std::optional<DiskImage> Next();

 private:
  struct FileUnit {
    InodeId inode;
    std::size_t index;  // in Inode::pending
    std::uint64_t sequence;
    std::uint64_t offset;
    std::uint64_t bytes;  // 0: a resize
  };
  enum class Background : unsigned char { kLost, kKept, kBefore };
  // One change singled out (none: SIZE_MAX), file units first, then entries; the others follow the
  // background.
  struct Recipe {
    Background background = Background::kLost;
    std::size_t unit = SIZE_MAX;
    Fate fate;
    bool all_entries = false;  // all changes of names kept, whatever the background says
  };
  struct Plan {
    std::vector<Fate> files;    // per file unit
    std::vector<bool> entries;  // per pending change of names
    std::string note;
  };
  using NamedInodes = std::vector<InodeId>;
  struct Tree {
    std::shared_ptr<const ImageTree> names;  // shared by the images that have these names
    NamedInodes inodes;
  };

  std::size_t units() const { return files_.size() + state_.pending_entries().size(); }
  std::uint64_t SequenceOf(std::size_t unit) const;
  void AddWholeRecipes();
  void AddTornRecipes();
  void AddRecipes(std::vector<Recipe>& recipes, std::size_t unit, const Fate& fate) const;
  std::vector<Fate> Tears(const FileUnit& unit);
  Fate RandomTear(const FileUnit& unit);
  Fate RandomFate(const FileUnit& unit, std::uint64_t kept_of_ten);

  Plan NextPlan();
  Plan PlanOf(const Recipe& recipe) const;
  Plan RandomPlan();
  void RespectOrder(Plan& plan, std::size_t wanted_entry) const;
  DiskImage Build(const Plan& plan);
  const Tree& TreeOf(const std::vector<bool>& entries);
  ContentPointer ContentOf(InodeId id, const Plan& plan);
  void FillGarbage(SparseContent& content, const SparseContent& durable, const FileUnit& unit);

  const DiskState state_;
  const CrashOptions options_;
  Sequence random_;
  std::vector<FileUnit> files_;
  std::map<InodeId, std::size_t> first_unit_;  // of a file, in files_
  std::vector<Recipe> whole_, torn_;           // taken from the back
  std::map<std::vector<bool>, Tree> trees_;
  std::unordered_set<std::uint64_t> seen_;
  std::uint64_t step_ = 0;
};

// All of them at once.
std::vector<DiskImage> AllCrashImages(const DiskState& state, const CrashOptions& options);

}  // namespace seglog::test
