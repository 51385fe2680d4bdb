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
       "nr_descendants 3\nnr_subsys_cpu 4\nnr_subsys_memory 4\nnr_dying_descendants 1\n"
       "nr_dying_subsys_cpu 0\n"},
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
      {"cpu.weight", "300\n"},
      {"io.max", "254:0 rbps=2097152 wbps=max riops=max wiops=120\n"},
      {"io.pressure",
       "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n"
       "full avg10=5.00 avg60=6.00 avg300=7.00 total=8\n"},
      {"irq.pressure", "full avg10=0.10 avg60=0.20 avg300=0.30 total=77\n"},
      {"io.stat",
       "254:0 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=11 dios=12 cost.usage=33\n"
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
      {"memory.stat",
       "anon 28672000\nfile 1351680\nkernel 1265664\nkernel_stack 49152\npagetables 139264\n"
       "sec_pagetables 0\npercpu 14624\nsock 4096\nvmalloc 0\nshmem 8192\nzswap 12288\n"
       "zswapped 16384\nfile_mapped 675840\nfile_dirty 20480\nfile_writeback 24576\n"
       "swapcached 28672\nanon_thp 0\ninactive_anon 28631040\nactive_anon 40960\n"
       "inactive_file 1081344\nactive_file 270336\nunevictable 32768\nslab_reclaimable 455776\n"
       "slab_unreclaimable 543424\nslab 999200\nworkingset_refault_anon 36\n"
       "workingset_refault_file 37\npgscan 3801\npgsteal 3802\npgfault 12043\npgmajfault 39\n"},
      {"memory.swap.current", "53248\n"},
      {"memory.swap.events", "high 61\nmax 62\nfail 63\n"},
      {"memory.swap.high", "max\n"},
      {"memory.swap.max", "134217728\n"},
      {"memory.swap.peak", "57344\n"},
      {"pids.current", "7\n"},
      {"pids.events", "max 71\n"},
      {"pids.events.local", "max 72\n"},
      {"pids.max", "128\n"},
      {"pids.peak", "9\n"},
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
