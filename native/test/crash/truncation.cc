// SPDX-License-Identifier: MIT
#include "test/crash/truncation.h"

#include <array>

#include "test/crash/image_checks.h"
#include "test/support/engine_harness.h"

namespace seglog::crash {
namespace {

constexpr std::array<const char*, 2> kKeys{"alpha", "beta"};
constexpr int kOperations = 40;
constexpr log::Token kOwnTokens = 1'000'000;  // apart from those that the harness gives

// Streams have segments of their own, share them for good, or begin in shared ones.
log::Options TruncationOptions(std::uint64_t seed) {
  constexpr std::array<std::uint64_t, 3> kSharedStreamBytesMax{0, 1u << 20, 4000};
  log::Options options = test::BusyOptions();
  options.shared_stream_bytes_max = kSharedStreamBytesMax[seed % kSharedStreamBytesMax.size()];
  options.segment_bytes = 12 * 1024;
  options.destage_bytes = 4 * 1024;
  options.carry_bytes_max = 4 * 1024;
  return options;
}

std::optional<Failure> Fail(Invariant invariant, const std::string& what,
                            const std::string& where) {
  return Failure{.violation = {.invariant = invariant, .what = what}, .where = where};
}

// What became of one stream: everything that was submitted, and how much of it was acknowledged.
struct Expected {
  std::vector<std::string> payloads;
  std::uint64_t acknowledged = 0;
  std::uint64_t truncated_acknowledged = 1;  // first sequence
  std::uint64_t truncated_submitted = 1;
};

}  // namespace

// Runs until it has done its operations or the power is cut.
struct TruncationPhase::Program {
  log::Options options;
  std::array<Expected, kKeys.size()> streams;
  std::uint64_t truncations = 0;
  std::uint64_t recycled = 0;
  std::shared_ptr<test::SimulatedRandom> random;  // made anew for each Continue

  void Run(test::SimulatedDisk* disk, std::uint64_t seed) {
    options = TruncationOptions(seed);
    test::EngineHarness log(disk, options);
    if (!log.Open().ok()) return;
    Continue(disk, &log, seed, kOperations, true);
    recycled = log.engine().GetStats().segments_recycled;
  }

  void Continue(test::SimulatedDisk* disk, test::EngineHarness* log, std::uint64_t seed,
                int operations, bool truncating) {
    random = std::make_shared<test::SimulatedRandom>(seed);
    for (int i = 0; i < operations && !disk->crashed(); ++i) {
      const std::size_t which = random->Next() % kKeys.size();
      Expected& stream = streams[which];
      const std::uint64_t dice = random->Next() % 10;
      if (dice < 7) {
        const std::string payload =
            std::to_string(which) + ":" + std::to_string(stream.payloads.size()) + ":" +
            std::string(random->Next() % 3000, static_cast<char>('a' + i % 26));
        stream.payloads.push_back(payload);
        if (Wait(disk, log, log->Submit(kKeys[which], payload)))
          stream.acknowledged = stream.payloads.size();
      } else if (dice < 8) {
        Wait(disk, log, log->Seal(kKeys[which]));
      } else if (truncating && !stream.payloads.empty()) {
        Truncate(disk, log, which, 1 + random->Next() % (stream.payloads.size() + 1));
      }
      for (std::uint64_t steps = random->Next() % 12; steps > 0 && !disk->crashed(); --steps) {
        log->StepDestager();
        if (random->Next() % 2 == 0) log->StepCommitter();
      }
    }
  }

  void Truncate(test::SimulatedDisk* disk, test::EngineHarness* log, std::size_t which,
                std::uint64_t first) {
    Expected& stream = streams[which];
    ++truncations;
    stream.truncated_submitted = std::max(stream.truncated_submitted, first);
    log::Request request;
    request.kind = log::Request::Kind::kTruncateBefore;
    request.token = kOwnTokens + truncations;
    request.stream = log->engine().HandleOf(kKeys[which]);
    request.sequence = first;
    const log::Token token = request.token;
    log->state().inbox.Submit(std::move(request));
    if (Wait(disk, log, token)) {
      stream.truncated_acknowledged = std::max(stream.truncated_acknowledged, first);
    }
  }

  // Whether the request was answered before the power was cut.
  bool Wait(test::SimulatedDisk* disk, test::EngineHarness* log, log::Token token) {
    for (int i = 0; i < 5000 && !disk->crashed(); ++i) {
      if (log->Answered(token)) return log->AnswerTo(token).status.ok();
      // Both in any order, also while a block is on its way.
      if (random->Next() % 3 == 0 || log->StepCommitter() != log::StepOutcome::kProgress)
        log->StepDestager();
    }
    return false;
  }

