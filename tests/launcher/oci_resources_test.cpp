#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/launcher/config_text.h"

// "linux.resources" of config.json.
namespace cgwarden::launcher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(OciResourcesTest, EveryPropertyOfCgroupV2IsRead) {
  const Resources read = parsed(resources_document(R"(
    "devices":[{"allow":false},{"allow":true,"type":"c","major":10,"minor":-1,"access":"rw"}],
    "memory":{"limit":1000,"reservation":500,"swap":-1,"checkBeforeUpdate":true},
    "cpu":{"shares":1024,"quota":-1,"period":100000,"burst":7,"idle":1,"cpus":"0-1","mems":"0"},
    "pids":{"limit":-1},
    "blockIO":{"weight":300,"weightDevice":[{"major":8,"minor":0,"weight":500}],
      "throttleReadBpsDevice":[{"major":8,"minor":1,"rate":1}],
      "throttleWriteBpsDevice":[{"major":8,"minor":2,"rate":2}],
      "throttleReadIOPSDevice":[{"major":8,"minor":3,"rate":3}],
      "throttleWriteIOPSDevice":[{"major":8,"minor":4,"rate":18446744073709551615}]},
    "hugepageLimits":[{"pageSize":"2MB","limit":9},{"pageSize":"64KB","limit":8}],
    "rdma":{"mlx5_1":{"hcaHandles":3},"rxe3":{"hcaObjects":4}},
    "unified":{"memory.high":"1000"})"))
                             .resources;
  Resources expected;
  expected.devices = {{.allow = false, .type = 'a', .major = {}, .minor = {}, .access = "rwm"},
                      {.allow = true, .type = 'c', .major = 10, .minor = {}, .access = "rw"}};
  expected.memory = {.limit = 1000, .reservation = 500, .swap = -1, .check_before_update = true};
  expected.cpu = {.shares = 1024,
                  .quota_usec = -1,
                  .period_usec = 100000,
                  .burst_usec = 7,
                  .idle = 1,
                  .cpus = "0-1",
                  .mems = "0"};
  expected.pids_limit = -1;
  expected.block_io = {.weight = 300,
                       .weight_device = {{8, 0, 500}},
                       .read_bps = {{8, 1, 1}},
                       .write_bps = {{8, 2, 2}},
                       .read_iops = {{8, 3, 3}},
                       .write_iops = {{8, 4, ~0ULL}}};
  expected.hugepage_limits = {{"2MB", 9}, {"64KB", 8}};
  expected.rdma["mlx5_1"].hca_handles = 3;
  expected.rdma["rxe3"].hca_objects = 4;
  expected.unified = {{"memory.high", "1000"}};
  EXPECT_EQ(read, expected);
}

TEST(OciResourcesTest, KnobsOfCgroupV1ThatAskForNothingAreAccepted) {
  const std::string text = resources_document(R"(
    "memory":{"kernel":0,"kernelTCP":-1,"swappiness":0,"disableOOMKiller":false,"useHierarchy":true},
    "cpu":{"realtimeRuntime":0,"realtimePeriod":0},"blockIO":{"leafWeight":0},
    "network":{"classID":0,"priorities":[]})");
  EXPECT_EQ(parsed(text).resources, Resources{});
  EXPECT_THAT(warnings_of(text), IsEmpty());
}

TEST(OciResourcesTest, KnobsOfCgroupV1ThatCallersSendAnywayAreIgnoredWithAWarning) {
  const std::string text =
      resources_document(R"("memory":{"kernel":7,"kernelTCP":8,"swappiness":60},
    "blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":5,"leafWeight":6},
      {"major":8,"minor":1,"leafWeight":6}]})");
  EXPECT_THAT(parsed(text).resources.block_io.weight_device, ElementsAre(DeviceWeight{8, 0, 5}));
  EXPECT_THAT(
      warnings_of(text),
      ElementsAre(HasSubstr("linux.resources.memory.kernel is ignored"),
                  HasSubstr("linux.resources.memory.kernelTCP is ignored"),
                  HasSubstr("linux.resources.memory.swappiness is ignored"),
                  HasSubstr("linux.resources.blockIO.weightDevice[0].leafWeight is ignored"),
                  HasSubstr("linux.resources.blockIO.weightDevice[1].leafWeight is ignored")));
}

