// The `watch` block of a policy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::policy_errors;
using testing::policy_text;
using ::testing::StartsWith;

LoadedPolicies watch_of(const std::string& block) {
  auto loaded = load_policies(policy_text("watch: " + block + "\n"), "p.yaml");
  EXPECT_TRUE(loaded) << render(loaded.error());
  return loaded ? *std::move(loaded) : LoadedPolicies{{Policy{}}, {}};
}

std::string watch_errors(const std::string& block) {
  return policy_errors(policy_text("watch: " + block + "\n"));
}

TEST(PolicyWatch, TwoSecondsAreTheWindow) {
  const auto loaded =
      watch_of("{pressure: {memory: {some: 150ms}, io: {some: 1s, full: 20ms, window: 4s}}}");
  EXPECT_TRUE(loaded.warnings.empty());
  const auto& pressure = loaded.policies.at(0).pressure;
  ASSERT_EQ(pressure.size(), 3U);
  EXPECT_EQ(pressure[0],
            (cgroup::PressureThreshold{"memory", "some", Usec{150'000}, Usec{2'000'000}}));
  EXPECT_EQ(pressure[1],
            (cgroup::PressureThreshold{"io", "some", Usec{1'000'000}, Usec{4'000'000}}));
  EXPECT_EQ(pressure[2], (cgroup::PressureThreshold{"io", "full", Usec{20'000}, Usec{4'000'000}}));
}

TEST(PolicyWatch, AWindowThatCostsAThreadIsSaid) {
  const auto loaded = watch_of("{pressure: {cpu: {some: 100ms, window: 1s}}}");
  ASSERT_EQ(loaded.warnings.size(), 1U);
  EXPECT_EQ(loaded.warnings[0].position.text(), "p.yaml:5:47");
  EXPECT_THAT(loaded.warnings[0].message, HasSubstr("CAP_SYS_RESOURCE"));
}

TEST(PolicyWatch, WhatTheKernelWouldRefuseIsAnErrorAtItsPlace) {
  EXPECT_THAT(watch_errors("{pressure: {cpu: {some: 100ms, window: 499ms}}}"),
              AllOf(StartsWith("p.yaml:5:47: error: "), HasSubstr("500ms to 10s")));
  EXPECT_THAT(watch_errors("{pressure: {cpu: {some: 100ms, window: 11s}}}"),
              HasSubstr("500ms to 10s"));
  EXPECT_THAT(watch_errors("{pressure: {cpu: {some: 3s}}}"),
              AllOf(StartsWith("p.yaml:5:32: error: "), HasSubstr("at most the window")));
  EXPECT_THAT(watch_errors("{pressure: {cpu: {some: 0}}}"), HasSubstr("above 0"));
  EXPECT_THAT(watch_errors("{pressure: {cpu: {window: 2s}}}"), HasSubstr("has no threshold"));
  EXPECT_THAT(watch_errors("{pressure: {irq: {full: 1ms}}}"), HasSubstr("irq"));
  EXPECT_THAT(watch_errors("{pressure: {cpu: {sum: 1ms}}}"), HasSubstr("sum"));
  EXPECT_THAT(watch_errors("{pressure: [cpu]}"), HasSubstr("a map"));
  EXPECT_THAT(watch_errors("{}"), HasSubstr("pressure"));
  EXPECT_THAT(watch_errors("yes"), HasSubstr("a map"));
}

}  // namespace
}  // namespace cgwarden::policy
