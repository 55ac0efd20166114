// SPDX-License-Identifier: MIT
// A disk under Linux that can lose power, fill up and fail, as a test asks. Each mutating call and
// each sync through its file systems counts as one I/O call; a test runs a program once to count
// them, then again with the power cut at each, and looks at the disks that the cut may leave.
//
//   disk.CrashAt(17, CutEffect::kWhole);
//   Run(*disk.Mount());                                  // everything from call 17 on fails
//   for (const DiskImage& image : disk.Images({.seed = 1, .bound = 64})) {
//     Recover(*SimulatedDisk::FromImage(image)->Mount());
//   }
//
// A killed process is not a power cut: drop the file system and mount the disk again.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_system.h"
#include "test/support/crash_images.h"
#include "test/support/disk_image.h"
#include "test/support/disk_state.h"

namespace seglog::test {

// What the call that the cut hits has done. Nothing of it is durable; the images tear what it
// wrote.
enum class CutEffect : unsigned char {
  kNothing,
  kWhole,
  kPart,  // a write: a random prefix; a rename between directories: the new name only; else kWhole
};

enum class FaultKind : unsigned char {
  kRead,
  kWrite,       // nothing is written
  kShortWrite,  // half is written, in whole pages where the file is direct
  kExtend,      // a write that makes the file longer or allocates pages; nothing is written
  kSync,        // SyncData, or the sync of a kSynced write: its bytes may be there or not
  kSyncDirectory,
  kEntries,  // creating, renaming, removing
  kTruncate,
};

struct Fault {
  FaultKind kind = FaultKind::kWrite;
  std::uint64_t nth = 1;  // 1: the next call of this kind
  int error_number = 0;
  bool sticky = false;           // all calls from then on, until ClearFaults
  std::string path_prefix = {};  // only for paths that begin so, as they were when opened
};

struct DiskOptions {
  MetadataModel metadata = MetadataModel::kStrictPosix;
  bool direct = true;      // whether direct files can be had
  std::uint64_t seed = 1;  // of partial effects
};

// Any thread; but what shares content with others (images, disks made of them) belongs to one
// thread at a time together with them. Must outlive its file systems and files.
class SimulatedDisk final {
 public:
  static constexpr std::uint64_t kNoQuota = std::numeric_limits<std::uint64_t>::max();

  explicit SimulatedDisk(const DiskOptions& options = {});
  // A disk whose durable state is exactly the image.
  static std::unique_ptr<SimulatedDisk> FromImage(const DiskImage& image,
                                                  const DiskOptions& options = {});

  std::unique_ptr<io::FileSystem> Mount(bool read_only = false);

  // The `nth` call from now (1: the next one) and everything after it fails with kIoError.
  void CrashAt(std::uint64_t nth, CutEffect effect);
  void CutPower();  // now, between two calls
  // What ended was the process, not the power: what is unsynced stays unsynced and readable. All
  // files of before must be closed.
  void RestartProcess();
  bool crashed() const;
  // Mutating calls and syncs so far, the one that the cut hit included.
  std::uint64_t calls() const;
  // One line per counted call, for a failing test's message; off at first.
  void EnableTrace();
  std::vector<std::string> trace() const;

  void FailNext(FaultKind kind, std::uint64_t nth, int error_number);
  void Inject(const Fault& fault);
  void ClearFaults();
  std::uint64_t faults_met() const;
  // Bytes in whole pages that files may take; writes beyond it end short, with ENOSPC.
  void SetQuota(std::uint64_t bytes);
  std::uint64_t AllocatedBytes() const;

  // The disks that a cut now, or the one that was, may leave.
  CrashImages ImageGenerator(const CrashOptions& options) const;
  std::vector<DiskImage> Images(const CrashOptions& options) const;
  // All that is unsynced lost; all kept.
  DiskImage DurableImage() const;
  DiskImage CurrentImage() const;

 private:
  friend class SimulatedFileSystem;
  friend class SimulatedFile;
  friend class SimulatedLock;

  enum class Admission : unsigned char {
    kRefused,  // no power any more
    kComplete,
    kCutWhole,  // take effect, then fail
    kCutPart,
  };
  struct Armed {
    Fault fault;
    std::uint64_t matching = 0;  // calls so far
  };

  SimulatedDisk(const DiskOptions& options, DiskState state);

  // With mutex_ held. Counts the call and tells how far it may go.
  Admission Admit(std::string_view what, std::string_view path, std::uint64_t offset = 0,
                  std::uint64_t bytes = 0);
  // The error number to fail with, or 0.
  int MeetFault(FaultKind kind, std::string_view path);
  static Status PowerCut(std::string_view path);

  const DiskOptions options_;
  mutable std::mutex mutex_;  // guards everything below
  DiskState state_;
  Sequence random_;
  std::uint64_t calls_ = 0;
  std::uint64_t crash_call_ = 0;  // 0: none
  CutEffect crash_effect_ = CutEffect::kNothing;
  bool crashed_ = false;
  std::vector<Armed> faults_;
  std::uint64_t faults_met_ = 0;
  std::uint64_t quota_ = kNoQuota;
  bool tracing_ = false;
  std::vector<std::string> trace_;
};

}  // namespace seglog::test
