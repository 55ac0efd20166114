// SPDX-License-Identifier: MIT
// The half of CrashImages that decides which changes survive; crash_images.cc makes the disks.
#include <algorithm>
#include <array>
#include <utility>

#include "test/support/crash_images.h"

namespace seglog::test {
namespace {

constexpr std::uint64_t kSectorBytes = 512;
constexpr std::size_t kBoundariesMax = 16;  // of one kind, per write; more are sampled
// Beyond this many recipes per image wanted, they are drawn instead of listed.
constexpr std::size_t kTornRecipesPerImage = 8;

template <typename T>
void Shuffle(std::vector<T>& items, Sequence& random) {
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[static_cast<std::size_t>(random.Below(i))]);
  }
}

// Distances from the write's start to the multiples of `step` strictly within it.
std::vector<std::uint64_t> Boundaries(std::uint64_t offset, std::uint64_t bytes,
                                      std::uint64_t step) {
  std::vector<std::uint64_t> found;
  for (std::uint64_t at = AlignDown(offset, step) + step; at < offset + bytes; at += step) {
    found.push_back(at - offset);
  }
  return found;
}

const char* NameOf(Fate::Kind kind) {
  constexpr std::array<const char*, 9> kNames{"lost",   "kept",    "grown", "garbage", "prefix",
                                              "suffix", "sectors", "pages", "ruined"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string Describe(const Fate& fate) {
  std::string text = NameOf(fate.kind);
  if (fate.kind >= Fate::Kind::kPrefix) text += " " + std::to_string(fate.value);
  if (fate.grown) text += " grown";
  return text;
}

}  // namespace

std::uint64_t CrashImages::SequenceOf(std::size_t unit) const {
  if (unit < files_.size()) return files_[unit].sequence;
  return state_.pending_entries()[unit - files_.size()].sequence;
}

// Nothing torn: all lost, all kept, each one lost or kept alone, and every prefix.
void CrashImages::AddWholeRecipes() {
  for (std::size_t unit = 0; unit < units(); ++unit) {
    AddRecipes(whole_, unit, {Fate::Kind::kLost});
    AddRecipes(whole_, unit, {Fate::Kind::kKept});
    if (unit >= files_.size() || files_[unit].bytes == 0) continue;
    if (state_.model() == MetadataModel::kOrderedJournal) continue;
    AddRecipes(whole_, unit, {Fate::Kind::kGrown});
    if (options_.garbage) AddRecipes(whole_, unit, {Fate::Kind::kGarbage});
  }
  Shuffle(whole_, random_);
  Recipe lost;
  Recipe lost_named;
  lost_named.all_entries = true;
  Recipe kept;
  kept.background = Background::kKept;
  whole_.push_back(lost_named);
  whole_.push_back(kept);
  whole_.push_back(lost);
}

void CrashImages::AddTornRecipes() {
  std::size_t writes = 0;
  for (const FileUnit& unit : files_) writes += unit.bytes > 0 ? 1 : 0;
  if (writes > options_.bound) return;  // NextPlan draws them.
  for (std::size_t unit = 0; unit < files_.size(); ++unit) {
    if (files_[unit].bytes == 0) continue;
    for (const Fate& fate : Tears(files_[unit])) AddRecipes(torn_, unit, fate);
    if (torn_.size() > kTornRecipesPerImage * options_.bound) {
      torn_.clear();
      return;
    }
  }
  Shuffle(torn_, random_);
}

void CrashImages::AddRecipes(std::vector<Recipe>& recipes, std::size_t unit,
                             const Fate& fate) const {
  recipes.push_back({Background::kLost, unit, fate, false});
  recipes.push_back({Background::kKept, unit, fate, false});
  recipes.push_back({Background::kBefore, unit, fate, false});
  // A file whose name is lost hides what became of its bytes.
  if (unit < files_.size() && !state_.pending_entries().empty()) {
    recipes.push_back({Background::kLost, unit, fate, true});
    recipes.push_back({Background::kBefore, unit, fate, true});
  }
}

std::vector<Fate> CrashImages::Tears(const FileUnit& unit) {
  std::vector<Fate> tears;
  const auto add = [&](std::uint64_t cut) {
    const bool grown = random_.OneIn(2) && state_.model() == MetadataModel::kStrictPosix;
    tears.push_back({Fate::Kind::kPrefix, cut, grown});
    tears.push_back({Fate::Kind::kSuffix, cut, false});
  };
  for (const std::uint64_t step : {std::uint64_t{kPageBytes}, kSectorBytes}) {
    std::vector<std::uint64_t> cuts = Boundaries(unit.offset, unit.bytes, step);
    if (cuts.size() > kBoundariesMax) {
      Shuffle(cuts, random_);
      cuts.resize(kBoundariesMax);
    }
    for (const std::uint64_t cut : cuts) add(cut);
    if (!options_.ruins_pages || step != kPageBytes || unit.offset % kPageBytes != 0) continue;
    cuts.push_back(0);
    for (const std::uint64_t cut : cuts) tears.push_back({Fate::Kind::kRuined, cut, false});
  }
  if (unit.bytes > 1 && options_.tears_within_sectors) {
    add(1);
    add(unit.bytes - 1);
    // Headers stand at the start of what the log writes.
    add(1 + random_.Below(std::min<std::uint64_t>(unit.bytes - 1, 128)));
    for (int i = 0; i < 4; ++i) add(1 + random_.Below(unit.bytes - 1));
  }
  if (unit.bytes > kSectorBytes) {
    for (int i = 0; i < 3; ++i) tears.push_back({Fate::Kind::kSectors, random_.Next(), false});
  }
  if (unit.bytes > kPageBytes) {
    for (int i = 0; i < 2; ++i) tears.push_back({Fate::Kind::kPages, random_.Next(), false});
  }
  return tears;
}

Fate CrashImages::RandomTear(const FileUnit& unit) {
  const bool grown = random_.OneIn(2) && state_.model() == MetadataModel::kStrictPosix;
  const Fate::Kind side = random_.OneIn(3) ? Fate::Kind::kSuffix : Fate::Kind::kPrefix;
  switch (random_.Below(5)) {
    case 0:
      return {Fate::Kind::kSectors, random_.Next(), grown};
    case 1:
      return {Fate::Kind::kPages, random_.Next(), grown};
    case 2:
      if (options_.tears_within_sectors) return {side, random_.Below(unit.bytes) + 1, grown};
      [[fallthrough]];
    default: {
      const std::uint64_t step = random_.OneIn(2) ? kPageBytes : kSectorBytes;
      const auto cuts = Boundaries(unit.offset, unit.bytes, step);
      if (cuts.empty()) return {Fate::Kind::kKept};
      return {side, cuts[static_cast<std::size_t>(random_.Below(cuts.size()))], grown};
    }
  }
}

Fate CrashImages::RandomFate(const FileUnit& unit, std::uint64_t kept_of_ten) {
  if (random_.Below(10) < kept_of_ten) return {Fate::Kind::kKept};
  if (unit.bytes == 0 || random_.OneIn(2)) return {Fate::Kind::kLost};
  if (state_.model() == MetadataModel::kStrictPosix && random_.OneIn(2)) {
    return {options_.garbage && random_.OneIn(2) ? Fate::Kind::kGarbage : Fate::Kind::kGrown};
  }
  return RandomTear(unit);
}

CrashImages::Plan CrashImages::NextPlan() {
  const auto take = [&](std::vector<Recipe>& recipes) {
    const Recipe recipe = recipes.back();
    recipes.pop_back();
    return PlanOf(recipe);
  };
  // The first three are "all lost", "all kept" and "all lost but names"; then two whole, one torn
  // and one at random in turn.
  const std::uint64_t turn = step_++;
  if (!whole_.empty() && (turn < 3 || turn % 4 < 2)) return take(whole_);
  if (turn % 4 == 2 || whole_.empty()) {
    if (!torn_.empty()) return take(torn_);
    if (!files_.empty() && random_.OneIn(2)) {
      const auto unit = static_cast<std::size_t>(random_.Below(files_.size()));
      if (files_[unit].bytes > 0) {
        const auto background = static_cast<Background>(random_.Below(3));
        return PlanOf({background, unit, RandomTear(files_[unit]), random_.OneIn(2)});
      }
    }
  }
  return RandomPlan();
}

CrashImages::Plan CrashImages::PlanOf(const Recipe& recipe) const {
  constexpr std::array<const char*, 3> kBackgrounds{"rest lost", "rest kept", "before kept"};
  const bool single = recipe.unit != SIZE_MAX;
  const std::uint64_t pivot = single ? SequenceOf(recipe.unit) : 0;
  const auto keeps = [&](std::uint64_t sequence) {
    if (recipe.background == Background::kBefore) return sequence < pivot;
    return recipe.background == Background::kKept;
  };
  Plan plan;
  for (const FileUnit& unit : files_) {
    plan.files.push_back({keeps(unit.sequence) ? Fate::Kind::kKept : Fate::Kind::kLost});
  }
  for (const PendingEntries& change : state_.pending_entries()) {
    plan.entries.push_back(recipe.all_entries || keeps(change.sequence));
  }
  std::size_t wanted = SIZE_MAX;
  if (single && recipe.unit < files_.size()) {
    plan.files[recipe.unit] = recipe.fate;
  } else if (single) {
    const std::size_t entry = recipe.unit - files_.size();
    plan.entries[entry] = recipe.fate.kind == Fate::Kind::kKept;
    if (plan.entries[entry]) wanted = entry;
  }
  RespectOrder(plan, wanted);
  plan.note = kBackgrounds[static_cast<std::size_t>(recipe.background)];
  if (recipe.all_entries) plan.note += ", all names kept";
  if (single) {
    plan.note += ", change " + std::to_string(pivot) + " " + Describe(recipe.fate);
  }
  return plan;
}

CrashImages::Plan CrashImages::RandomPlan() {
  constexpr std::array<std::uint64_t, 5> kKeptOfTen{0, 1, 5, 9, 10};
  const auto any_share = [&] {
    return kKeptOfTen[static_cast<std::size_t>(random_.Below(kKeptOfTen.size()))];
  };
  Plan plan;
  plan.note = "random, step " + std::to_string(step_);
  const std::uint64_t kept_files = any_share();
  for (const FileUnit& unit : files_) {
    plan.files.push_back(RandomFate(unit, kept_files));
  }
  const std::uint64_t kept_entries = any_share();
  const std::size_t changes = state_.pending_entries().size();
  const bool ordered = state_.model() == MetadataModel::kOrderedJournal;
  const auto prefix = static_cast<std::size_t>(random_.Below(changes + 1));
  for (std::size_t i = 0; i < changes; ++i) {
    plan.entries.push_back(ordered ? i < prefix : random_.Below(10) < kept_entries);
  }
  RespectOrder(plan, SIZE_MAX);
  return plan;
}

// Takes back what cannot be without what was lost; what `wanted_entry` needs is kept instead.
void CrashImages::RespectOrder(Plan& plan, std::size_t wanted_entry) const {
  const std::vector<PendingEntries>& changes = state_.pending_entries();
  if (state_.model() == MetadataModel::kOrderedJournal) {
    std::uint64_t kept_through = UINT64_MAX;
    if (wanted_entry != SIZE_MAX) {
      kept_through = changes[wanted_entry].sequence;
      for (std::size_t i = wanted_entry; i < changes.size(); ++i) {
        if (plan.entries[i]) kept_through = changes[i].sequence;
      }
    } else {
      // The halves of a rename share a sequence: losing one loses both.
      for (std::size_t i = changes.size(); i-- > 0;) {
        if (!plan.entries[i]) kept_through = changes[i].sequence - 1;
      }
    }
    for (std::size_t i = 0; i < changes.size(); ++i) {
      plan.entries[i] = changes[i].sequence <= kept_through;
    }
    return;
  }
  // A change needs the earlier changes of its names: whatever held a name has to leave it first.
  const auto needs = [](const PendingEntries& later, const PendingEntries& earlier) {
    if (earlier.directory != later.directory) return false;
    for (const EntryChange& change : later.changes) {
      for (const EntryChange& other : earlier.changes) {
        if (other.name == change.name) return true;
      }
    }
    return false;
  };
  if (wanted_entry != SIZE_MAX) {
    for (std::size_t i = wanted_entry + 1; i-- > 0;) {
      for (std::size_t j = 0; plan.entries[i] && j < i; ++j) {
        if (needs(changes[i], changes[j])) plan.entries[j] = true;
      }
    }
  }
  for (std::size_t i = 0; i < changes.size(); ++i) {
    for (std::size_t j = 0; plan.entries[i] && j < i; ++j) {
      if (!plan.entries[j] && needs(changes[i], changes[j])) plan.entries[i] = false;
    }
  }
}

}  // namespace seglog::test
