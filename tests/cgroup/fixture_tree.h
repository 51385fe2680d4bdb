#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include "cgroup/tree.h"

namespace cgwarden::cgroup::testing {

// The control files of one cgroup with every controller on, as 6.12 prints them.
inline const std::map<std::string, std::string>& control_files() {
  static const std::map<std::string, std::string> kFiles{
      {"cgroup.controllers", "cpu io memory pids\n"},
      {"cgroup.events", "populated 1\nfrozen 0\n"},
      {"cgroup.freeze", "0\n"},
      {"cgroup.stat",
       "nr_descendants 3\nnr_subsys_cpu 4\nnr_subsys_memory 5\nnr_dying_descendants 1\n"
       "nr_dying_subsys_cpu 0\nnr_dying_subsys_memory 2\n"},
      {"cgroup.max.depth", "16\n"},
      {"cgroup.max.descendants", "max\n"},
      {"cgroup.subtree_control", ""},
      {"cgroup.type", "domain\n"},
      {"cpu.idle", "0\n"},
      {"cpu.max", "50000 100000\n"},
      {"cpu.max.burst", "25000\n"},
      {"cpu.pressure",
       "some avg10=61.53 avg60=28.03 avg300=7.02 total=22341999\n"
       "full avg10=60.10 avg60=27.00 avg300=6.75 total=21341998\n"},
      {"cpu.stat",
       "usage_usec 476123\nuser_usec 400001\nsystem_usec 76122\nnice_usec 17\n"
       "core_sched.force_idle_usec 19\nnr_periods 41\nnr_throttled 31\nthrottled_usec 2801234\n"
       "nr_bursts 5\nburst_usec 60123\n"},
      {"cpu.stat.local", "throttled_usec 2801235\n"},
      {"cpu.uclamp.max", "max\n"},
      {"cpu.uclamp.min", "12.50\n"},
      {"cpu.weight", "300\n"},
      {"cpuset.cpus", "0-3,6\n"},
      {"cpuset.cpus.effective", "0-2\n"},
      {"cpuset.cpus.exclusive", "1-2\n"},
      {"cpuset.cpus.exclusive.effective", "2\n"},
      {"cpuset.cpus.isolated", "7\n"},
      {"cpuset.cpus.partition", "root invalid (Cpu list in cpuset.cpus not exclusive)\n"},
      {"cpuset.mems", "0-1\n"},
      {"cpuset.mems.effective", "1\n"},
      {"hugetlb.1GB.current", "1073741824\n"},
      {"hugetlb.1GB.events", "max 31\n"},
      {"hugetlb.1GB.events.local", "max 32\n"},
      {"hugetlb.1GB.max", "max\n"},
      {"hugetlb.1GB.rsvd.current", "2147483648\n"},
      {"hugetlb.1GB.rsvd.max", "3221225472\n"},
      {"hugetlb.2MB.current", "2097152\n"},
      {"hugetlb.2MB.events", "max 33\n"},
      {"hugetlb.2MB.events.local", "max 34\n"},
      {"hugetlb.2MB.max", "8388608\n"},
      {"hugetlb.2MB.rsvd.current", "4194304\n"},
      {"hugetlb.2MB.rsvd.max", "max\n"},
      {"io.cost.model",
       "254:0 ctrl=auto model=linear rbps=174019176 rseqiops=41708 rrandiops=370 wbps=178075866 "
       "wseqiops=42705 wrandiops=378\n"},
      {"io.cost.qos",
       "254:0 enable=1 ctrl=auto rpct=95.00 rlat=75000 wpct=95.10 wlat=150000 min=50.00 "
       "max=150.05\n"},
      {"io.latency", "254:0 target=25000\n"},
      {"io.prio.class", "restrict-to-be\n"},
      {"io.max", "254:0 rbps=2097152 wbps=max riops=max wiops=120\n"},
      {"io.pressure",
       "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n"
       "full avg10=5.00 avg60=6.00 avg300=7.00 total=8\n"},
      {"irq.pressure", "full avg10=0.10 avg60=0.20 avg300=0.30 total=77\n"},
      {"io.stat",
       "254:0 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=11 dios=12 "
       "cost.vrate=101.25 "
       "cost.usage=33 cost.wait=44 cost.indebt=55 cost.indelay=66\n"
       "254:16 \n"},
      {"io.weight", "default 100\n254:0 200\n"},
      {"memory.current", "31457280\n"},
      {"memory.events",
       "low 1\nhigh 1802\nmax 23\noom 4\noom_kill 3\noom_group_kill 2\nsock_throttled 9\n"},
      {"memory.events.local", "low 5\nhigh 6\nmax 7\noom 8\noom_kill 10\noom_group_kill 11\n"},
      {"memory.high", "62914560\n"},
      {"memory.low", "4096\n"},
      {"memory.max", "max\n"},
      {"memory.min", "0\n"},
      {"memory.oom.group", "1\n"},
      {"memory.peak", "41457280\n"},
      {"memory.pressure",
       "some avg10=0.00 avg60=0.01 avg300=0.22 total=351\n"
       "full avg10=0.00 avg60=0.03 avg300=0.44 total=352\n"},
      {"memory.numa_stat",
       "anon N0=28639232 N1=32768\nfile N0=1351680 N1=0\nworkingset_nodereclaim N0=3 N1=4\n"
       "later_key N0=1\n"},
      {"memory.stat",
       "anon 28672000\nfile 1351680\nkernel 1265664\nkernel_stack 49152\npagetables 139264\n"
       "sec_pagetables 0\npercpu 14624\nsock 4096\nvmalloc 0\nshmem 8192\nzswap 12288\n"
       "zswapped 16384\nfile_mapped 675840\nfile_dirty 20480\nfile_writeback 24576\n"
       "swapcached 28672\nanon_thp 0\ninactive_anon 28631040\nactive_anon 40960\n"
       "inactive_file 1081344\nactive_file 270336\nunevictable 32768\nslab_reclaimable 455776\n"
       "slab_unreclaimable 543424\nslab 999200\nworkingset_refault_anon 36\n"
       "workingset_refault_file 37\npgscan 3801\npgsteal 3802\npgfault 12043\npgmajfault 39\n"
       "hugetlb 7001\nfile_thp 7014\nshmem_thp 7027\nworkingset_activate_anon 7040\n"
       "workingset_activate_file 7053\nworkingset_restore_anon 7066\n"
       "workingset_restore_file 7079\nworkingset_nodereclaim 7092\npgdemote_kswapd 7105\n"
       "pgdemote_direct 7118\npgdemote_khugepaged 7131\npgpromote_success 7144\n"
       "pgscan_kswapd 7157\npgscan_direct 7170\npgscan_khugepaged 7183\npgsteal_kswapd 7196\n"
       "pgsteal_direct 7209\npgsteal_khugepaged 7222\npgrefill 7235\npgactivate 7248\n"
       "pgdeactivate 7261\npglazyfree 7274\npglazyfreed 7287\nswpin_zero 7300\n"
       "swpout_zero 7313\nzswpin 7326\nzswpout 7339\nzswpwb 7352\nthp_fault_alloc 7365\n"
       "thp_collapse_alloc 7378\nthp_swpout 7391\nthp_swpout_fallback 7404\n"
       "numa_pages_migrated 7417\nnuma_pte_updates 7430\nnuma_hint_faults 7443\n"},
      {"memory.swap.current", "53248\n"},
      {"memory.swap.events", "high 61\nmax 62\nfail 63\n"},
      {"memory.swap.high", "max\n"},
      {"memory.swap.max", "134217728\n"},
      {"memory.swap.peak", "57344\n"},
      {"memory.zswap.current", "49152\n"},
      {"memory.zswap.max", "max\n"},
      {"memory.zswap.writeback", "1\n"},
      {"misc.capacity", "sev 509\nsev_es 99\n"},
      {"misc.current", "sev 3\nsev_es 1\n"},
      {"misc.events", "sev.max 21\nsev_es.max 22\n"},
      {"misc.events.local", "sev.max 23\nsev_es.max 24\n"},
      {"misc.max", "sev max\nsev_es 50\n"},
      {"misc.peak", "sev 5\nsev_es 2\n"},
      {"pids.current", "7\n"},
      {"pids.events", "max 71\n"},
      {"pids.events.local", "max 72\n"},
      {"pids.max", "128\n"},
      {"pids.peak", "9\n"},
      {"rdma.current",
       "mlx4_0 hca_handle=2 hca_object=2000 \nocrdma1 hca_handle=1 hca_object=max \n"},
      {"rdma.max", "mlx4_0 hca_handle=2000 hca_object=max \n"},
  };
  return kFiles;
}

// A directory tree that looks like a cgroup hierarchy, removed with this object.
class FixtureTree {
 public:
  FixtureTree() {
    std::string pattern = ::testing::TempDir() + "cgroup_test.XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    root_ = pattern;
    add("/", {{"cgroup.controllers", "cpu io memory pids\n"}});
  }
  FixtureTree(const FixtureTree&) = delete;
  FixtureTree& operator=(const FixtureTree&) = delete;
  ~FixtureTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string host_path(const std::string& path) const { return root_ + path; }

  // The cgroup and its parents, with these files in it.
  void add(const std::string& path, const std::map<std::string, std::string>& files) const {
    std::filesystem::create_directories(host_path(path));
    for (const auto& [file, text] : files) write(path, file, text);
  }
  void write(const std::string& path, const std::string& file, const std::string& text) const {
    std::ofstream(host_path(path) + "/" + file, std::ios::trunc) << text;
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(host_path(path)); }

  [[nodiscard]] Tree open() const { return Tree::open(root_, false).value(); }

 private:
  std::string root_;
};

}  // namespace cgwarden::cgroup::testing
