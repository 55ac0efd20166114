// SPDX-License-Identifier: MIT
// The open segment files of a log: at most `open_max` whatever the number of streams, the least
// recently used closed first. Writing goes around the page cache where it can, reading goes through
// it; readers only look below the destaged length, which is never written again.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/status.h"
#include "format/segment_file.h"
#include "io/file_system.h"

namespace seglog::log {

// Where the files of dropped segments wait to be used again.
inline constexpr const char* kFreeSegmentsDirectory = "free";

// Any thread.
class SegmentFiles final {
 public:
  // Shared with whoever is using it, so that eviction never closes a file in use.
  using FileRef = std::shared_ptr<io::File>;

  SegmentFiles(io::FileSystem* fs, std::size_t open_max, bool direct)
      : fs_(fs), open_max_(open_max), direct_(direct) {}

  // Makes the file and its directories, all names durable when it returns, but nothing in the file.
  // A file of that name can only be left over from destaging that was cut short: it is removed
  // first. `recycled`: a free file that is to become this one, "" for none.
  Result<FileRef> Create(const std::string& path, const std::string& recycled);
  // Takes a dropped segment's file away; fine if there is none.
  Status Remove(const std::string& path);
  // Keeps it under the name `pooled` instead; false if there is none.
  Result<bool> Pool(const std::string& path, const std::string& pooled);
  Result<FileRef> ForWriting(const std::string& path) { return Open(path, true); }
  Result<FileRef> ForReading(const std::string& path) { return Open(path, false); }
  std::size_t open_count();

 private:
  struct Entry {
    std::string name;  // path, with a mark for how it was opened
    FileRef file;
  };

  Result<FileRef> Open(const std::string& path, bool writing);
  void Forget(const std::string& path);
  FileRef Remember(std::string name, std::unique_ptr<io::File> file);

  io::FileSystem* const fs_;
  const std::size_t open_max_;
  const bool direct_;
  std::mutex mutex_;
  std::list<Entry> recent_;  // most recently used first; guarded by mutex_, as below
  std::unordered_map<std::string, std::list<Entry>::iterator> by_name_;
};

}  // namespace seglog::log
