// SPDX-License-Identifier: MIT
// What the disk itself can do, in the shapes of the benchmark's workloads and without anything in
// between: the limit that a log on it can come near to. Prints one line of JSON with the fields
// that the harness's other runs have.
//
//   limit <directory> <recycled|new> <payload bytes> <callers> <batch> <seconds> <bytes at most>
//
// Callers 0: as fast as it goes, one sync at the end.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "pipeline.h"
#include "target.h"

namespace seglog::limit {
namespace {

constexpr std::uint64_t kJournalRingBytes = 64 << 20;
constexpr std::uint64_t kBulkRingBytes = 1 << 30;
constexpr double kWarmUpPart = 0.2;

// Sorts its argument.
double PercentileUs(std::vector<Acknowledged>& latencies, double part) {
  std::uint64_t left = 0;
  for (const Acknowledged& one : latencies) left += one.records;
  left = static_cast<std::uint64_t>(static_cast<double>(left) * (1 - part));
  std::sort(latencies.begin(), latencies.end(), [](const Acknowledged& a, const Acknowledged& b) {
    return a.microseconds > b.microseconds;
  });
  for (const Acknowledged& one : latencies) {
    if (left < one.records) return one.microseconds;
    left -= one.records;
  }
  return 0;
}

// A number behind its name in a file of /proc.
double NumberIn(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::atof(line.c_str() + name.size());
  }
  return 0;
}

double WrittenBytes() { return NumberIn("/proc/self/io", "write_bytes:"); }
double PeakBytes() { return NumberIn("/proc/self/status", "VmHWM:") * 1024; }

void Print(Outcome& outcome, const Shape& shape, double written_bytes, double growth_bytes) {
  std::printf("{\"records\":%llu,\"seconds\":%.6f",
              static_cast<unsigned long long>(outcome.records), outcome.seconds);
  if (!outcome.latencies.empty()) {
    std::printf(",\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f,\"maxUs\":%.1f",
                PercentileUs(outcome.latencies, 0.5), PercentileUs(outcome.latencies, 0.99),
                PercentileUs(outcome.latencies, 0.999), PercentileUs(outcome.latencies, 1));
  }
  const double payload_bytes =
      static_cast<double>(outcome.records_in_all) * static_cast<double>(shape.payload_bytes);
  std::printf(",\"cpuUs\":%.0f,\"rssGrowthBytes\":%.0f,\"writtenPerPayloadByte\":%.4f}\n",
              outcome.cpu_microseconds, growth_bytes, written_bytes / payload_bytes);
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() != 7) {
    std::fputs(
        "Expected <directory> <recycled|new> <payload bytes> <callers> <batch> <seconds> "
        "<bytes at most>\n",
        stderr);
    return 2;
  }
  const auto number = [&](std::size_t index) {
    return std::strtoull(arguments[index].c_str(), nullptr, 10);
  };
  Shape shape;
  shape.payload_bytes = std::max<std::size_t>(1, number(2));
  shape.callers = number(3);
  shape.batch = std::max<std::size_t>(1, number(4));
  shape.seconds = std::strtod(arguments[5].c_str(), nullptr);
  shape.warm_up_seconds = shape.seconds * kWarmUpPart;
  shape.bytes_max = number(6);

  const bool is_bulk = shape.callers == 0;
  const bool is_large = is_bulk || shape.payload_bytes * shape.callers * shape.batch > (4 << 20);
  Target target(arguments[0] + "/limit",
                arguments[1] == "recycled" ? Blocks::kRecycled : Blocks::kNew, !is_bulk,
                is_large ? kBulkRingBytes : kJournalRingBytes);
  const double written_before = WrittenBytes();
  const double memory_before = NumberIn("/proc/self/status", "VmRSS:") * 1024;
  Pipeline pipeline(shape, target);
  Outcome outcome = pipeline.Run();
  Print(outcome, shape, WrittenBytes() - written_before,
        std::max(0.0, PeakBytes() - memory_before));
  return 0;
}

}  // namespace
}  // namespace seglog::limit

int main(int argc, char** argv) { return seglog::limit::Main({argv + 1, argv + argc}); }
