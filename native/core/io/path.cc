// SPDX-License-Identifier: MIT
#include "io/path.h"

#include <cerrno>
#include <string>

namespace seglog::io {
namespace {

bool IsAligned(std::uint64_t value) { return value % kPageBytes == 0; }

}  // namespace

Status CheckPath(std::string_view path) {
  if (path.empty()) return Status::Ok();
  const auto refuse = [&](const char* why) {
    return Status(Code::kInvalidArgument, std::string("The path ") + why).WithPath(path);
  };
  if (path.find('\0') != std::string_view::npos) return refuse("contains a zero byte");
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t slash = path.find('/', begin);
    const std::size_t end = slash == std::string_view::npos ? path.size() : slash;
    const std::string_view component = path.substr(begin, end - begin);
    if (component.empty()) return refuse("is absolute or has an empty component");
    if (component == "." || component == "..") return refuse("has a component '.' or '..'");
    begin = end + 1;
  }
  return Status::Ok();
}

Status PathStatus(int error_number, const char* syscall, std::string_view path) {
  Status status = Status::FromErrno(error_number, syscall, path);
  switch (error_number) {
    case EEXIST:
      return status.WithCode(Code::kExists, "");
    case ELOOP:
      return status.WithCode(Code::kNotALog, "A symbolic link stands in the path: ");
    case ENOTDIR:
      return status.WithCode(Code::kNotALog, "A directory is expected: ");
    case EISDIR:
      return status.WithCode(Code::kNotALog, "A file is expected: ");
    default:
      return status;
  }
}

Status CheckDirectTransfer(std::uint64_t offset, ByteSpan bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (IsAligned(offset) && IsAligned(bytes.size()) && IsAligned(address)) return Status::Ok();
  return Status(Code::kInvalidArgument,
                "A direct transfer needs offset, length and memory in whole pages");
}

SplitPath Split(std::string_view path) {
  SEGLOG_ASSERT(!path.empty());
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string OneLine(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
  std::string line;
  for (const char character : text) {
    if (character == '\n') {
      line += ", ";
    } else {
      // The file may hold anything; a message must not carry control bytes to a terminal.
      const bool control = static_cast<unsigned char>(character) < 0x20 || character == 0x7F;
      line += control ? '?' : character;
    }
  }
  return line;
}

}  // namespace seglog::io
