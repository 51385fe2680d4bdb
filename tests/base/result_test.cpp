#include "base/result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace cgwarden {
namespace {

TEST(ErrorTest, MapsErrnoToWhatACallerDecidesOn) {
  EXPECT_EQ(Error::from_errno(ENOENT, "open", "x").kind, ErrorKind::vanished);
  EXPECT_EQ(Error::from_errno(ENODEV, "read", "x").kind, ErrorKind::vanished);
  EXPECT_EQ(Error::from_errno(EACCES, "open", "x").kind, ErrorKind::not_permitted);
  EXPECT_EQ(Error::from_errno(EOPNOTSUPP, "read", "x").kind, ErrorKind::not_supported);
  EXPECT_EQ(Error::from_errno(EINVAL, "write", "x").kind, ErrorKind::invalid);
  EXPECT_EQ(Error::from_errno(EBUSY, "write", "x").kind, ErrorKind::busy);
  EXPECT_EQ(Error::from_errno(EIO, "write", "x").kind, ErrorKind::io);
}

TEST(ErrorTest, SentenceNamesOperationObjectReasonAndRemedy) {
  EXPECT_EQ(Error::from_errno(ENOENT, "open", "/a/b", "create it first").sentence(),
            "cannot open /a/b: No such file or directory; create it first");
  EXPECT_EQ(Error::malformed("parse", "cpu.max", "no period").sentence(),
            "cannot parse cpu.max: no period");
}

Result<int> half(int value) {
  if (value % 2 != 0) return fail(Error::invalid("halve", std::to_string(value), "it is odd"));
  return value / 2;
}

Result<int> quarter(int value) {
  CGW_ASSIGN(const int once, half(value));
  CGW_ASSIGN(const int twice, half(once));
  return twice;
}

TEST(ResultTest, AssignPassesTheFirstErrorOn) {
  EXPECT_EQ(quarter(8).value(), 2);
  ASSERT_FALSE(quarter(6).has_value());
  EXPECT_EQ(quarter(6).error().where, "3");
}

}  // namespace
}  // namespace cgwarden
