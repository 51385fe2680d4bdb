#include "example_view.h"

#include <gtest/gtest.h>

#include "cgroup/memory_stat_keys.h"
#include "cgroup/sampled_files.h"

namespace cgwarden::exporters {
namespace {

cgroup::Pressure pressure(std::uint64_t some, std::uint64_t full) {
  cgroup::Pressure pressure;
  pressure.some.emplace().total_usec = some;
  pressure.full.emplace().total_usec = full;
  return pressure;
}

void fill_cpu(cgroup::Sample& sample) {
  cgroup::CpuStat& stat = sample.cpu_stat.emplace();
  stat.usage_usec = 846811127;
  stat.user_usec = 800000000;
  stat.system_usec = 46811127;
  stat.nr_periods = 1000;
  stat.nr_throttled = 970;
  stat.throttled_usec = 97000001;
  stat.nr_bursts = 3;
  stat.burst_usec = 120000;
  sample.cpu_stat_local = cgroup::CpuStatLocal{.throttled_usec = 98000000};
  sample.cpu_max = cgroup::CpuMax{.quota = Usec{150000}, .period = Usec{100000}};
  sample.cpu_weight = 100;
  sample.cpu_pressure = pressure(5000000, 2500000);
}

void fill_memory(cgroup::Sample& sample) {
  sample.memory_current = Bytes{67108864};
  sample.memory_peak = Bytes{67109888};
  sample.memory_min = Bytes{1048576};
  sample.memory_low = Bytes{2097152};
  sample.memory_high = Bytes{62914560};
  sample.memory_max = Bytes{67108864};
  sample.memory_swap_current = Bytes{4096};
  sample.memory_swap_max = Bytes{8192};
  cgroup::MemoryStat& stat = sample.memory_stat.emplace();
  stat.anon = 60000000;
  stat.file = 5000000;
  stat.kernel = 1000000;
  stat.shmem = 12288;
  stat.inactive_file = 3000000;
  stat.slab = 500000;
  sample.memory_events = cgroup::MemoryEvents{
      .low = 1, .high = 2, .max = 300, .oom = 4, .oom_kill = 5, .oom_group_kill = 6};
  sample.memory_events_local = cgroup::MemoryEvents{
      .low = 7, .high = 8, .max = 9, .oom = 10, .oom_kill = 11, .oom_group_kill = 12};
  sample.memory_pressure = pressure(1, 0);
}

// What a kernel could print in each file of a group.
const std::map<std::string, std::string>& group_texts() {
  static const std::map<std::string, std::string> kTexts{
      {"cgroup.freeze", "0\n"},
      {"cgroup.max.depth", "16\n"},
      {"cgroup.max.descendants", "100\n"},
      {"cgroup.stat",
       "nr_descendants 3\nnr_subsys_cpu 4\nnr_dying_descendants 1\nnr_dying_subsys_cpu 2\n"},
      {"cpu.uclamp.max", "75.00\n"},
      {"cpu.uclamp.min", "12.50\n"},
      {"cpuset.cpus", "0-3,6\n"},
      {"cpuset.cpus.effective", "0-2\n"},
      {"cpuset.cpus.exclusive", "1-2\n"},
      {"cpuset.cpus.exclusive.effective", "\n"},
      {"cpuset.cpus.isolated", "7\n"},
      {"cpuset.cpus.partition", "root invalid (why)\n"},
      {"cpuset.mems", "0-1\n"},
      {"cpuset.mems.effective", "1\n"},
      {"hugetlb.*.current", "2097152\n"},
      {"hugetlb.*.events", "max 33\n"},
      {"hugetlb.*.events.local", "max 34\n"},
      {"hugetlb.*.max", "8388608\n"},
      {"hugetlb.*.rsvd.current", "4194304\n"},
      {"hugetlb.*.rsvd.max", "6291456\n"},
      {"io.cost.model",
       "8:0 ctrl=auto model=linear rbps=1 rseqiops=2 rrandiops=3 wbps=4 wseqiops=5 wrandiops=6\n"},
      {"io.cost.qos",
       "8:0 enable=1 ctrl=auto rpct=95.00 rlat=75000 wpct=95.10 wlat=150000 min=50.00 "
       "max=150.00\n"},
      {"io.latency", "8:0 target=25000\n"},
      {"io.max", "8:0 rbps=1 wbps=2 riops=3 wiops=4\n"},
      {"io.prio.class", "idle\n"},
      {"io.weight", "default 100\n8:0 200\n"},
      {"memory.numa_stat", "anon N0=1\n"},
      {"memory.swap.events", "high 1\nmax 2\nfail 3\n"},
      {"memory.swap.high", "4096\n"},
      {"memory.swap.peak", "8192\n"},
      {"memory.zswap.current", "49152\n"},
      {"memory.zswap.max", "65536\n"},
      {"memory.zswap.writeback", "1\n"},
      {"misc.capacity", "sev 509\n"},
      {"misc.current", "sev 3\n"},
      {"misc.events", "sev.max 21\n"},
      {"misc.events.local", "sev.max 23\n"},
      {"misc.max", "sev 50\nsev_es max\n"},
      {"misc.peak", "sev 5\n"},
      {"pids.events.local", "max 72\n"},
      {"rdma.current", "mlx4_0 hca_handle=2 hca_object=2000 \n"},
      {"rdma.max", "mlx4_0 hca_handle=9 hca_object=10 \n"},
  };
  return kTexts;
}

}  // namespace

cgroup::Sample bare_sample(std::string path, std::uint64_t id) {
  cgroup::Sample sample;
  sample.id = CgroupId{id};
  sample.path = std::move(path);
  return sample;
}

cgroup::Sample full_sample(std::string path, std::uint64_t id) {
  cgroup::Sample sample = bare_sample(std::move(path), id);
  fill_cpu(sample);
  fill_memory(sample);
  sample.io_pressure = pressure(70, 60);
  sample.irq_pressure.emplace().full.emplace().total_usec = 50;
  sample.io_stat = std::vector<cgroup::IoStat>{
      {8, 0, 4096, 8192, 1, 2, 512, 3},
      {259, 16, 1, 2, 3, 4, 5, 6},
  };
  sample.pids_current = 12;
  sample.pids_peak = 14;
  sample.pids_max = std::uint64_t{64};
  sample.pids_events = cgroup::PidsEvents{.max = 2};
  sample.cgroup_events = cgroup::CgroupEvents{.populated = true, .frozen = false};
  return sample;
}

cgroup::Sample grouped_sample(std::string path, std::uint64_t id) {
  using cgroup::FileGroups;
  cgroup::Sample sample = full_sample(std::move(path), id);
  std::uint64_t number = 1000;
  for (const auto& row : cgroup::sampled_files()) {
    if (!group_texts().contains(std::string(row.name))) continue;
    const std::string file =
        row.of_each_size ? cgroup::file_of_size(row.name, "2MB") : std::string(row.name);
    EXPECT_TRUE(row.store(sample, file, group_texts().at(std::string(row.name)), FileGroups::all()))
        << file;
  }
  cgroup::GroupedFiles files = *sample.grouped;
  for (const auto& row : cgroup::kMemoryStat) (*sample.memory_stat).*row.member = ++number;
  for (const auto& row : cgroup::kMemoryStatMore) {
    files.memory_stat = files.memory_stat.value_or(cgroup::MemoryStatMore{});
    (*files.memory_stat).*row.member = ++number;
  }
  files.memory_numa_stat = {{0, *sample.memory_stat, *files.memory_stat}, {1, {}, {}}};
  files.memory_numa_stat->back().stat.anon = 77;
  files.io_cost = {{8, 0, cgroup::Percent{10125}, 1, 2, 3, 4}};
  sample.grouped = std::make_shared<const cgroup::GroupedFiles>(std::move(files));
  sample.cpu_stat->nice_usec = 17;
  sample.cpu_stat->core_sched_force_idle_usec = 19;
  sample.cpu_idle = false;
  sample.cpu_max_burst = Usec{25000};
  sample.memory_oom_group = true;
  sample.cgroup_type = cgroup::CgroupType::domain_threaded;
  sample.controllers = {"cpu", "memory"};
  sample.subtree_control = {"cpu"};
  return sample;
}

WorkloadCounters born_workload(std::string name) {
  WorkloadCounters counters;
  counters.workload = std::move(name);
  for (const auto verdict : diagnosis::all_verdict_classes()) {
    if (diagnosis::is_of_death(verdict)) counters.deaths[verdict] = 0;
  }
  for (const auto* reason : {"exit", "signal", "oom", "launch_failure"}) {
    counters.restarts[reason] = 0;
  }
  return counters;
}

View view_of(std::vector<cgroup::Sample> samples) {
  View view;
  view.snapshot = std::make_shared<const cgroup::Snapshot>(TimePoint{}, std::move(samples));
  return view;
}

void identify(View& view, const std::string& id, const identity::Names& names) {
  identity::IdentityBook book;
  book.observe(*view.snapshot, TimePoint{});
  for (const auto& question : book.questions(TimePoint{})) {
    if (question.name == id) book.answer(question, names, TimePoint{});
  }
  view.identities = book.table();
}

View example_view() {
  cgroup::Sample slice = bare_sample("/cgwarden.slice", 42);
  slice.memory_current = Bytes{70000000};
  slice.memory_max = LimitOf<Bytes>{Max{}};
  slice.memory_high = LimitOf<Bytes>{Max{}};
  slice.cpu_max = cgroup::CpuMax{.quota = Max{}, .period = Usec{100000}};
  slice.pids_max = LimitOf<std::uint64_t>{Max{}};
  slice.cgroup_events = cgroup::CgroupEvents{.populated = true, .frozen = false};

  cgroup::Sample hostile = bare_sample("/evil\"\\\n\xff\x1b[31m\xc3\xa9", 7);
  hostile.pids_current = 1;

  View view = view_of({bare_sample("/", 1), slice, hostile,
                       full_sample("/cgwarden.slice/leaker.scope/payload", 4711)});
  identify(view);
  view.workload_of_cgroup["/cgwarden.slice/leaker.scope/payload"] = "leaker";
  WorkloadCounters leaker = born_workload("leaker");
  leaker.running = true;
  leaker.labels = {{"tier", "web"}, {"a.b/c", "x\"y\n\\"}, {"a-b-c", "2"}, {"1st", ""}};
  leaker.starts = 3;
  leaker.deaths[diagnosis::VerdictClass::oom_own_limit] = 2;
  leaker.oom_kills = 2;
  leaker.restarts["oom"] = 2;
  leaker.throttled_usec = 1500000;
  leaker.memory_high_events = 9;
  leaker.upper_bytes = 1U << 20U;
  leaker.healthy = true;
  view.workloads = {leaker, born_workload("quiet")};
  using enum identity::Subject::Kind;
  view.subjects = {
      {.subject = {.kind = unit, .name = "ssh.service"}, .starts = 2, .oom_kills = 1},
      {.subject = {.kind = unit, .name = "mine.service", .owner = 1000}, .throttled_usec = 1500000},
      {.subject = {.kind = container, .name = "nginx", .pod_namespace = "shop", .pod = "web"},
       .starts = 1,
       .memory_high_events = 3},
      {.subject = {.kind = container, .name = "box", .owner = 1000, .runtime = "podman"}}};
  return view;
}

}  // namespace cgwarden::exporters
