// SPDX-License-Identifier: MIT
#include "base/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>

namespace seglog {
namespace {

TEST(StatusTest, DefaultIsOk) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), Code::kOk);
  EXPECT_EQ(status.ToString(), "OK");
  EXPECT_TRUE(Status::Ok().ok());
}

TEST(StatusTest, EveryCodeHasItsOwnName) {
  std::set<std::string> names = {CodeName(Code::kOk)};
#define SEGLOG_ERROR(name, js_code, meaning)   \
  EXPECT_STREQ(CodeName(Code::name), js_code); \
  EXPECT_TRUE(names.insert(js_code).second);   \
  EXPECT_STRNE(meaning, "");
#include "base/error_codes.def"
#undef SEGLOG_ERROR
}

TEST(StatusTest, FromErrnoKeepsWhatFailedAndWhere) {
  const Status status = Status::FromErrno(EIO, "pwrite", "journal/1.journal");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), Code::kIoError);
  EXPECT_EQ(status.error_number(), EIO);
  EXPECT_STREQ(status.syscall(), "pwrite");
  EXPECT_EQ(status.path(), "journal/1.journal");
  EXPECT_NE(status.ToString().find("IO_ERROR"), std::string::npos);
  EXPECT_NE(status.ToString().find("pwrite"), std::string::npos);
  EXPECT_NE(status.ToString().find("journal/1.journal"), std::string::npos);
}

TEST(StatusTest, FromErrnoChoosesTheCodeByErrno) {
  EXPECT_EQ(Status::FromErrno(ENOSPC, "write", "x").code(), Code::kNoSpace);
  EXPECT_EQ(Status::FromErrno(EDQUOT, "write", "x").code(), Code::kNoSpace);
  EXPECT_EQ(Status::FromErrno(EACCES, "open", "x").code(), Code::kPermission);
  EXPECT_EQ(Status::FromErrno(EPERM, "open", "x").code(), Code::kPermission);
  EXPECT_EQ(Status::FromErrno(EROFS, "open", "x").code(), Code::kReadOnly);
  EXPECT_EQ(Status::FromErrno(ENOENT, "open", "x").code(), Code::kNotFound);
  EXPECT_EQ(Status::FromErrno(EMFILE, "open", "x").code(), Code::kIoError);
}

TEST(StatusTest, WithCodeKeepsTheCause) {
  const Status cause = Status::FromErrno(EIO, "fdatasync", "a.seg");
  const Status failed = cause.WithCode(Code::kFailed, "an earlier sync failed: ");
  EXPECT_EQ(failed.code(), Code::kFailed);
  EXPECT_EQ(failed.message(), "an earlier sync failed: " + cause.message());
  EXPECT_EQ(failed.error_number(), EIO);
  EXPECT_STREQ(failed.syscall(), "fdatasync");
  EXPECT_EQ(failed.path(), "a.seg");
  EXPECT_EQ(cause.code(), Code::kIoError);
}

TEST(StatusTest, WithPathChangesOnlyThePath) {
  const Status status = Status(Code::kCorrupt, "bad checksum").WithPath("b.seg");
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_EQ(status.message(), "bad checksum");
  EXPECT_EQ(status.path(), "b.seg");
  EXPECT_EQ(status.error_number(), 0);
}

TEST(StatusDeathTest, AFailureCannotBeMadeWithTheCodeOk) {
  EXPECT_DEATH(static_cast<void>(Status(Code::kOk, "fine")), "assertion failed");
}

TEST(ResultTest, HoldsAValue) {
  Result<int> result = 7;
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.status().ok());
  EXPECT_EQ(result.value(), 7);
  result.value() = 8;
  EXPECT_EQ(result.value(), 8);
}

TEST(ResultTest, HoldsAFailure) {
  const Result<int> result = Status(Code::kNotFound, "no such stream");
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), Code::kNotFound);
}

TEST(ResultTest, GivesAwayAMoveOnlyValue) {
  Result<std::unique_ptr<std::string>> result = std::make_unique<std::string>("text");
  const std::unique_ptr<std::string> taken = std::move(result).value();
  EXPECT_EQ(*taken, "text");
}

TEST(ResultDeathTest, TheValueOfAFailureCannotBeRead) {
  const Result<int> result = Status(Code::kNotFound, "no such stream");
  EXPECT_DEATH(static_cast<void>(result.value()), "assertion failed");
}

TEST(ResultDeathTest, AnOkStatusIsNoResult) {
  EXPECT_DEATH(static_cast<void>(Result<int>(Status::Ok())), "assertion failed");
}

Status FailWhen(bool fail, int* steps) {
  ++*steps;
  return fail ? Status(Code::kTooLarge, "too large") : Status::Ok();
}

Status TwoSteps(bool first_fails, int* steps) {
  SEGLOG_RETURN_IF_ERROR(FailWhen(first_fails, steps));
  return FailWhen(false, steps);
}

TEST(ReturnIfErrorTest, StopsAtTheFirstFailureAndReturnsIt) {
  int steps = 0;
  EXPECT_EQ(TwoSteps(true, &steps).code(), Code::kTooLarge);
  EXPECT_EQ(steps, 1);
}

TEST(ReturnIfErrorTest, GoesOnWhenOk) {
  int steps = 0;
  EXPECT_TRUE(TwoSteps(false, &steps).ok());
  EXPECT_EQ(steps, 2);
}

}  // namespace
}  // namespace seglog