  // Against what is read now; `found_all`: more was appended since, all of it acknowledged.
  std::optional<Violation> Check(test::EngineHarness* log) const {
    for (std::size_t which = 0; which < kKeys.size(); ++which) {
      const Expected& stream = streams[which];
      const auto info = log->engine().Describe(log->engine().HandleOf(kKeys[which]));
      if (!info.ok()) {
        if (stream.acknowledged == 0) continue;
        return Violation{Invariant::kAckedPresent, std::string(kKeys[which]) + " is gone"};
      }
      const std::uint64_t first = info->first_sequence;
      if (first < stream.truncated_acknowledged) {
        return Violation{Invariant::kAckedPresent, "an acknowledged truncation is undone"};
      }
      if (first > stream.truncated_submitted) {
        return Violation{Invariant::kAckedPresent, "more was truncated than was asked for"};
      }
      const test::Found found = log->Read(kKeys[which]);
      if (!found.status.ok()) return Violation{Invariant::kAckedPresent, found.status.ToString()};
      const std::uint64_t last = first + found.data.size() - 1;
      if (last < stream.acknowledged || last > stream.payloads.size()) {
        return Violation{Invariant::kAckedPresent,
                         std::string(kKeys[which]) + " ends at " + std::to_string(last) +
                             ", acknowledged were " + std::to_string(stream.acknowledged)};
      }
      for (std::size_t i = 0; i < found.data.size(); ++i) {
        if (found.sequences[i] != first + i || found.data[i] != stream.payloads[first + i - 1]) {
          return Violation{Invariant::kOrder,
                           std::string(kKeys[which]) + " differs at " + std::to_string(first + i)};
        }
      }
    }
    return std::nullopt;
  }

  // What was found is what there is: the rest was never acknowledged.
  void Accept(test::EngineHarness* log) {
    for (std::size_t which = 0; which < kKeys.size(); ++which) {
      const auto info = log->engine().Describe(log->engine().HandleOf(kKeys[which]));
      Expected& stream = streams[which];
      stream.payloads.resize(info.ok() ? info->next_sequence - 1 : 0);
      stream.acknowledged = stream.payloads.size();
      stream.truncated_acknowledged = stream.truncated_submitted =
          info.ok() ? info->first_sequence : 1;
    }
  }
};

std::optional<Failure> TruncationPhase::Run(std::uint64_t seed, test::MetadataModel metadata,
                                            std::size_t images) {
  ++truncation_->runs;
  const test::DiskOptions options{.metadata = metadata, .seed = seed};
  std::uint64_t calls = 0;
  {
    test::SimulatedDisk disk(options);
    Program program;
    program.Run(&disk, seed);
    calls = disk.calls();
    truncation_->truncations += program.truncations;
    truncation_->segments_recycled += program.recycled;
  }
  for (std::uint64_t call = 1; call <= calls; ++call) {
    ++truncation_->crash_points;
    test::SimulatedDisk disk(options);
    disk.CrashAt(call, static_cast<test::CutEffect>((call + seed) % 3));
    Program program;
    program.Run(&disk, seed);
    const std::string where =
        "truncation seed " + std::to_string(seed) + " call " + std::to_string(call);
    if (!disk.crashed()) return Fail(Invariant::kRunsOn, "the run is not repeatable", where);
    test::CrashImages generator = disk.ImageGenerator({.seed = seed + call, .bound = images});
    while (std::optional<test::DiskImage> image = generator.Next()) {
      const std::string here = where + " image [" + image->note() + "]";
      if (auto failure = CheckImage(*image, program, options, here)) return failure;
    }
  }
  return std::nullopt;
}

std::optional<Failure> TruncationPhase::CheckImage(const test::DiskImage& image,
                                                   const Program& program,
                                                   const test::DiskOptions& options,
                                                   const std::string& where) {
  ++truncation_->images;
  ++totals_->images;
  totals_->distinct.insert(image.Hash());
  const auto disk = test::SimulatedDisk::FromImage(image, options);
  Program later = program;
  {
    test::EngineHarness log(disk.get(), program.options);
    ++totals_->recoveries;
    if (const Status opened = log.Open(); !opened.ok()) {
      return Fail(Invariant::kNoFalseAlarm, opened.ToString(), where);
    }
    if (auto violation = program.Check(&log)) return Failure{*violation, where};
    if (auto violation = CheckVerifies(&log.engine())) return Failure{*violation, where};
    later.Accept(&log);
    // Goes on, so that free files are used again.
    later.Continue(disk.get(), &log, truncation_->images, 30, false);
    log.Settle();
    if (auto violation = later.Check(&log)) return Failure{*violation, where + ", later"};
    if (auto violation = CheckVerifies(&log.engine()))
      return Failure{*violation, where + ", later"};
  }
  test::EngineHarness again(disk.get(), program.options);
  ++totals_->recoveries;
  if (const Status opened = again.Open(); !opened.ok()) {
    return Fail(Invariant::kNoFalseAlarm, "later: " + opened.ToString(), where);
  }
  if (auto violation = later.Check(&again)) return Failure{*violation, where + ", reopened"};
  return std::nullopt;
}

}  // namespace seglog::crash
