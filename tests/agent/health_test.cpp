#include "agent/health.h"

#include <gmock/gmock.h>

namespace cgwarden::agent {
namespace {

policy::HealthCheck check() {
  policy::HealthCheck check;
  check.retries = 2;
  check.start_period = Usec{10'000'000};
  return check;
}

constexpr Usec kEarly{5'000'000};
constexpr Usec kLate{15'000'000};

TEST(HealthTest, FailuresOfTheStartPeriodDoNotCount) {
  HealthReport report;
  for (int i = 0; i < 5; ++i) add_outcome(report, check(), false, kEarly);
  EXPECT_EQ(report.health, Health::starting);
  EXPECT_EQ(report.failures_in_row, 0U);
  add_outcome(report, check(), false, kLate);
  EXPECT_EQ(report.health, Health::starting);
  add_outcome(report, check(), false, kLate);
  EXPECT_EQ(report.health, Health::unhealthy);
}

TEST(HealthTest, OneCheckThatPassesEndsTheStartPeriod) {
  HealthReport report;
  add_outcome(report, check(), true, kEarly);
  EXPECT_EQ(report.health, Health::healthy);
  add_outcome(report, check(), false, kEarly);
  EXPECT_EQ(report.health, Health::healthy);
  EXPECT_EQ(report.failures_in_row, 1U);
  add_outcome(report, check(), false, kEarly);
  EXPECT_EQ(report.health, Health::unhealthy);
}

TEST(HealthTest, OnlyFailuresInARowCountAndOneSuccessHeals) {
  HealthReport report;
  for (int i = 0; i < 5; ++i) {
    add_outcome(report, check(), true, kLate);
    add_outcome(report, check(), false, kLate);
  }
  EXPECT_EQ(report.health, Health::healthy);
  add_outcome(report, check(), false, kLate);
  EXPECT_EQ(report.health, Health::unhealthy);
  add_outcome(report, check(), true, kLate);
  EXPECT_EQ(report.health, Health::healthy);
  EXPECT_EQ(report.failures_in_row, 0U);
}

TEST(HealthTest, TheFileIsReadBack) {
  HealthReport report{.incarnation = 3,
                      .health = Health::unhealthy,
                      .failures_in_row = 4,
                      .output = "no \"answer\"",
                      .changed_wall = Usec{17}};
  const auto read = parse_health_report(to_json(report), "health.json");
  ASSERT_TRUE(read) << read.error().sentence();
  EXPECT_EQ(read->incarnation, 3U);
  EXPECT_EQ(read->health, Health::unhealthy);
  EXPECT_EQ(read->failures_in_row, 4U);
  EXPECT_EQ(read->output, "no \"answer\"");
  EXPECT_EQ(read->changed_wall, Usec{17});
}

TEST(HealthTest, AnotherFileIsRefused) {
  for (const auto* text :
       {"", "[]", "{}", "{\"version\":2}", "{\"version\":1,\"health\":\"well\"}"}) {
    const auto read = parse_health_report(text, "health.json");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind, ErrorKind::malformed);
  }
}

}  // namespace
}  // namespace cgwarden::agent
