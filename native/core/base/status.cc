// SPDX-License-Identifier: MIT
#include "base/status.h"

#include <cerrno>
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

Status::Status(Code code, std::string message)
    : Status(Failure{.code = code, .path = {}, .message = std::move(message), .detail = {}}) {}

Status::Status(Failure failure) : failure_(std::make_shared<const Failure>(std::move(failure))) {
  SEGLOG_ASSERT(failure_->code != Code::kOk);
}

const Status::Failure& Status::Said() const {
  static const Failure kNothing;
  return ok() ? kNothing : *failure_;
}

Status Status::FromErrno(int error_number, const char* syscall, std::string_view path) {
  SEGLOG_ASSERT(error_number != 0);
  return Status(Failure{.code = CodeOfErrno(error_number),
                        .error_number = error_number,
                        .syscall = syscall,
                        .path = std::string(path),
                        .message = std::strerror(error_number),
                        .detail = {}});
}

Status Status::WithCode(Code code, std::string_view message_prefix) const {
  Failure failure = Said();
  failure.code = code;
  failure.message = std::string(message_prefix) + failure.message;
  return Status(std::move(failure));
}

Status Status::WithPath(std::string_view path) const {
  Failure failure = Said();
  failure.path = path;
  return Status(std::move(failure));
}

Status Status::WithDetail(std::string detail) const {
  Failure failure = Said();
  failure.detail = std::move(detail);
  return Status(std::move(failure));
}

std::string Status::ToString() const {
  if (ok()) return "OK";
  std::string text = std::string(CodeName(code())) + ": " + message();
  if (*syscall() != '\0') text += std::string(" (") + syscall() + ")";
  if (!path().empty()) text += " [" + path() + "]";
  return text;
}

}  // namespace seglog
