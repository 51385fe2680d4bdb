#include "launcher/cgroup_resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace cgwarden::launcher {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> lines(const std::vector<ControlWrite>& writes) {
  std::vector<std::string> texts;
  for (const auto& write : writes) texts.push_back(write.file + "=" + write.value);
  return texts;
}

std::vector<std::string> written(const std::function<void(Resources&)>& fill) {
  Resources resources;
  fill(resources);
  const auto writes = control_writes(resources);
  EXPECT_TRUE(writes.has_value()) << (writes ? "" : writes.error().text);
  return writes ? lines(*writes) : std::vector<std::string>{"refused"};
}

std::string resources_refusal(const std::function<void(Resources&)>& fill) {
  Resources resources;
  fill(resources);
  const auto writes = control_writes(resources);
  if (writes) return "not refused";
  EXPECT_EQ(writes.error().stage, "resources");
  EXPECT_EQ(writes.error().errno_value, 0);
  return writes.error().text;
}

TEST(ControlWrites, NothingAskedNothingWritten) {
  EXPECT_THAT(written([](Resources&) {}), IsEmpty());
}

TEST(ControlWrites, SharesFollowTheCurve) {
  const std::vector<std::pair<std::uint64_t, std::string>> table{
      {1, "1"},      {2, "1"},         {3, "2"},          {4, "2"},          {10, "4"},
      {100, "17"},   {512, "59"},      {1023, "100"},     {1024, "100"},     {1025, "101"},
      {2048, "174"}, {100000, "4340"}, {262143, "10000"}, {262144, "10000"}, {1000000, "10000"},
  };
  for (const auto& [shares, weight] : table) {
    EXPECT_THAT(written([&](Resources& r) { r.cpu.shares = shares; }),
                ElementsAre("cpu.weight=" + weight))
        << shares;
  }
  EXPECT_THAT(written([](Resources& r) { r.cpu.shares = 0; }), IsEmpty());
}

TEST(ControlWrites, SharesNeverGoDownWithMore) {
  int last = 0;
  for (std::uint64_t shares = 2; shares <= 262144; ++shares) {
    Resources resources;
    resources.cpu.shares = shares;
    const int weight = std::stoi(control_writes(resources)->at(0).value);
    ASSERT_GE(weight, last) << shares;
    ASSERT_LE(weight, 10000) << shares;
    last = weight;
  }
}

TEST(ControlWrites, MemoryLimits) {
  const auto limit = [](std::int64_t bytes) {
    return written([&](Resources& r) { r.memory.limit = bytes; });
  };
  EXPECT_THAT(limit(64 << 20), ElementsAre("memory.max=67108864"));
  EXPECT_THAT(limit(4096), ElementsAre("memory.max=4096"));
  EXPECT_THAT(limit(-1), ElementsAre("memory.max=max", "memory.swap.max=max"));
  EXPECT_THAT(limit(0), IsEmpty());
  EXPECT_THAT(limit(std::numeric_limits<std::int64_t>::max()),
              ElementsAre("memory.max=9223372036854775807"));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.memory.limit = -2; }),
              HasSubstr("linux.resources.memory.limit is -2"));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.memory.limit = 4095; }),
              HasSubstr("at least 4096"));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.memory.limit = 1; }),
              HasSubstr("at least 4096"));
}

TEST(ControlWrites, Reservation) {
  const auto reserve = [](std::int64_t bytes) {
    return written([&](Resources& r) { r.memory.reservation = bytes; });
  };
  EXPECT_THAT(reserve(4096), ElementsAre("memory.low=4096"));
  EXPECT_THAT(reserve(0), ElementsAre("memory.low=0"));
  EXPECT_THAT(reserve(-1), ElementsAre("memory.low=max"));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.memory.reservation = -2; }),
              HasSubstr("memory.reservation"));
}

TEST(ControlWrites, SwapIsSwapAlone) {
  const auto both = [](std::int64_t limit, std::int64_t swap) {
    return written([&](Resources& r) {
      r.memory.limit = limit;
      r.memory.swap = swap;
    });
  };
  EXPECT_THAT(both(1 << 20, 3 << 20), ElementsAre("memory.max=1048576", "memory.swap.max=2097152"));
  // Equal is "no swap", which must be written as 0.
  EXPECT_THAT(both(1 << 20, 1 << 20), ElementsAre("memory.max=1048576", "memory.swap.max=0"));
  EXPECT_THAT(both(1 << 20, -1), ElementsAre("memory.max=1048576", "memory.swap.max=max"));
  EXPECT_THAT(both(-1, -1), ElementsAre("memory.max=max", "memory.swap.max=max"));
  EXPECT_THAT(both(1 << 20, 0), ElementsAre("memory.max=1048576"));
  EXPECT_THAT(both(-1, 0), ElementsAre("memory.max=max", "memory.swap.max=max"));
  EXPECT_THAT(written([](Resources& r) { r.memory.swap = -1; }),
              ElementsAre("memory.swap.max=max"));
  EXPECT_THAT(written([](Resources& r) { r.memory.swap = 0; }), IsEmpty());
}

