// SPDX-License-Identifier: MIT
// What the log needs of a file system. Two implementations pass one conformance suite:
// PosixFileSystem (the disk) and SimulatedFileSystem (a model of a disk that can lose power, tests
// only). Every path is relative to the log's directory, with '/' between components; "" is the
// directory itself. No path may leave that directory or pass through a symbolic link.
//
// A path that is absolute, or has an empty component, "." or "..", is kInvalidArgument. A component
// that is not what it must be (a file for a directory, a symbolic link for anything) is kNotALog.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace seglog::io {

// Whether WriteAt returns when the kernel has the bytes, or when the device has them for good.
enum class WriteMode : unsigned char {
  kUnsynced,  // survives a killed process, not a power cut
  // These bytes survive a power cut (O_DSYNC / RWF_DSYNC); earlier unsynced ones need SyncData.
  kSynced,
};

enum class OpenMode : unsigned char {
  kRead,
  kReadWrite,        // must exist
  kCreateExclusive,  // must not exist (else kExists); opened for reading and writing
};

struct OpenOptions {
  OpenMode mode = OpenMode::kRead;
  // Asks for O_DIRECT. Where the file system refuses it the file is opened without; File::direct()
  // tells. Offsets, lengths and memory of a direct file's transfers must be multiples of
  // kPageBytes, else they are kInvalidArgument.
  bool direct = false;
};

// An open file. ReadAt, WriteAt and SyncData may be called from several threads at once.
class File {
 public:
  virtual ~File() = default;

  // Reads until `out` is full or the file ends; returns how many bytes were read.
  virtual Result<std::size_t> ReadAt(std::uint64_t offset, MutableByteSpan out) = 0;
  // Writes all of `bytes`, finishing short transfers. On failure any part may have been written.
  virtual Status WriteAt(std::uint64_t offset, ByteSpan bytes, WriteMode mode) = 0;
  // Makes every completed write to this file, and the file's size, survive a power cut. Never
  // retried.
  virtual Status SyncData() = 0;
  virtual Status Truncate(std::uint64_t size) = 0;
  // Grows the file to `size` with zeros, if it is shorter, and gives it the blocks for all of it,
  // so that no write below `size` meets a full disk. False, having changed nothing, where the file
  // system cannot. kNoSpace leaves the file as it was, or longer.
  virtual Result<bool> Allocate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> Size() = 0;
  virtual bool direct() const = 0;
  // How a kSynced write reaches the device: "O_DIRECT+RWF_DSYNC", "buffered+fdatasync" and so on.
  // May change once, at the first synced write, when the kernel refuses the better way.
  virtual const char* write_method() const = 0;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
  std::uint64_t size = 0;  // of a file
};

// Held from Lock() until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// Any thread.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> Open(std::string_view path, const OpenOptions& options) = 0;
  // Makes one directory; succeeds when it is there already.
  virtual Status CreateDirectory(std::string_view path) = 0;
  // Replaces `to` when it exists. Not durable before both directories are synced.
  virtual Status Rename(std::string_view from, std::string_view to) = 0;
  // Removes a file or an empty directory.
  virtual Status Remove(std::string_view path) = 0;
  // Makes creations, renames and removals in this directory survive a power cut.
  virtual Status SyncDirectory(std::string_view path) = 0;
  // Sorted by name, without "." and "..". kNotFound when there is no such directory.
  virtual Result<std::vector<DirectoryEntry>> List(std::string_view path) = 0;
  virtual Result<bool> Exists(std::string_view path) = 0;
  // Takes the exclusive lock on the file `path`, creating it, and writes `owner` into it. kLocked,
  // with what the holder wrote in the message, when another process (or this one) has it.
  virtual Result<std::unique_ptr<FileLock>> Lock(std::string_view path, std::string_view owner) = 0;
  // kLocked, as above, while somebody holds that lock. Creates nothing, and holds nothing when it
  // returns.
  virtual Status CheckUnlocked(std::string_view path) = 0;
  // True while writes are refused: a read-only mount, or opened so.
  virtual bool read_only() const = 0;
  // "posix" or "simulated".
  virtual std::string_view description() const = 0;
};

}  // namespace seglog::io
