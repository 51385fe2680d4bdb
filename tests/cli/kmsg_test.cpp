// `cgwarden kmsg` from the store alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "diagnosis/store.h"
#include "tests/cli/command.h"

namespace cgwarden::cli {
namespace {

using diagnosis::StoredKernelLog;
using diagnosis::StoredKernelLogGap;
using testing::HasSubstr;
using testing::Not;

constexpr Usec kNewYear2027{1'798'761'600'000'000};  // 2027-01-01

class KmsgCommandTest : public testing::Test {
 protected:
  KmsgCommandTest() : directory_("/tmp/cgwarden-kmsg.XXXXXX") {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  ~KmsgCommandTest() override { std::filesystem::remove_all(directory_); }

  static diagnosis::KernelLogLine line(std::uint64_t second, const std::string& text) {
    const Usec at(second * 1'000'000);
    return {.sequence = second,
            .printk = at + Usec(42),
            .when = {at, kNewYear2027 + at},
            .priority = 6,
            .continuation = false,
            .text = text};
  }
  void store() const {
    auto writer = diagnosis::StoreWriter::open(directory_ + "/store.db", 0);
    ASSERT_TRUE(writer) << writer.error().sentence();
    ASSERT_TRUE(writer->begin_boot("first", kNewYear2027));
    StoredKernelLog log;
    log.lines = {line(1, "long ago"), line(3600, "oom-kill:constraint=x\n\x1b[31m"),
                 line(3601, "Killed process 7")};
    log.gaps.push_back({StoredKernelLogGap::Reason::dropped,
                        {Usec(3600'000'001), Usec(3600'500'000), 17},
                        kNewYear2027 + Usec(3600'500'000)});
    ASSERT_TRUE(writer->put_kernel_log(log));
    ASSERT_TRUE(writer->begin_boot("second", kNewYear2027));
    StoredKernelLog next;
    next.lines = {line(9000, "another boot")};
    ASSERT_TRUE(writer->put_kernel_log(next));
    diagnosis::Verdict verdict;
    verdict.workload = "web";
    verdict.incarnation = 1;
    verdict.verdict = diagnosis::VerdictClass::oom_own_limit;
    verdict.when.wall = kNewYear2027 + Usec(3602'000'000);
    verdict.answer = "web died";
    ASSERT_TRUE(writer->put(verdict));
  }
  [[nodiscard]] Outcome ask(std::vector<std::string> words) const {
    words.insert(words.begin(), "kmsg");
    words.insert(words.end(), {"--state-dir", directory_, "--runtime-dir", directory_});
    return cgwarden(words);
  }
  std::string directory_;
};

TEST_F(KmsgCommandTest, ShowsLinesGapsAndBoots) {
  store();
  const Outcome all = ask({});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_EQ(all.out,
            "-- boot first --\n"
            "2027-01-01 00:00:01 UTC [    1.000042] long ago\n"
            "2027-01-01 01:00:00 UTC [ 3600.000042] oom-kill:constraint=x\\x0a\\x1b[31m\n"
            "-- 17 lines are missing up to 2027-01-01 01:00:00 UTC: they came as a flood --\n"
            "2027-01-01 01:00:01 UTC [ 3601.000042] Killed process 7\n"
            "-- boot second --\n"
            "2027-01-01 02:30:00 UTC [ 9000.000042] another boot\n");
}

TEST_F(KmsgCommandTest, ANameShowsWhatLedToItsDeath) {
  store();
  const Outcome about = ask({"web"});
  EXPECT_THAT(about.out, HasSubstr("Killed process 7"));
  EXPECT_THAT(about.out, HasSubstr("17 lines are missing"));
  EXPECT_THAT(about.out, Not(HasSubstr("long ago")));
  EXPECT_THAT(about.out, Not(HasSubstr("another boot")));
  EXPECT_EQ(ask({"nobody"}).exit_code, 3);
}

TEST_F(KmsgCommandTest, ChoosesByTimeAndNumber) {
  store();
  EXPECT_THAT(ask({"--since", "2027-01-01 01:00:01"}).out, Not(HasSubstr("oom-kill:")));
  EXPECT_THAT(ask({"--until", "2027-01-01 00:30:00"}).out, Not(HasSubstr("Killed")));
  const Outcome last = ask({"-n", "2"});
  EXPECT_THAT(last.out, HasSubstr("Killed process 7"));
  EXPECT_THAT(last.out, Not(HasSubstr("oom-kill:")));
  EXPECT_THAT(last.out, Not(HasSubstr("missing")));
  EXPECT_EQ(ask({"--since", "yesterdayish"}).exit_code, 2);
}

TEST_F(KmsgCommandTest, JsonIsOneObjectALine) {
  store();
  std::istringstream lines(ask({"web", "--json"}).out);
  std::vector<nlohmann::json> objects;
  for (std::string text; std::getline(lines, text);) objects.push_back(nlohmann::json::parse(text));
  ASSERT_EQ(objects.size(), 3U);
  EXPECT_EQ(objects[0].at("boot_id"), "first");
  EXPECT_EQ(objects[0].at("sequence"), 3600);
  EXPECT_EQ(objects[1].at("missing"), 17);
  EXPECT_EQ(objects[1].at("reason"), "dropped");
  EXPECT_EQ(objects[2].at("text"), "Killed process 7");
}

TEST_F(KmsgCommandTest, WithoutAStoreItSaysSo) {
  EXPECT_NE(ask({}).exit_code, 0);
  EXPECT_THAT(ask({}).err, HasSubstr("no agent has stored"));
}

}  // namespace
}  // namespace cgwarden::cli
