#include "diagnosis/rules/throttled.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ThrottleEvidence window(std::uint64_t periods, std::uint64_t throttled, std::uint64_t lost_usec) {
  ThrottleEvidence evidence;
  evidence.workload = "server";
  evidence.incarnation = 1;
  evidence.cgroup = "/cgwarden.slice/server.scope/payload";
  evidence.from = {Usec(100'000'000), Usec(1'795'484'000'000'000)};
  evidence.to = {Usec(115'000'000), Usec(1'795'484'015'000'000)};
  evidence.before.nr_periods = 1000;
  evidence.before.nr_throttled = 500;
  evidence.before.throttled_usec = 7'000'000;
  evidence.before.usage_usec = 9'000'000;
  evidence.after.nr_periods = 1000 + periods;
  evidence.after.nr_throttled = 500 + throttled;
  evidence.after.throttled_usec = 7'000'000 + lost_usec;
  evidence.after.usage_usec = 9'000'000 + 2'900'000;
  evidence.cpu_max = cgroup::CpuMax{Usec(20000), Usec(100000)};
  return evidence;
}

TEST(ThrottledTest, AStallThatIsOverIsToldSo) {
  auto evidence = window(150, 123, 9'100'000);
  evidence.workload = "x is throttled";  // a name is only a name
  const Verdict past = as_past(*diagnose_throttling(evidence));
  EXPECT_THAT(past.answer, ::testing::StartsWith("x is throttled was throttled until 2026-11-24"));
  EXPECT_THAT(past.answer, HasSubstr(": 82 % of periods (123 of 150)"));
  Verdict death;
  death.answer = "web exited";
  EXPECT_EQ(as_past(death).answer, "web exited");
}

TEST(ThrottledTest, SaysHowMuchUnderWhichLimit) {
  const auto verdict = diagnose_throttling(window(150, 123, 9'100'000));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->verdict, VerdictClass::throttled);
  EXPECT_FALSE(verdict->death);
  for (const auto* words :
       {"82 % of periods (123 of 150)", "9.10 s of run time lost", "20000 100000", "0.20 cores"}) {
    EXPECT_THAT(verdict->answer, HasSubstr(words));
  }
  EXPECT_THAT(testing::all_text(*verdict),
              HasSubstr("nr_periods +150, nr_throttled +123, throttled_usec +9100000"));
  EXPECT_EQ(verdict->limit->file, "cpu.max");
}

TEST(ThrottledTest, EachThresholdHoldsAlone) {
  const std::uint64_t window_usec = 15'000'000;
  const std::uint64_t lost = window_usec * rules::kMinLostPercent / 100;
  EXPECT_TRUE(diagnose_throttling(window(100, rules::kMinSharePercent, lost)));
  EXPECT_FALSE(diagnose_throttling(window(100, rules::kMinSharePercent - 1, lost)));
  EXPECT_FALSE(diagnose_throttling(window(100, rules::kMinSharePercent, lost - 1)));
  EXPECT_TRUE(diagnose_throttling(window(rules::kMinPeriods, rules::kMinPeriods, lost)));
  EXPECT_FALSE(diagnose_throttling(window(rules::kMinPeriods - 1, rules::kMinPeriods - 1, lost)));
  EXPECT_FALSE(diagnose_throttling(window(0, 0, 0)));
}

TEST(ThrottledTest, BackwardsOrMissingCountersSayNothing) {
  for (auto key : {&cgroup::CpuStat::nr_periods, &cgroup::CpuStat::nr_throttled,
                   &cgroup::CpuStat::throttled_usec}) {
    auto backwards = window(150, 123, 9'100'000);
    backwards.before.*key = std::uint64_t{1} << 60U;
    EXPECT_FALSE(diagnose_throttling(backwards));
    auto absent = window(150, 123, 9'100'000);
    (absent.after.*key).reset();
    EXPECT_FALSE(diagnose_throttling(absent));
    auto unseen_start = window(150, 123, 9'100'000);
    (unseen_start.before.*key).reset();
    EXPECT_FALSE(diagnose_throttling(unseen_start));
  }
  auto time = window(150, 123, 9'100'000);
  time.to = time.from;
  EXPECT_FALSE(diagnose_throttling(time));
  EXPECT_FALSE(diagnose_throttling(window(10, 11, 9'100'000)));  // torn: more throttled than passed
}

TEST(ThrottledTest, AQuotaThatWasNotSeenIsNotNamed) {
  for (const auto& unusable :
       {std::optional<cgroup::CpuMax>{}, std::optional(cgroup::CpuMax{Max{}, Usec(100000)}),
        std::optional(cgroup::CpuMax{Usec(20000), Usec(0)})}) {
    auto evidence = window(150, 123, 9'100'000);
    evidence.cpu_max = unusable;
    const auto verdict = diagnose_throttling(evidence);
    ASSERT_TRUE(verdict);
    EXPECT_FALSE(verdict->limit);
    EXPECT_THAT(verdict->answer, Not(HasSubstr("under")));
  }
}

TEST(ThrottledTest, TheQuotaThatWouldHaveSufficedIsOfAThrottledPeriod) {
  // 9.1 s lost in 123 throttled periods: 73.98 ms each, beside the 20 ms that ran.
  const auto steady = diagnose_throttling(window(150, 123, 9'100'000));
  EXPECT_THAT(testing::joined(steady->advice), HasSubstr("cpu.max = 93984 100000 (0.94 cores)"));
  // On average far below its quota: the average of all periods would advise less than it has.
  auto bursty = window(150, 50, 1'000'000);
  bursty.after.usage_usec = *bursty.before.usage_usec + 1'200'000;
  EXPECT_THAT(testing::joined(diagnose_throttling(bursty)->advice),
              HasSubstr("cpu.max = 40000 100000"));
}

TEST(ThrottledTest, AQuotaAboveIsNamedAndAdvised) {
  auto evidence = window(150, 123, 9'100'000);
  evidence.below = evidence.cgroup;
  evidence.cgroup = "/cgwarden.slice";
  evidence.waited = Usec{10'000'000};
  const auto verdict = diagnose_throttling(evidence);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->limit->cgroup, "/cgwarden.slice");
  EXPECT_THAT(verdict->answer, HasSubstr("server is throttled by /cgwarden.slice above it: 82 %"));
  EXPECT_THAT(testing::joined(verdict->advice),
              HasSubstr("of /cgwarden.slice would have sufficed"));
  EXPECT_THAT(as_past(*verdict).answer, HasSubstr("server was throttled until 2026-11-24"));
  // It did not want to run meanwhile.
  evidence.waited = Usec{100'000};
  EXPECT_FALSE(diagnose_throttling(evidence));
  evidence.waited.reset();
  EXPECT_FALSE(diagnose_throttling(evidence));
}

TEST(ThrottledTest, BurstIsAdvisedOnlyBelowTheQuota) {
  auto bursty = window(150, 123, 9'100'000);
  bursty.after.usage_usec = *bursty.before.usage_usec + 1'500'000;  // 0.10 of 0.20 cores
  EXPECT_THAT(testing::joined(diagnose_throttling(bursty)->advice),
              HasSubstr("cpu.max.burst to 20000"));
  bursty.cpu_max_burst = Usec(20000);
  EXPECT_THAT(testing::joined(diagnose_throttling(bursty)->advice), Not(HasSubstr("burst")));
  const auto at_limit = diagnose_throttling(window(150, 123, 9'100'000));
  EXPECT_THAT(testing::joined(at_limit->advice), HasSubstr("more than 0.20 cores"));
}

}  // namespace
}  // namespace cgwarden::diagnosis
