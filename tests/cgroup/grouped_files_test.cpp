#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cgroup/file_group.h"
#include "cgroup/grouped_format.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using testing::Facts;
using testing::facts;
using ::testing::IsEmpty;

const std::string& printed(const std::string& file) { return control_files().at(file); }

TEST(FileGroupTest, NamesAreThoseOfTheFiles) {
  for (const FileGroup group : kAllFileGroups) {
    EXPECT_EQ(file_group(to_string(group)), group);
    FileGroups one;
    EXPECT_FALSE(one.has(group));
    one.add(group);
    EXPECT_TRUE(one.has(group));
    EXPECT_EQ(one, FileGroups{group});
  }
  EXPECT_EQ(to_string(FileGroup::memory_numa_stat), "memory.numa_stat");
  EXPECT_FALSE(file_group("memory.*"));
  EXPECT_FALSE(file_group(""));
}

TEST(CpusetFilesTest, ListsCountTheirIds) {
  EXPECT_EQ(parse_id_list("\n", "f").value(), (IdList{"", 0}));
  EXPECT_EQ(parse_id_list("0\n", "f").value(), (IdList{"0", 1}));
  EXPECT_EQ(parse_id_list("0-3,6,8-9\n", "f").value(), (IdList{"0-3,6,8-9", 7}));
  EXPECT_EQ(parse_id_list("0-4294967295\n", "f")->count, 4294967296U);
  for (const char* bad : {"", "0", "0-3", "3-0\n", "0-0\n", "0,0\n", "1,0\n", "0-3,3\n", "0,\n",
                          ",0\n", "a\n", "-1\n", "0-\n", "0 1\n", "0-4294967296\n", "0\n1\n"}) {
    EXPECT_FALSE(parse_id_list(bad, "f").has_value()) << bad;
  }
}

TEST(CpusetFilesTest, APartitionIsSaidWithoutItsReason) {
  EXPECT_EQ(parse_partition("member\n").value(), "member");
  EXPECT_EQ(parse_partition("isolated\n").value(), "isolated");
  EXPECT_EQ(parse_partition("isolated invalid (Parent is not a partition root)\n").value(),
            "isolated invalid");
  EXPECT_EQ(parse_partition(printed("cpuset.cpus.partition")).value(), "root invalid");
  for (const char* bad : {"", "member", "root invalid (cut", "root invalid (cut)", "other\n",
                          "member\n\n", "root invalid (a)\n\n"}) {
    EXPECT_FALSE(parse_partition(bad).has_value()) << bad;
  }
}

TEST(CpuFilesTest, ClampsArePercentages) {
  EXPECT_EQ(parse_percent_limit("max\n", "f").value(), LimitOf<Percent>(Max{}));
  EXPECT_EQ(parse_percent_limit("0.00\n", "f").value(), LimitOf<Percent>(Percent{0}));
  EXPECT_EQ(parse_percent_limit("100.00\n", "f").value(), LimitOf<Percent>(Percent{10000}));
  for (const char* bad : {"", "max", "12.5\n", "12\n", "12.345\n", ".50\n", "-1.00\n", "1.-1\n",
                          "1.00", "4294967296.00\n", "1.00\n\n"}) {
    EXPECT_FALSE(parse_percent_limit(bad, "f").has_value()) << bad;
  }
}

TEST(CgroupFilesTest, SubsystemsAreNamedByTheirKeys) {
  EXPECT_EQ(facts(parse_subsystems(printed("cgroup.stat")).value()),
            (Facts{{"nr_subsys_cpu", "4"},
                   {"nr_subsys_memory", "5"},
                   {"nr_dying_subsys_cpu", "0"},
                   {"nr_dying_subsys_memory", "2"}}));
  EXPECT_THAT(parse_subsystems("nr_descendants 1\nnr_dying_descendants 0\n").value(), IsEmpty());
  EXPECT_FALSE(parse_subsystems("nr_subsys_ 1\n").has_value());
  EXPECT_FALSE(parse_subsystems("nr_subsys_cpu max\n").has_value());
  EXPECT_FALSE(parse_subsystems("nr_subsys_cpu 1\nnr_subsys_cpu 1\n").has_value());
  EXPECT_FALSE(parse_subsystems("nr_dying_subsys_cpu 1\n")->front().live);
}

TEST(MemoryFilesTest, TheOtherKeysOfStat) {
  const Facts found = facts(parse_memory_stat_more(printed("memory.stat")).value());
  EXPECT_EQ(found.size(), 38U);
  for (const auto& [key, value] : found) {
    EXPECT_THAT("\n" + printed("memory.stat"),
                ::testing::HasSubstr("\n" + key + " " + value + "\n"));
  }
  EXPECT_FALSE(parse_memory_stat_more("pgrefill x\n").has_value());
}

TEST(MemoryFilesTest, NumaStatByNode) {
  EXPECT_EQ(facts(parse_memory_numa_stat(printed("memory.numa_stat")).value()),
            (Facts{{"N0", ""},
                   {"N0 anon", "28639232"},
                   {"N0 file", "1351680"},
                   {"N0 workingset_nodereclaim", "3"},
                   {"N1", ""},
                   {"N1 anon", "32768"},
                   {"N1 file", "0"},
                   {"N1 workingset_nodereclaim", "4"}}));
  EXPECT_THAT(parse_memory_numa_stat("").value(), IsEmpty());
  EXPECT_EQ(parse_memory_numa_stat("anon total=9 N3=1\n")->front().node, 3U);
  for (const char* bad :
       {"anon N0=1", "anon N0=\n", "anon N0=max\n", "anon Nx=1\n", "anon N=1\n", "anon N01=1\n",
        "anon N0=1 N0=1\n", "anon N0=1\nanon N0=1\n", "anon N4294967296=1\n", " N0=1\n"}) {
    EXPECT_FALSE(parse_memory_numa_stat(bad).has_value()) << bad;
  }
}

