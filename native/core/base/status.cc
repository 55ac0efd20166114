// SPDX-License-Identifier: MIT
#include "base/status.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace seglog {
namespace {

Code CodeOfErrno(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return Code::kNoSpace;
    case EACCES:
    case EPERM:
      return Code::kPermission;
    case EROFS:
      return Code::kReadOnly;
    case ENOENT:
      return Code::kNotFound;
    default:
      return Code::kIoError;
  }
}

}  // namespace

const char* CodeName(Code code) {
  switch (code) {
    case Code::kOk:
      return "OK";
#define SEGLOG_ERROR(name, js_code, meaning) \
  case Code::name:                           \
    return js_code;
#include "base/error_codes.def"
#undef SEGLOG_ERROR
  }
  return "UNKNOWN";
}

struct Status::Failure {
  Failure(Code failure_code, std::string text) : code(failure_code), message(std::move(text)) {}
  Failure(const Failure& other)
      : code(other.code),
        error_number(other.error_number),
        syscall(other.syscall),
        path(other.path),
        message(other.message),
        detail(other.detail) {}

  Code code;
  int error_number = 0;
  const char* syscall = "";
  std::string path;
  std::string message;
  std::string detail;
  std::atomic<std::uint32_t> references{1};
};

Status::Status(Code code, std::string message) : Status(Failure(code, std::move(message))) {}

Status::Status(const Failure& failure) : failure_(new Failure(failure)) {
  SEGLOG_ASSERT(failure_->code != Code::kOk);
}

void Status::Retain() const { failure_->references.fetch_add(1, std::memory_order_relaxed); }

void Status::Release() {
  if (failure_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete failure_;
}

const Status::Failure& Status::Said() const {
  static const Failure kNothing(Code::kOk, "");
  return ok() ? kNothing : *failure_;
}

Code Status::code() const { return Said().code; }
int Status::error_number() const { return Said().error_number; }
const char* Status::syscall() const { return Said().syscall; }
const std::string& Status::path() const { return Said().path; }
const std::string& Status::message() const { return Said().message; }
const std::string& Status::detail() const { return Said().detail; }

Status Status::FromErrno(int error_number, const char* syscall, std::string_view path) {
  SEGLOG_ASSERT(error_number != 0);
  Failure failure(CodeOfErrno(error_number), std::strerror(error_number));
  failure.error_number = error_number;
  failure.syscall = syscall;
  failure.path = path;
  return Status(failure);
}

Status Status::WithCode(Code code, std::string_view message_prefix) const {
  Failure failure = Said();
  failure.code = code;
  failure.message = std::string(message_prefix) + failure.message;
  return Status(failure);
}

Status Status::WithPath(std::string_view path) const {
  Failure failure = Said();
  failure.path = path;
  return Status(failure);
}

Status Status::WithDetail(std::string detail) const {
  Failure failure = Said();
  failure.detail = std::move(detail);
  return Status(failure);
}

std::string Status::ToString() const {
  if (ok()) return "OK";
  std::string text = std::string(CodeName(code())) + ": " + message();
  if (*syscall() != '\0') text += std::string(" (") + syscall() + ")";
  if (!path().empty()) text += " [" + path() + "]";
  return text;
}

}  // namespace seglog
