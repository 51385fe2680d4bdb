#include "base/log_journal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/unique_fd.h"

namespace cgwarden::log {
namespace {

using testing::ElementsAre;

TEST(LogJournal, OnlyTheFileThatTheServiceManagerNamedIsTheJournal) {
  const UniqueFd file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const UniqueFd other(::open("/", O_RDONLY | O_CLOEXEC));
  struct stat info{};
  ASSERT_EQ(::fstat(file.get(), &info), 0);
  const std::string stream = std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  EXPECT_TRUE(is_journal(file.get(), stream.c_str()));
  EXPECT_FALSE(is_journal(other.get(), stream.c_str()));  // redirected since
  EXPECT_FALSE(is_journal(file.get(), nullptr));
  for (const char* damaged : {"", ":", "1", "8:x", "-1:2", "8:2:3"}) {
    EXPECT_FALSE(is_journal(file.get(), damaged)) << damaged;
  }
}

TEST(LogJournal, EveryFieldIsAFieldOfItsOwn) {
  const std::vector<Field> fields{{"cgroup", "/a b"}, {"old-value", "x\ny"}};
  EXPECT_THAT(journal_fields(Level::warning, "oom_incident", fields, "0123", "oom_incident x"),
              ElementsAre("MESSAGE=oom_incident x", "PRIORITY=4", "SYSLOG_IDENTIFIER=cgwarden",
                          "CGWARDEN_EVENT=oom_incident", "MESSAGE_ID=0123", "CGWARDEN_CGROUP=/a b",
                          "CGWARDEN_OLD_VALUE=x\\x0ay"));
  EXPECT_THAT(journal_fields(Level::info, "n", {}, "", "n").size(), 4U);
}

}  // namespace
}  // namespace cgwarden::log