TEST(IoFilesTest, CostIsOfDevicesThatHaveIt) {
  EXPECT_EQ(facts(parse_io_cost(printed("io.stat")).value()),
            (Facts{{"254:0 cost.vrate", "101.25"},
                   {"254:0 cost.usage", "33"},
                   {"254:0 cost.wait", "44"},
                   {"254:0 cost.indebt", "55"},
                   {"254:0 cost.indelay", "66"}}));
  EXPECT_THAT(parse_io_cost("8:0 rbytes=1\n").value(), IsEmpty());
  EXPECT_FALSE(parse_io_cost("8:0 cost.usage=1.5\n").has_value());
  EXPECT_FALSE(parse_io_cost("8:0 cost.vrate=100\n").has_value());
}

TEST(IoFilesTest, QosModelAndLatency) {
  const auto qos = parse_io_cost_qos(printed("io.cost.qos")).value();
  ASSERT_EQ(qos.size(), 1U);
  EXPECT_EQ(qos[0].enable, 1U);
  EXPECT_EQ(qos[0].rlat_usec, 75000U);
  EXPECT_EQ(qos[0].wpct, Percent{9510});
  EXPECT_EQ(qos[0].max, Percent{15005});
  const auto model = parse_io_cost_model(printed("io.cost.model")).value();
  ASSERT_EQ(model.size(), 1U);
  EXPECT_EQ(model[0].rbps, 174019176U);
  EXPECT_EQ(model[0].wrandiops, 378U);
  EXPECT_EQ(parse_io_latency(printed("io.latency"))->front().target_usec, 25000U);
  EXPECT_FALSE(parse_io_latency("8:0 target=max\n").has_value());
  EXPECT_FALSE(parse_io_cost_qos("8:0 rlat=1.00\n").has_value());
  EXPECT_EQ(parse_io_prio_class("idle\n").value(), "idle");
  EXPECT_FALSE(parse_io_prio_class("idle").has_value());
  EXPECT_FALSE(parse_io_prio_class("idles").has_value());
  EXPECT_FALSE(parse_io_prio_class("").has_value());
  EXPECT_FALSE(parse_io_prio_class("other\n").has_value());
}

TEST(HugetlbFilesTest, EventsNeedTheirKey) {
  EXPECT_EQ(parse_hugetlb_events("max 7\n", "f").value(), 7U);
  EXPECT_EQ(parse_hugetlb_events("later 1\nmax 0\n", "f").value(), 0U);
  for (const char* bad : {"", "later 1\n", "max\n", "max 7", "max 1\nmax 1\n"}) {
    EXPECT_FALSE(parse_hugetlb_events(bad, "f").has_value()) << bad;
  }
}

TEST(HugetlbFilesTest, TheSizeStandsInTheName) {
  EXPECT_EQ(hugetlb_size("hugetlb.2MB.rsvd.max"), "2MB");
  EXPECT_EQ(hugetlb_size("hugetlb.16GB.current"), "16GB");
  for (const char* other : {"hugetlb.2MB", "hugetlb..max", "hugetlb.MB.max", "hugetlb.2.max",
                            "hugetlb.2mb.max", "hugetlb.*.max", "memory.max", ""}) {
    EXPECT_EQ(hugetlb_size(other), "") << other;
  }
}

TEST(RdmaFilesTest, LimitsAndUseByDevice) {
  EXPECT_EQ(facts(parse_rdma(printed("rdma.current"), "f").value()),
            (Facts{{"mlx4_0", ""},
                   {"mlx4_0 hca_handle", "2"},
                   {"mlx4_0 hca_object", "2000"},
                   {"ocrdma1", ""},
                   {"ocrdma1 hca_handle", "1"},
                   {"ocrdma1 hca_object", "max"}}));
  EXPECT_THAT(parse_rdma("", "f").value(), IsEmpty());
  EXPECT_FALSE(parse_rdma("mlx4_0 hca_handle=-1\n", "f").has_value());
  EXPECT_FALSE(parse_rdma("mlx4_0 hca_handle=1", "f").has_value());
  EXPECT_FALSE(parse_rdma("a hca_handle=1\na hca_handle=1\n", "f").has_value());
  EXPECT_FALSE(parse_rdma("a later=1\n", "f")->front().hca_handle);
}

TEST(MiscFilesTest, ResourcesAreNamedByTheirKeys) {
  EXPECT_EQ(facts(parse_misc(printed("misc.current"), "f").value()),
            (Facts{{"sev", "3"}, {"sev_es", "1"}}));
  EXPECT_EQ(facts(parse_misc_max(printed("misc.max")).value()),
            (Facts{{"sev", "max"}, {"sev_es", "50"}}));
  EXPECT_EQ(facts(parse_misc_events(printed("misc.events"), "f").value()),
            (Facts{{"sev", "21"}, {"sev_es", "22"}}));
  EXPECT_THAT(parse_misc("", "f").value(), IsEmpty());
  EXPECT_THAT(parse_misc_events("sev.later 1\n.max 1\n", "f").value(), IsEmpty());
  EXPECT_FALSE(parse_misc("sev max\n", "f").has_value());
  EXPECT_FALSE(parse_misc_events("sev.max max\n", "f").has_value());
  EXPECT_FALSE(parse_misc_max("sev -1\n").has_value());
}

}  // namespace
}  // namespace cgwarden::cgroup
