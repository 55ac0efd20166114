// SPDX-License-Identifier: MIT
#include "test/support/simulated_disk.h"

#include <cerrno>
#include <optional>
#include <utility>

#include "test/support/simulated_file_system.h"

namespace seglog::test {

SimulatedDisk::SimulatedDisk(const DiskOptions& options)
    : SimulatedDisk(options, DiskState(options.metadata)) {}

SimulatedDisk::SimulatedDisk(const DiskOptions& options, DiskState state)
    : options_(options), state_(std::move(state)), random_(options.seed) {}

std::unique_ptr<SimulatedDisk> SimulatedDisk::FromImage(const DiskImage& image,
                                                        const DiskOptions& options) {
  return std::unique_ptr<SimulatedDisk>(
      new SimulatedDisk(options, DiskState(options.metadata, image)));
}

std::unique_ptr<io::FileSystem> SimulatedDisk::Mount(bool read_only) {
  return std::make_unique<SimulatedFileSystem>(*this, read_only);
}

void SimulatedDisk::CrashAt(std::uint64_t nth, CutEffect effect) {
  SEGLOG_ASSERT(nth > 0);
  const std::lock_guard<std::mutex> lock(mutex_);
  crash_call_ = calls_ + nth;
  crash_effect_ = effect;
}

void SimulatedDisk::CutPower() {
  const std::lock_guard<std::mutex> lock(mutex_);
  crashed_ = true;
}

void SimulatedDisk::RestartProcess() {
  const std::lock_guard<std::mutex> lock(mutex_);
  crashed_ = false;
  crash_call_ = 0;
}

bool SimulatedDisk::crashed() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return crashed_;
}

std::uint64_t SimulatedDisk::calls() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return calls_;
}

void SimulatedDisk::EnableTrace() {
  const std::lock_guard<std::mutex> lock(mutex_);
  tracing_ = true;
}

std::vector<std::string> SimulatedDisk::trace() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return trace_;
}

void SimulatedDisk::FailNext(FaultKind kind, std::uint64_t nth, int error_number) {
  Inject({kind, nth, error_number, false, ""});
}

void SimulatedDisk::Inject(const Fault& fault) {
  SEGLOG_ASSERT(fault.nth > 0 && fault.error_number != 0);
  const std::lock_guard<std::mutex> lock(mutex_);
  faults_.push_back({fault});
}

void SimulatedDisk::ClearFaults() {
  const std::lock_guard<std::mutex> lock(mutex_);
  faults_.clear();
}

std::uint64_t SimulatedDisk::faults_met() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return faults_met_;
}

void SimulatedDisk::SetQuota(std::uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  quota_ = bytes;
}

std::uint64_t SimulatedDisk::AllocatedBytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_.AllocatedBytes();
}

CrashImages SimulatedDisk::ImageGenerator(const CrashOptions& options) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return CrashImages(state_, options);
}

std::vector<DiskImage> SimulatedDisk::Images(const CrashOptions& options) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return AllCrashImages(state_, options);
}

DiskImage SimulatedDisk::DurableImage() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return AllCrashImages(state_, {.bound = 1}).front();  // "All lost" comes first.
}

DiskImage SimulatedDisk::CurrentImage() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return AllCrashImages(state_, {.bound = 2}).back();  // "All kept" comes second.
}

SimulatedDisk::Admission SimulatedDisk::Admit(std::string_view what, std::string_view path,
                                              std::uint64_t offset, std::uint64_t bytes) {
  if (crashed_) return Admission::kRefused;
  ++calls_;
  if (tracing_) {
    std::string line = std::to_string(calls_) + " " + std::string(what) + " " + std::string(path);
    if (bytes > 0) line += " " + std::to_string(offset) + "+" + std::to_string(bytes);
    trace_.push_back(std::move(line));
  }
  if (calls_ != crash_call_) return Admission::kComplete;
  crashed_ = true;
  if (crash_effect_ == CutEffect::kNothing) return Admission::kRefused;
  return crash_effect_ == CutEffect::kWhole ? Admission::kCutWhole : Admission::kCutPart;
}

int SimulatedDisk::MeetFault(FaultKind kind, std::string_view path) {
  if (crashed_) return 0;
  int error_number = 0;
  for (Armed& armed : faults_) {
    if (armed.fault.kind != kind || !path.starts_with(armed.fault.path_prefix)) continue;
    ++armed.matching;
    const bool due =
        armed.fault.sticky ? armed.matching >= armed.fault.nth : armed.matching == armed.fault.nth;
    if (due) error_number = armed.fault.error_number;
  }
  if (error_number != 0) ++faults_met_;
  return error_number;
}

Status SimulatedDisk::PowerCut(std::string_view path) {
  return Status(Code::kIoError, "simulated power cut").WithPath(path);
}

}  // namespace seglog::test
