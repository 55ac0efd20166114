// SPDX-License-Identifier: MIT
#include "target.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/aligned_buffer.h"

namespace seglog::limit {
namespace {

constexpr std::size_t kZeroBytes = 1 << 20;

void WriteAt(int descriptor, ByteSpan bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written =
        pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) Fail("pwrite");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

}  // namespace

void Fail(const std::string& what) {
  std::perror(("limit: " + what).c_str());
  std::exit(1);
}

Target::Target(const std::string& path, Blocks blocks, bool synced, std::uint64_t ring_bytes)
    : blocks_(blocks), ring_bytes_(AlignUp<std::uint64_t>(ring_bytes, kZeroBytes)) {
  const int sync_flag = synced ? O_DSYNC : 0;
  if (blocks == Blocks::kRecycled) {
    descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT, 0600);
    if (descriptor_ < 0) Fail("open " + path);
    PrepareRing();
    if (close(descriptor_) != 0) Fail("close");
  }
  descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_DIRECT | sync_flag, 0600);
  if (descriptor_ < 0) Fail("open " + path);
}

Target::~Target() { close(descriptor_); }

void Target::Write(ByteSpan pages) {
  SEGLOG_ASSERT(pages.size() % kPageBytes == 0);
  if (blocks_ == Blocks::kRecycled && offset_ + pages.size() > ring_bytes_) offset_ = 0;
  WriteAt(descriptor_, pages, offset_);
  offset_ += pages.size();
}

void Target::Sync() {
  if (fdatasync(descriptor_) != 0) Fail("fdatasync");
}

void Target::PrepareRing() {
  AlignedBuffer zeros;
  zeros.AppendZeros(kZeroBytes);
  for (std::uint64_t offset = 0; offset < ring_bytes_; offset += kZeroBytes) {
    WriteAt(descriptor_, zeros.bytes(), offset);
  }
  Sync();
}

}  // namespace seglog::limit
