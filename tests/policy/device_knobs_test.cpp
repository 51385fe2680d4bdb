#include "policy/device_knobs.h"

#include <gmock/gmock.h>

#include <memory>

#include "cgroup/grouped_files.h"
#include "policy/original.h"
#include "policy/plan.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using cgroup::Sample;
using cgroup::Snapshot;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

NodeFacts with_disks() {
  NodeFacts facts;
  facts.device_number = [](const std::string& name) -> std::optional<std::string> {
    if (name == "sda" || name == "/dev/disk/by-id/disk") return "8:0";
    if (name == "sdb") return "8:16";
    if (name == "/dev/disk/by-label/root") return "8:1";
    return std::nullopt;
  };
  facts.disk_of_partition = [](const std::string& number) -> std::optional<std::string> {
    if (number == "8:1") return "sda";
    return std::nullopt;
  };
  return facts;
}

Sample idle_disk() {
  Sample sample;
  sample.path = "/a";
  sample.id = CgroupId{2};
  sample.io_max = std::vector<cgroup::IoMax>{};
  sample.io_weight = cgroup::IoWeight{100, {}};
  auto grouped = std::make_shared<cgroup::GroupedFiles>();
  grouped->io_latency.emplace();
  sample.grouped = std::move(grouped);
  return sample;
}

std::vector<std::string> planned(const Sample& sample, const std::string& lines) {
  const Plan made = plan(Snapshot(TimePoint{}, {sample}), {testing::policy_of("p", "/a", lines)},
                         {}, with_disks());
  std::vector<std::string> out;
  for (const auto& write : made.writes) {
    out.push_back(write.file + ": " + write.old_value + " -> " + write.new_value);
  }
  for (const auto& skip : made.skips) out.push_back(skip.file + " skipped: " + skip.reason);
  return out;
}

TEST(DeviceKnobs, AreWrittenByNumberAndComparedByDevice) {
  Sample sample = idle_disk();
  EXPECT_THAT(planned(sample, "io: {max: {sda: {rbps: 10MiB, wiops: 100}, sdb: {riops: 5}}}\n"),
              ElementsAre("io.max: 8:0 rbps=max wiops=max\n8:16 riops=max -> "
                          "8:0 rbps=10485760 wiops=100\n8:16 riops=5"));
  const LimitOf<std::uint64_t> none = Max{};
  sample.io_max = std::vector<cgroup::IoMax>{{8, 0, LimitOf<std::uint64_t>(std::uint64_t{10485760}),
                                              LimitOf<std::uint64_t>(std::uint64_t{7}), none,
                                              LimitOf<std::uint64_t>(std::uint64_t{100})}};
  // wbps is nobody's business.
  EXPECT_THAT(planned(sample, "io: {max: {/dev/disk/by-id/disk: {rbps: 10MiB, wiops: 100}}}\n"),
              IsEmpty());
  EXPECT_THAT(planned(sample, "io: {max: {\"8:0\": {wbps: max}}}\n"),
              ElementsAre("io.max: 8:0 wbps=7 -> 8:0 wbps=max"));
}

TEST(DeviceKnobs, WeightsOfAllAndOfOne) {
  Sample sample = idle_disk();
  EXPECT_THAT(planned(sample, "io: {weight: {default: 200, sda: 50}}\n"),
              ElementsAre("io.weight: default 100\n8:0 default -> default 200\n8:0 50"));
  sample.io_weight = cgroup::IoWeight{200, {{8, 0, 50}, {8, 16, 7}}};
  EXPECT_THAT(planned(sample, "io: {weight: {default: 200, sda: 50}}\n"), IsEmpty());
  EXPECT_THAT(planned(sample, "io: {weight: {sda: 60}}\n"),
              ElementsAre("io.weight: 8:0 50 -> 8:0 60"));
  EXPECT_THAT(planned(sample, "io: {weight: 200}\n"), IsEmpty());
}

TEST(DeviceKnobs, Latencies) {
  EXPECT_THAT(planned(idle_disk(), "io: {latency: {sda: 10ms}}\n"),
              ElementsAre("io.latency: 8:0 target=0 -> 8:0 target=10000"));
}

TEST(DeviceKnobs, ADeviceThatIsNotThereIsSkippedByName) {
  EXPECT_THAT(planned(idle_disk(), "io: {max: {sda: {rbps: max}, sdz: {rbps: 1MiB}}}\n"),
              ElementsAre("io.max skipped: no block device is called sdz here"));
}