TEST(ControlWrites, SwapThatCannotBeWorkedOut) {
  const auto both = [](std::optional<std::int64_t> limit, std::int64_t swap) {
    return resources_refusal([&](Resources& r) {
      r.memory.limit = limit;
      r.memory.swap = swap;
    });
  };
  EXPECT_THAT(both(1 << 20, (1 << 20) - 1), HasSubstr("at least memory.limit (1048576)"));
  EXPECT_THAT(both(std::nullopt, 1 << 20), HasSubstr("memory.limit must be set"));
  EXPECT_THAT(both(-1, 1 << 20), HasSubstr("memory.limit must be set"));
  EXPECT_THAT(both(0, 1 << 20), HasSubstr("memory.limit must be set"));
  EXPECT_THAT(both(1 << 20, -2), HasSubstr("memory.swap is -2"));
}

TEST(ControlWrites, Bandwidth) {
  const auto bandwidth = [](std::optional<std::int64_t> quota,
                            std::optional<std::uint64_t> period) {
    return written([&](Resources& r) {
      r.cpu.quota_usec = quota;
      r.cpu.period_usec = period;
    });
  };
  EXPECT_THAT(bandwidth(50000, std::nullopt), ElementsAre("cpu.max=50000 100000"));
  EXPECT_THAT(bandwidth(1000, 1000), ElementsAre("cpu.max=1000 1000"));
  EXPECT_THAT(bandwidth(5000000, 1000000), ElementsAre("cpu.max=5000000 1000000"));
  EXPECT_THAT(bandwidth(-1, 50000), ElementsAre("cpu.max=max 50000"));
  EXPECT_THAT(bandwidth(-5, std::nullopt), ElementsAre("cpu.max=max 100000"));
  EXPECT_THAT(bandwidth(0, 50000), ElementsAre("cpu.max=max 50000"));
  EXPECT_THAT(bandwidth(std::nullopt, 50000), ElementsAre("cpu.max=max 50000"));
  EXPECT_THAT(bandwidth(0, 0), IsEmpty());
}

TEST(ControlWrites, BandwidthTheKernelRefuses) {
  EXPECT_THAT(resources_refusal([](Resources& r) { r.cpu.period_usec = 999; }),
              AllOf(HasSubstr("cpu.period is 999"), HasSubstr("1000 to 1000000")));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.cpu.period_usec = 1000001; }),
              HasSubstr("cpu.period"));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.cpu.quota_usec = 999; }),
              HasSubstr("cpu.quota is 999"));
  EXPECT_THAT(resources_refusal([](Resources& r) {
                r.cpu.quota_usec = 1000;
                r.cpu.burst_usec = 1001;
              }),
              HasSubstr("may not exceed cpu.quota (1000)"));
}

TEST(ControlWrites, BurstIdleAndSets) {
  EXPECT_THAT(written([](Resources& r) {
                r.cpu.quota_usec = 1000;
                r.cpu.burst_usec = 1000;
                r.cpu.idle = 1;
                r.cpu.cpus = "0-1";
                r.cpu.mems = "0";
              }),
              ElementsAre("cpu.max=1000 100000", "cpu.max.burst=1000", "cpu.idle=1",
                          "cpuset.cpus=0-1", "cpuset.mems=0"));
  EXPECT_THAT(written([](Resources& r) { r.cpu.idle = 0; }), ElementsAre("cpu.idle=0"));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.cpu.idle = 2; }), HasSubstr("cpu.idle is 2"));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.cpu.idle = -1; }), HasSubstr("0 or 1"));
}

TEST(ControlWrites, Pids) {
  const auto pids = [](std::int64_t limit) {
    return written([&](Resources& r) { r.pids_limit = limit; });
  };
  EXPECT_THAT(pids(1), ElementsAre("pids.max=1"));
  EXPECT_THAT(pids(0), ElementsAre("pids.max=1"));
  EXPECT_THAT(pids(-1), ElementsAre("pids.max=max"));
}

