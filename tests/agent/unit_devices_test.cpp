#include "agent/unit_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgwarden::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kInfinity = 18446744073709551615U;

TEST(UnitDevices, EachRateIsAPropertyOfAllDevices) {
  EXPECT_THAT(
      device_properties("io.max", "8:0 rbps=1048576 wiops=max\n8:16 rbps=max riops=10 wbps=5"),
      ElementsAre(DeviceProperty{"IOReadBandwidthMax",
                                 {{"/dev/block/8:0", 1048576}, {"/dev/block/8:16", kInfinity}}},
                  DeviceProperty{"IOWriteIOPSMax", {{"/dev/block/8:0", kInfinity}}},
                  DeviceProperty{"IOReadIOPSMax", {{"/dev/block/8:16", 10}}},
                  DeviceProperty{"IOWriteBandwidthMax", {{"/dev/block/8:16", 5}}}));
}

TEST(UnitDevices, ALatencyIsInMicroseconds) {
  EXPECT_THAT(
      device_properties("io.latency", "8:0 target=10000"),
      ElementsAre(DeviceProperty{"IODeviceLatencyTargetUSec", {{"/dev/block/8:0", 10000}}}));
}

TEST(UnitDevices, NoneOfOtherFiles) {
  EXPECT_THAT(device_properties("memory.max", "4096"), IsEmpty());
  EXPECT_THAT(device_properties("io.weight", "default 50\n8:0 20"), IsEmpty());
  EXPECT_THAT(device_properties("io.max", ""), IsEmpty());
}

}  // namespace
}  // namespace cgwarden::agent