// block/blk-throttle.c takes bytes as they are: nothing is a page there.
TEST(DeviceKnobs, RatesAreNoPages) {
  EXPECT_THAT(planned(idle_disk(), "io: {max: {\"8:0\": {rbps: 1000000, wbps: 4000}}}\n"),
              ElementsAre("io.max: 8:0 rbps=max wbps=max -> 8:0 rbps=1000000 wbps=4000"));
  EXPECT_THAT(planned(idle_disk(), "io: {max: {\"8:0\": {rbps: 1.5KiB}}}\n"),
              ElementsAre("io.max: 8:0 rbps=max -> 8:0 rbps=1536"));
}

TEST(DeviceKnobs, OneDeviceByTwoNamesHasTheRatesOfBoth) {
  EXPECT_THAT(planned(idle_disk(),
                      "io: {max: {sda: {rbps: 7, wiops: 2}, \"008:0\": {wbps: 9, wiops: 3}}}\n"),
              ElementsAre("io.max: 8:0 rbps=max wbps=max wiops=max -> 8:0 rbps=7 wbps=9 wiops=3"));
  EXPECT_THAT(planned(idle_disk(), "io: {weight: {sda: 60, \"8:0\": 70}}\n"),
              ElementsAre("io.weight: 8:0 default -> 8:0 70"));
}

// The kernel's own writing of a number is what its files are compared with.
TEST(DeviceKnobs, LeadingZerosOfANumberAreNotKept) {
  for (const char* number : {"008:0", "8:00"}) {
    const std::string lines = "io: {max: {\"" + std::string(number) + "\": {rbps: 9}}}\n";
    EXPECT_THAT(planned(idle_disk(), lines), ElementsAre("io.max: 8:0 rbps=max -> 8:0 rbps=9"));
  }
}

// Of a partition systemd would limit the disk, and the kernel refuse the write.
TEST(DeviceKnobs, APartitionIsSkippedWithItsDisk) {
  EXPECT_THAT(planned(idle_disk(), "io: {max: {\"8:1\": {rbps: 9}}}\n"),
              ElementsAre("io.max skipped: 8:1 is a partition of sda: the kernel limits whole "
                          "disks only"));
  EXPECT_THAT(planned(idle_disk(), "io: {latency: {/dev/disk/by-label/root: 10ms}}\n"),
              ElementsAre("io.latency skipped: /dev/disk/by-label/root is a partition of sda: the "
                          "kernel limits whole disks only"));
  const Plan made =
      plan(Snapshot(TimePoint{}, {idle_disk()}),
           {testing::policy_of("p", "/a", "io: {weight: {\"8:1\": 9}}\n")}, {}, with_disks());
  ASSERT_EQ(made.skips.size(), 1U);
  EXPECT_EQ(made.skips[0].rule, "L37");
}

TEST(DeviceKnobs, NamesOfPartitions) {
  EXPECT_EQ(disk_of_partition("sda1"), "sda");
  EXPECT_EQ(disk_of_partition("sdaa12"), "sdaa");
  EXPECT_EQ(disk_of_partition("/dev/vda2"), "/dev/vda");
  EXPECT_EQ(disk_of_partition("nvme0n1p1"), "nvme0n1");
  EXPECT_EQ(disk_of_partition("mmcblk0p1"), "mmcblk0");
  EXPECT_EQ(disk_of_partition("/dev/disk/by-id/ata-DISK-part3"), "/dev/disk/by-id/ata-DISK");
  for (const char* whole :
       {"sda", "nvme0n1", "mmcblk0", "mmcblk0boot0", "md127", "dm-0", "loop7", "xvda1", "sr0",
        "zram0", "8:1", "sd1", "/dev/disk/by-id/wwn-0x51", "/dev/mapper/sda1", "default"}) {
    EXPECT_EQ(disk_of_partition(whole), "") << whole;
  }
}

struct WrongDevices {
  const char* lines;
  const char* message;
};

TEST(DeviceKnobs, WrongValuesAreRefusedWithTheirPlace) {
  for (const WrongDevices& row : std::vector<WrongDevices>{
           {"io: {max: 5}\n", "p.yaml:5:11: error: io.max must be a map of devices"},
           {"io: {max: {}}\n", "io.max names no device"},
           {"io: {max: {sda: {}}}\n", "io.max.sda has no rate"},
           {"io: {max: {sda: {rbps: 0}}}\n", "io.max.sda.rbps of 0 lets nothing through"},
           {"io: {max: {sda: {wiops: 1.5}}}\n", "io.max.sda.wiops cannot be \"1.5\""},
           {"io: {max: {sda: {speed: 1}}}\n", "speed"},
           {"io: {max: {../sd a: {rbps: max}}}\n", "is not the name of a block device"},
           {"io: {max: {/etc/passwd: {rbps: max}}}\n", "is not the name of a block device"},
           {"io: {latency: {sda: 10}}\n", "io.latency.sda"},
           {"io: {weight: {sda: 0}}\n", "io.weight.sda"},
           {"io: {weight: 10001}\n", "io.weight"},
       }) {
    const std::string errors = testing::policy_errors(testing::policy_text(row.lines));
    EXPECT_THAT(errors, HasSubstr(row.message)) << row.lines;
  }
}