TEST(ControlWrites, BlockIoWeight) {
  const auto weight = [](std::uint16_t value) {
    return written([&](Resources& r) { r.block_io.weight = value; });
  };
  EXPECT_THAT(weight(10), ElementsAre("io.weight=default 1"));
  EXPECT_THAT(weight(11), ElementsAre("io.weight=default 11"));
  EXPECT_THAT(weight(500), ElementsAre("io.weight=default 4950"));
  EXPECT_THAT(weight(1000), ElementsAre("io.weight=default 10000"));
  EXPECT_THAT(weight(0), IsEmpty());
  for (const std::uint16_t value : {std::uint16_t{9}, std::uint16_t{1001}}) {
    EXPECT_THAT(resources_refusal([&](Resources& r) { r.block_io.weight = value; }),
                HasSubstr("10 to 1000"));
  }
  Resources resources;
  resources.block_io.weight = 100;
  resources.block_io.weight_device = {{8, 16, 200}, {8, 32, std::nullopt}};
  const auto writes = control_writes(resources);
  ASSERT_TRUE(writes);
  ASSERT_EQ(writes->size(), 2U);
  EXPECT_EQ(writes->at(0).bfq_value, "default 100");
  EXPECT_EQ(writes->at(1).value, "8:16 1920");
  EXPECT_EQ(writes->at(1).bfq_value, "8:16 200");
}

TEST(ControlWrites, Throttling) {
  EXPECT_THAT(written([](Resources& r) {
                r.block_io.read_bps = {{8, 0, 1048576}};
                r.block_io.write_bps = {{8, 0, 0}};
                r.block_io.read_iops = {{8, 0, 10}};
                r.block_io.write_iops = {{4095, 1048575, 20}};
              }),
              ElementsAre("io.max=8:0 rbps=1048576", "io.max=8:0 wbps=max", "io.max=8:0 riops=10",
                          "io.max=4095:1048575 wiops=20"));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.block_io.read_bps = {{-1, 0, 1}}; }),
              HasSubstr("throttleReadBpsDevice"));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.block_io.write_iops = {{8, 1048576, 1}}; }),
              HasSubstr("8:1048576"));
}

TEST(ControlWrites, HugePages) {
  EXPECT_THAT(written([](Resources& r) {
                r.hugepage_limits = {{"1GB", 0}, {"2MB", 4194304}, {"64KB", 65536}};
              }),
              ElementsAre("hugetlb.1GB.max=0", "hugetlb.1GB.rsvd.max=0", "hugetlb.2MB.max=4194304",
                          "hugetlb.2MB.rsvd.max=4194304", "hugetlb.64KB.max=65536",
                          "hugetlb.64KB.rsvd.max=65536"));
  for (const std::string size : {"", "MB", "2", "2mb", "2MiB", "../2MB", "12345MB", "2MB/"}) {
    EXPECT_THAT(resources_refusal([&](Resources& r) { r.hugepage_limits[size] = 1; }),
                HasSubstr("hugepageLimits"))
        << size;
  }
}

TEST(ControlWrites, Rdma) {
  EXPECT_THAT(
      written([](Resources& r) {
        r.rdma["mlx5_0"] = {3, 10000};
        r.rdma["mlx5_1"] = {std::nullopt, 0};
        r.rdma["mlx5_2"] = {};
      }),
      ElementsAre("rdma.max=mlx5_0 hca_handle=3 hca_object=10000", "rdma.max=mlx5_1 hca_object=0"));
  EXPECT_THAT(resources_refusal([](Resources& r) { r.rdma["a b"] = {1, 1}; }), HasSubstr("rdma"));
}

TEST(ControlWrites, UnifiedIsLastAndReplaces) {
  EXPECT_THAT(written([](Resources& r) {
                r.memory.limit = 1 << 20;
                r.pids_limit = 5;
                r.block_io.read_bps = {{8, 0, 1}};
                r.unified = {{"memory.max", "64M"}, {"io.max", "8:0 wbps=2"}, {"misc.max", "x 1"}};
              }),
              ElementsAre("pids.max=5", "io.max=8:0 rbps=1", "io.max=8:0 wbps=2", "memory.max=64M",
                          "misc.max=x 1"));
  for (const std::string file :
       {"", ".", "..", "memory", "../memory.max", "a/memory.max", ".max"}) {
    EXPECT_THAT(resources_refusal([&](Resources& r) { r.unified[file] = "1"; }),
                HasSubstr("unified"))
        << file;
  }
}

TEST(NeededControllers, EachOnceInOrder) {
  EXPECT_THAT(needed_controllers({{"memory.max", "1"},
                                  {"cpu.max", "max"},
                                  {"memory.low", "0"},
                                  {"cgroup.freeze", "1"},
                                  {"hugetlb.2MB.max", "0"}}),
              ElementsAre("memory", "cpu", "hugetlb"));
}

}  // namespace
}  // namespace cgwarden::launcher
