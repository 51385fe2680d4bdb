#include <gtest/gtest.h>

#include "cgroup/format.h"

namespace cgwarden::cgroup {
namespace {

constexpr const char* kBoth =
    "some avg10=61.53 avg60=28.03 avg300=7.02 total=22341999\n"
    "full avg10=100.00 avg60=0.00 avg300=6.75 total=18446744073709551615\n";

TEST(ParsePressureTest, TakesBothLines) {
  const Pressure pressure = parse_pressure(kBoth, "cpu.pressure").value();
  ASSERT_TRUE(pressure.some.has_value());
  ASSERT_TRUE(pressure.full.has_value());
  EXPECT_DOUBLE_EQ(pressure.some->avg10, 61.53);
  EXPECT_DOUBLE_EQ(pressure.some->avg60, 28.03);
  EXPECT_DOUBLE_EQ(pressure.some->avg300, 7.02);
  EXPECT_EQ(pressure.some->total_usec, 22341999U);
  EXPECT_DOUBLE_EQ(pressure.full->avg10, 100.0);
  EXPECT_EQ(pressure.full->total_usec, 18446744073709551615ULL);
}

TEST(ParsePressureTest, MissingLineIsAbsent) {
  const auto some =
      parse_pressure("some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n", "cpu.pressure").value();
  EXPECT_TRUE(some.some.has_value());
  EXPECT_FALSE(some.full.has_value());
  const auto full =
      parse_pressure("full avg10=1.00 avg60=2.00 avg300=3.00 total=4\n", "irq.pressure").value();
  EXPECT_FALSE(full.some.has_value());
  EXPECT_TRUE(full.full.has_value());
}

TEST(ParsePressureTest, SkipsUnknownLinesAndFields) {
  const auto pressure = parse_pressure(
      "some avg10=1.00 avg60=2.00 avg300=3.00 avg3600=x total=4\nhalf whatever=1\n", "f");
  ASSERT_TRUE(pressure.has_value());
  EXPECT_EQ(pressure->some->total_usec, 4U);
}

TEST(ParsePressureTest, ALineLackingAFieldIsMalformedNeverZero) {
  for (const char* bad : {
           "some avg10=1.00 avg60=2.00 avg300=3.00\n",
           "some avg60=2.00 avg300=3.00 total=4\n",
           "some\n",
           "some avg10=1.00 avg60=2.00 avg300=3.00 total=4",
           "some avg10=1.00 avg10=1.00 avg60=2.00 avg300=3.00 total=4\n",
           "some avg10=inf avg60=2.00 avg300=3.00 total=4\n",
           "some avg10=nan avg60=2.00 avg300=3.00 total=4\n",
           "some avg10=-1.00 avg60=2.00 avg300=3.00 total=4\n",
           "some avg10=1e3 avg60=2.00 avg300=3.00 total=4\n",
           "some avg10=1 avg60=2.00 avg300=3.00 total=4\n",
           "some avg10=1. avg60=2.00 avg300=3.00 total=4\n",
           "some avg10=.5 avg60=2.00 avg300=3.00 total=4\n",
           "some avg10=1.0.0 avg60=2.00 avg300=3.00 total=4\n",
           "some avg10=1.00 avg60=2.00 avg300=3.00 total=-4\n",
           "some avg10=1.00 avg60=2.00 avg300=3.00 total=18446744073709551616\n",
       }) {
    const auto pressure = parse_pressure(bad, "cpu.pressure");
    ASSERT_FALSE(pressure.has_value()) << bad;
    EXPECT_EQ(pressure.error().kind, ErrorKind::malformed);
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
