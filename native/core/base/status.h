// SPDX-License-Identifier: MIT
// Status is how the core reports failure: a stable code, and where the operating system was
// involved its errno, the system call and the path. Result<T> is a value or a Status. Both must be
// looked at.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace seglog {

enum class Code : unsigned char {
  kOk = 0,
#define SEGLOG_ERROR(name, js_code, meaning) name,
#include "base/error_codes.def"
#undef SEGLOG_ERROR
};

// The stable name that JavaScript sees ("CORRUPT"), "OK" for kOk. Valid for ever.
const char* CodeName(Code code);

// Immutable once made, copies share what they say. A pointer that is null when ok, so that it costs
// nothing where each record has one, and little code where it is returned. Any thread.
class [[nodiscard]] Status final {
 public:
  Status() = default;
  Status(Code code, std::string message);
  Status(const Status& other) : failure_(other.failure_) {
    if (failure_ != nullptr) Retain();
  }
  Status(Status&& other) noexcept : failure_(std::exchange(other.failure_, nullptr)) {}
  Status& operator=(const Status& other) {
    Status copy(other);
    std::swap(failure_, copy.failure_);
    return *this;
  }
  Status& operator=(Status&& other) noexcept {
    std::swap(failure_, other.failure_);
    return *this;
  }
  ~Status() {
    if (failure_ != nullptr) Release();
  }

  static Status Ok() { return Status(); }
  // A failed system call. Maps ENOSPC and EDQUOT to kNoSpace, EACCES and EPERM to kPermission,
  // EROFS to kReadOnly, ENOENT to kNotFound, everything else to kIoError.
  static Status FromErrno(int error_number, const char* syscall, std::string_view path);

  bool ok() const { return failure_ == nullptr; }
  Code code() const;
  int error_number() const;
  const char* syscall() const;  // "" where none was involved
  const std::string& path() const;
  const std::string& message() const;
  // Text for programs beside the message: of kLocked the LOCK file's, of kSeqConflict the sequence,
  // "" elsewhere.
  const std::string& detail() const;

  // The same failure under another code: the log's answer after its first failed sync.
  Status WithCode(Code code, std::string_view message_prefix) const;
  Status WithPath(std::string_view path) const;
  Status WithDetail(std::string detail) const;
  std::string ToString() const;

 private:
  struct Failure;

  explicit Status(const Failure& failure);
  const Failure& Said() const;  // nothing, when ok
  void Retain() const;
  void Release();

  Failure* failure_ = nullptr;
};

template <typename T>
class [[nodiscard]] Result final {
 public:
  // Implicit on purpose, so that `return value;` and `return status;` read as what they are.
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    SEGLOG_ASSERT(!status_.ok());
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() & {
    SEGLOG_ASSERT(ok());
    return *value_;
  }
  const T& value() const& {
    SEGLOG_ASSERT(ok());
    return *value_;
  }
  T&& value() && {
    SEGLOG_ASSERT(ok());
    return std::move(*value_);
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace seglog

// Returns from the enclosing function when `expression` (a Status) is not ok.
#define SEGLOG_RETURN_IF_ERROR(expression)                                      \
  do {                                                                          \
    if (::seglog::Status seglog_status_ = (expression); !seglog_status_.ok()) { \
      return seglog_status_;                                                    \
    }                                                                           \
  } while (false)