TEST(DeviceKnobs, LinesAreLaidOverEachOtherByDeviceAndKey) {
  EXPECT_EQ(laid_over("8:0 rbps=1 wbps=2\n8:16 rbps=3", "8:16 rbps=4 riops=5\n8:0 wbps=max"),
            "8:0 rbps=1 wbps=max\n8:16 rbps=4 riops=5");
  EXPECT_EQ(laid_over("default 100", "8:0 300"), "default 100\n8:0 300");
  EXPECT_EQ(laid_over("", "8:0 target=1"), "8:0 target=1");
  EXPECT_EQ(unnamed("8:0 rbps=1 wbps=2\n8:16 rbps=3", "8:0 wbps=9"), "8:0 rbps=1\n8:16 rbps=3");
  EXPECT_EQ(unnamed("default 100\n8:0 300", "default 5"), "8:0 300");
  EXPECT_EQ(unnamed("8:0 rbps=1", "8:0 rbps=2"), "");
}

TEST(DeviceKnobs, AnOriginalHasWhatEachDeviceHadBeforeItsFirstWrite) {
  Write first;
  first.file = "io.max";
  first.old_value = "8:0 rbps=max";
  first.new_value = "8:0 rbps=10";
  Write second = first;
  second.old_value = "8:0 rbps=10 wbps=7\n8:16 rbps=max";
  second.new_value = "8:0 rbps=20 wbps=30\n8:16 rbps=40";
  const Original one = after_write(nullptr, first, Keeper::apply, Usec{1});
  const Original both = after_write(&one, second, Keeper::apply, Usec{2});
  EXPECT_EQ(both.original, "8:0 rbps=max wbps=7\n8:16 rbps=max");
  EXPECT_EQ(both.previous, "8:0 rbps=10 wbps=7\n8:16 rbps=max");
  EXPECT_EQ(both.ours, "8:0 rbps=20 wbps=30\n8:16 rbps=40");
  const Original again = after_write(&both, second, Keeper::apply, Usec{3});
  EXPECT_EQ(again.ours, both.ours);
  EXPECT_EQ(again.previous, both.previous);
  const auto parts = by_device(both);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[1].original, "8:16 rbps=max");
  EXPECT_EQ(parts[1].ours, "8:16 rbps=40");
  EXPECT_EQ(parts[1].previous, "8:16 rbps=max");
}

// `policy plan` and `policy apply` of an edited policy.
TEST(DeviceKnobs, APlanGivesBackWhatThePolicyNoLongerNames) {
  Sample sample = idle_disk();
  sample.io_max = {{.major = 8,
                    .minor = 0,
                    .rbps = Max{},
                    .wbps = Max{},
                    .riops = LimitOf<std::uint64_t>{10U},
                    .wiops = Max{}}};
  Original entry;
  entry.cgroup = "/a";
  entry.id = CgroupId{2};
  entry.file = "io.max";
  entry.original = "8:0 riops=max";
  entry.ours = "8:0 riops=10";
  const auto made = [&](const std::string& policy) {
    const Snapshot snapshot({}, {sample});
    Plan made = plan(snapshot, {testing::policy_of("p", "/a", policy)}, {}, with_disks());
    give_back_devices(made, snapshot, {entry});
    return made.writes;
  };
  const auto other = made("io: {max: {sdb: {wiops: 20}}}\n");
  ASSERT_EQ(other.size(), 1U);
  EXPECT_EQ(other[0].old_value, "8:16 wiops=max\n8:0 riops=10");
  EXPECT_EQ(other[0].new_value, "8:16 wiops=20\n8:0 riops=max");
  // What it names is in force.
  const auto held = made("io: {max: {sdb: {wiops: max}}}\n");
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].new_value, "8:0 riops=max");
  EXPECT_THAT(made("io: {max: {sda: {riops: 10}}}\n"), IsEmpty());
  entry.ours = "8:0 riops=11";
  EXPECT_EQ(made("io: {max: {sdb: {wiops: 20}}}\n").at(0).new_value, "8:16 wiops=20") << "theirs";
}

}  // namespace
}  // namespace cgwarden::policy
