#include "launcher/control_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgwarden::launcher {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> order(const std::vector<ControlWrite>& writes, const ControlsNow& now) {
  std::vector<std::string> files;
  for (const auto& write : in_kernel_order(writes, now)) files.push_back(write.file);
  return files;
}

TEST(KernelOrder, ALowerBurstComesBeforeTheQuota) {
  const std::vector<ControlWrite> writes{{"cpu.max", "2000 100000"}, {"cpu.max.burst", "2000"}};
  EXPECT_THAT(order(writes, {"5000 100000", ""}), ElementsAre("cpu.max.burst", "cpu.max"));
  EXPECT_THAT(order(writes, {"2000 100000", ""}), ElementsAre("cpu.max.burst", "cpu.max"));
  EXPECT_THAT(order(writes, {"max 100000", ""}), ElementsAre("cpu.max.burst", "cpu.max"));
  EXPECT_THAT(order(writes, {"1999 100000", ""}), ElementsAre("cpu.max", "cpu.max.burst"));
  EXPECT_THAT(order(writes, {"", ""}), ElementsAre("cpu.max", "cpu.max.burst"));
}

TEST(KernelOrder, RoomInSwapComesBeforeALowerLimit) {
  const std::vector<ControlWrite> writes{{"memory.max", "4096"}, {"memory.swap.max", "8192"}};
  EXPECT_THAT(order(writes, {"", "4096"}), ElementsAre("memory.swap.max", "memory.max"));
  EXPECT_THAT(order(writes, {"", "8192"}), ElementsAre("memory.max", "memory.swap.max"));
  EXPECT_THAT(order(writes, {"", "max"}), ElementsAre("memory.max", "memory.swap.max"));
  EXPECT_THAT(order({{"memory.max", "4096"}, {"memory.swap.max", "max"}}, {"", "0"}),
              ElementsAre("memory.swap.max", "memory.max"));
}

TEST(KernelOrder, AWeightNeedsACgroupThatIsNotIdle) {
  EXPECT_THAT(order({{"cpu.weight", "50"}, {"cpu.idle", "0"}}, {}),
              ElementsAre("cpu.idle", "cpu.weight"));
  EXPECT_THAT(order({{"cpu.weight", "50"}, {"cpu.idle", "1"}}, {}), ElementsAre("cpu.idle"));
}

TEST(KernelOrder, OtherwiseAsGiven) {
  EXPECT_THAT(order({{"pids.max", "1"}, {"memory.low", "1"}, {"cpu.max", "max 100000"}}, {}),
              ElementsAre("pids.max", "memory.low", "cpu.max"));
}

}  // namespace
}  // namespace cgwarden::launcher
