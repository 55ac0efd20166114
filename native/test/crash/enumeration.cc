// SPDX-License-Identifier: MIT
#include "test/crash/enumeration.h"

#include "test/crash/image_checks.h"

namespace seglog::crash {
namespace {

std::optional<Failure> Fail(const std::string& where, const Violation& violation) {
  return Failure{.violation = violation, .where = where};
}

}  // namespace

std::optional<Failure> Enumeration::Run(const Workload& workload, std::uint64_t seed,
                                        test::MetadataModel metadata,
                                        std::size_t images_per_point) {
  ++totals_->workloads;
  Context context{
      .workload = &workload,
      .seed = seed,
      .metadata = metadata,
      .images = images_per_point,
      .where = std::string(workload.name) + " seed " + std::to_string(seed) +
               (metadata == test::MetadataModel::kStrictPosix ? " strict" : " ordered")};
  std::uint64_t calls = 0;
  {
    test::SimulatedDisk disk(DiskOptionsOf(context));
    Model model;
    Life life(&disk, workload, seed, &model);
    log::RecoveryReport report;
    const Status opened = life.Open(&report);
    if (!opened.ok()) return Fail(context.where, {Invariant::kRunsOn, opened.ToString()});
    if (auto violation = life.Run()) return Fail(context.where, *violation);
    calls = disk.calls();
    totals_->counts.Add(life.counts());
    // The process ends here without a power cut.
    if (auto failure = CheckImage(context, disk.CurrentImage(), model, true, 1)) return failure;
  }
  for (std::uint64_t call = 1; call <= calls; ++call) {
    const auto effect = static_cast<test::CutEffect>((call + seed) % 3);
    if (auto failure = CrashAt(context, call, effect)) return failure;
  }
  return std::nullopt;
}

test::DiskOptions Enumeration::DiskOptionsOf(const Context& context) const {
  return {.metadata = context.metadata, .direct = context.seed % 4 != 0, .seed = context.seed};
}

std::optional<Failure> Enumeration::CrashAt(const Context& context, std::uint64_t call,
                                            test::CutEffect effect) {
  ++totals_->crash_points;
  Context here = context;
  here.where +=
      " call " + std::to_string(call) + " effect " + std::to_string(static_cast<int>(effect));
  test::SimulatedDisk disk(DiskOptionsOf(context));
  disk.CrashAt(call, effect);
  Model model;
  Life life(&disk, *context.workload, context.seed, &model);
  log::RecoveryReport report;
  if (life.Open(&report).ok()) {
    if (auto violation = life.Run()) return Fail(here.where, *violation);
  }
  if (!disk.crashed()) return Fail(here.where, {Invariant::kRunsOn, "the run is not repeatable"});
  return CheckImages(here, disk, model, false, 0);
}

std::optional<Failure> Enumeration::CheckImages(const Context& context,
                                                const test::SimulatedDisk& disk, const Model& model,
                                                bool power_was_cut, int depth) {
  // What a mere kill leaves, unless the power was cut before.
  if (auto failure = CheckImage(context, disk.CurrentImage(), model, !power_was_cut, depth))
    return failure;
  test::CrashImages images = disk.ImageGenerator({.seed = context.seed + totals_->crash_points,
                                                  .bound = depth == 0 ? context.images : 2,
                                                  .ruins_pages = true});
  while (std::optional<test::DiskImage> image = images.Next()) {
    if (auto failure = CheckImage(context, *image, model, false, depth)) return failure;
  }
  return std::nullopt;
}

std::optional<Failure> Enumeration::CheckImage(const Context& context, const test::DiskImage& image,
                                               const Model& model, bool killed_only, int depth) {
  ++totals_->images;
  if (!totals_->distinct.insert(image.Hash()).second && depth > 0) return std::nullopt;
  const std::string where = context.where + " image [" + image.note() + "]";
  const auto disk = test::SimulatedDisk::FromImage(image, DiskOptionsOf(context));
  FoundLog found;
  std::uint64_t calls = 0;
  Model after = model;
  {
    Life life(disk.get(), *context.workload, context.seed + 17, &after);
    log::RecoveryReport report;
    const Status opened = life.Open(&report);
    ++totals_->recoveries;
    Count(report);
    if (!opened.ok()) return Fail(where, {Invariant::kNoFalseAlarm, opened.ToString()});
    if (auto violation = ReadEverything(&life.engine(), false, &found))
      return Fail(where, *violation);
    if (auto violation = model.Check(found, report, killed_only)) return Fail(where, *violation);
    if (auto violation = CheckSealed(&life.engine())) return Fail(where, *violation);
    if (auto violation = CheckVerifies(&life.engine())) return Fail(where, *violation);
    calls = disk->calls();
  }
  // Opened again, from what recovery made durable and nothing else.
  const auto again = test::SimulatedDisk::FromImage(disk->DurableImage(), DiskOptionsOf(context));
  FoundLog found_again;
  Life life(again.get(), *context.workload, context.seed + 23, &after);
  log::RecoveryReport report;
  const Status reopened = life.Open(&report);
  ++totals_->recoveries;
  Count(report);
  if (!reopened.ok())
    return Fail(where, {Invariant::kNoFalseAlarm, "second open: " + reopened.ToString()});
  if (auto violation = ReadEverything(&life.engine(), false, &found_again))
    return Fail(where, *violation);
  if (found_again != found)
    return Fail(where, {Invariant::kReopensTheSame, "the second open differs"});
  after.Accept(found);
  if (auto violation = CheckRetries(context, model, &life)) return Fail(where, *violation);
  if (auto violation = life.AppendOne()) return Fail(where, *violation);
  const std::uint64_t dice = totals_->images % 16;
  if (dice % 4 == 1 && other_snapshots_) {
    if (auto failure = CheckOtherSnapshot(context, image, model)) return failure;
  }
  if (dice % 4 == 2) {
    if (auto violation = CheckAppendIsKept(context, *again, model, &life))
      return Fail(where, *violation);
  }
  if (dice < 4 && depth == 0) {
    if (auto failure = CrashInsideRecovery(context, image, model, calls)) return failure;
  }
  if (dice == 5 && depth < 2) return LiveOn(context, image, found, model);
  return std::nullopt;
}

// The program of before the crash hands over again what it has no answer to, and what it has.
std::optional<Violation> Enumeration::CheckRetries(const Context& context, const Model& before,
                                                   Life* life) {
  constexpr std::size_t kRetriesMax = 2;
  if (context.workload->percent_expect == 0) return std::nullopt;
  for (const Submitted& earlier : before.NewestExpecting(kRetriesMax)) {
    ++totals_->retries;
    if (auto violation = life->Retry(earlier)) return violation;
  }
  return std::nullopt;
}

// An acknowledged append behind a recovered end survives the next power cut.
std::optional<Violation> Enumeration::CheckAppendIsKept(const Context& context,
                                                        const test::SimulatedDisk& disk,
                                                        const Model& model, Life* life) {
  ++totals_->appends_kept;
  FoundLog expected;
  if (auto violation = ReadEverything(&life->engine(), false, &expected)) return violation;
  const auto next = test::SimulatedDisk::FromImage(disk.DurableImage(), DiskOptionsOf(context));
  Model unused = model;
  Life reopened(next.get(), *context.workload, context.seed + 29, &unused);
  log::RecoveryReport report;
  const Status opened = reopened.Open(&report);
  ++totals_->recoveries;
  Count(report);
  if (!opened.ok()) return Violation{Invariant::kNoFalseAlarm, "third open: " + opened.ToString()};
  FoundLog found;
  if (auto violation = ReadEverything(&reopened.engine(), false, &found)) return violation;
  if (found == expected) return std::nullopt;
  return Violation{Invariant::kAckedPresent, "an append after recovery is lost"};
}

// With the newest snapshot damaged the other one opens the log, and loses nothing.
std::optional<Failure> Enumeration::CheckOtherSnapshot(const Context& context,
                                                       const test::DiskImage& image,
                                                       const Model& model) {
  const std::optional<test::DiskImage> damaged = DamageNewestSnapshot(image);
  if (!damaged.has_value()) return std::nullopt;
  ++totals_->other_snapshots;
  const auto fail = [&](const std::string& what) {
    return Fail(context.where + " image [" + image.note() + "] newest catalogue damaged",
                {Invariant::kEitherSnapshotOpens, what});
  };
  const auto disk = test::SimulatedDisk::FromImage(*damaged, DiskOptionsOf(context));
  Model unused = model;
  Life life(disk.get(), *context.workload, context.seed + 31, &unused);
  log::RecoveryReport report;
  const Status opened = life.Open(&report);
  ++totals_->recoveries;
  Count(report);
  if (!opened.ok()) return fail(opened.ToString());
  FoundLog by_other;
  if (auto violation = ReadEverything(&life.engine(), false, &by_other))
    return fail(violation->what);
  // Not more and not less than the contract: what a killed recovery had taken from the page cache
  // alone may be in the newest catalogue's log only.
  Model contract = model;
  contract.set_closed(false);
  if (auto violation = contract.Check(by_other, report, false)) return fail(violation->what);
  return std::nullopt;
}

// Crashes recovery itself at one of its calls, in turn; what that leaves must recover as well.
std::optional<Failure> Enumeration::CrashInsideRecovery(const Context& context,
                                                        const test::DiskImage& image,
                                                        const Model& model, std::uint64_t calls) {
  const std::uint64_t call = 1 + totals_->recoveries_inside % calls;
  const auto disk = test::SimulatedDisk::FromImage(image, DiskOptionsOf(context));
  disk->CrashAt(call, static_cast<test::CutEffect>(totals_->recoveries_inside % 3));
  Model reopened = model;
  reopened.set_closed(false);
  Life life(disk.get(), *context.workload, context.seed + 17, &reopened);
  log::RecoveryReport report;
  const Status opened = life.Open(&report);
  if (opened.ok()) return std::nullopt;
  Context inside = context;
  inside.where += " image [" + image.note() + "] recovery call " + std::to_string(call);
  const std::uint64_t before = totals_->images;
  auto failure = CheckImages(inside, *disk, reopened, true, 1);
  totals_->recoveries_inside += totals_->images - before;
  return failure;
}

// Another program goes on with what was recovered, and crashes somewhere.
std::optional<Failure> Enumeration::LiveOn(const Context& context, const test::DiskImage& image,
                                           const FoundLog& found, const Model& model) {
  ++totals_->later_lives;
  const auto disk = test::SimulatedDisk::FromImage(image, DiskOptionsOf(context));
  disk->CrashAt(10 + totals_->later_lives % 97,
                static_cast<test::CutEffect>(totals_->later_lives % 3));
  Model next = model;
  next.set_closed(false);
  Life life(disk.get(), *context.workload, context.seed + totals_->later_lives, &next);
  Context later = context;
  later.where += " image [" + image.note() + "] life " + std::to_string(totals_->later_lives);
  log::RecoveryReport report;
  if (!life.Open(&report).ok()) return CheckImages(later, *disk, next, true, 1);
  next.Accept(found);
  if (auto violation = life.Run()) return Fail(later.where, *violation);
  return CheckImages(later, *disk, next, false, 1);
}

void Enumeration::Count(const log::RecoveryReport& report) {
  for (std::size_t row = 0; row < report.rows.size(); ++row) totals_->rows[row] += report.rows[row];
  ++totals_->statuses[static_cast<std::size_t>(report.status)];
}

}  // namespace seglog::crash