TEST(OciResourcesTest, BadValuesAreRefusedByName) {
  const Refusal cases[] = {
      {R"("memory":{"disableOOMKiller":true})", "memory.disableOOMKiller is not supported"},
      {R"("cpu":{"realtimeRuntime":1})", "cpu.realtimeRuntime is not supported"},
      {R"("cpu":{"realtimePeriod":1})", "cpu.realtimePeriod is not supported"},
      {R"("network":{"classID":1})", "network.classID is not supported"},
      {R"("network":{"priorities":[{"name":"a","priority":1}]})",
       "network.priorities is not supported"},
      {R"("blockIO":{"leafWeight":1})", "blockIO.leafWeight is not supported"},
      {R"("memory":{"limit":-2})", "memory.limit must be -1 (no limit) or more"},
      {R"("memory":{"swap":9223372036854775808})", "memory.swap must be a whole number in range"},
      {R"("memory":[])", "memory must be an object"},
      {R"("cpu":{"shares":-1})", "cpu.shares must be a whole number in range"},
      {R"("cpu":{"quota":1.5})", "cpu.quota must be a whole number in range"},
      {R"("cpu":{"cpus":0})", "cpu.cpus must be a string"},
      {R"("pids":{"limit":-2})", "pids.limit must be -1 (no limit) or more"},
      {R"("pids":{"limit":"max"})", "pids.limit must be a whole number in range"},
      {R"("devices":[{"type":"c"}])", "devices[0].allow is missing"},
      {R"("devices":[{"allow":true,"type":"x"}])", "devices[0].type must be a, c or b"},
      {R"("devices":[{"allow":true,"major":-2}])", "devices[0].major must be -1 (every) or more"},
      {R"("devices":[{"allow":true,"access":"rwx"}])",
       "devices[0].access may have the letters r, w and m only"},
      {R"("blockIO":{"weight":65536})", "blockIO.weight must be a whole number in range"},
      {R"("blockIO":{"weightDevice":[{"major":8,"minor":0}]})",
       "blockIO.weightDevice[0].weight is missing"},
      {R"("blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0}]})",
       "blockIO.throttleReadBpsDevice[0].rate is missing"},
      {R"("blockIO":{"throttleWriteIOPSDevice":[{"minor":0,"rate":1}]})",
       "blockIO.throttleWriteIOPSDevice[0].major is missing"},
      {R"("blockIO":{"throttleWriteIOPSDevice":[{"major":1,"minor":-1,"rate":1}]})",
       "blockIO.throttleWriteIOPSDevice[0].minor may not be negative"},
      {R"("hugepageLimits":[{"pageSize":"2MB"}])", "hugepageLimits[0].limit is missing"},
      {R"("hugepageLimits":[{"pageSize":"../2MB","limit":1}])",
       "hugepageLimits[0].pageSize must be a size like 2MB"},
      {R"("hugepageLimits":[{"pageSize":"2MB","limit":1},{"pageSize":"2MB","limit":2}])",
       "hugepageLimits[1].pageSize stands twice"},
      {R"("rdma":{"x":{}})", "rdma.x needs hcaHandles or hcaObjects"},
      {R"("rdma":{"a b":{"hcaObjects":1}})", "rdma.a b is not the name of a device"},
      {R"("unified":{"../memory.max":"1"})",
       "unified.../memory.max is not the name of a control "
       "file"},
      {R"("unified":{"memory":"1"})", "unified.memory is not the name of a control file"},
      {R"("unified":{"memory.max":1})", "unified.memory.max must be a string"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(refusal(resources_document(one.json)), says("linux.resources." + one.fault));
  }
}

TEST(OciResourcesTest, BeforeOneDotThreeThePidsLimitZeroIsNone) {
  const auto limit = [](const std::string& version, const std::string& pids) {
    return parsed(R"({"ociVersion":")" + version +
                  R"(","root":{"path":"/r"},"linux":{"resources":{"pids":{"limit":)" + pids +
                  "}}}}")
        .resources.pids_limit;
  };
  EXPECT_EQ(limit("1.0.2-dev", "0"), std::nullopt);
  EXPECT_EQ(limit("1.2.1", "0"), std::nullopt);
  EXPECT_EQ(limit("1.2", "7"), 7);
  EXPECT_EQ(limit("1.3.0", "0"), 0);
  EXPECT_EQ(limit("1.3.0-rc.1", "0"), 0);
  EXPECT_EQ(limit("1.10.0", "0"), 0);
}

TEST(OciResourcesTest, APageSizeInSmallLettersIsOne) {
  const Spec spec =
      parsed(resources_document(R"("hugepageLimits":[{"pagesize":"2MB","limit":9}])"));
  EXPECT_THAT(spec.resources.hugepage_limits, ElementsAre(Pair("2MB", 9U)));
}

TEST(OciResourcesTest, ParsedAloneTheyHaveTheSameNames) {
  std::vector<std::string> warnings;
  const auto resources = parse_resources(
      R"({"memory":{"limit":5,"swappiness":1},"pids":{},"blkio":{"x":1}})", "r.json", &warnings);
  ASSERT_TRUE(resources) << resources.error().sentence();
  EXPECT_EQ(resources->memory.limit, 5);
  EXPECT_FALSE(resources->pids_limit);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("linux.resources.memory.swappiness")));
  const auto refused = parse_resources(R"({"memory":{"limit":"5"}})", "r.json");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().sentence(),
              HasSubstr("r.json: linux.resources.memory.limit must be a whole number in range"));
}

}  // namespace
}  // namespace cgwarden::launcher
