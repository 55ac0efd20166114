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

Status Status::FromErrno(int error_number, const char* syscall, std::string_view path) {
  SEGLOG_ASSERT(error_number != 0);
  Status status(CodeOfErrno(error_number), std::strerror(error_number));
  status.error_number_ = error_number;
  status.syscall_ = syscall;
  status.path_ = path;
  return status;
}

Status Status::WithCode(Code code, std::string_view message_prefix) const {
  Status status = *this;
  status.code_ = code;
  status.message_ = std::string(message_prefix) + message_;
  return status;
}

Status Status::WithPath(std::string_view path) const {
  Status status = *this;
  status.path_ = path;
  return status;
}

Status Status::WithDetail(std::string detail) const {
  Status status = *this;
  status.detail_ = std::move(detail);
  return status;
}

std::string Status::ToString() const {
  if (ok()) return "OK";
  std::string text = std::string(CodeName(code_)) + ": " + message_;
  if (*syscall_ != '\0') text += std::string(" (") + syscall_ + ")";
  if (!path_.empty()) text += " [" + path_ + "]";
  return text;
}

}  // namespace seglog
