#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/units.h"

namespace cgwarden::agent {

enum class Bus {
  automatic,  // the system bus when it answers, else without, said once
  off,
};

// How often the files of the slower tiers are read (cgroup::Tier); never more often than
// `interval`.
struct SamplingOptions {
  Usec medium{5'000'000};
  Usec slow{15'000'000};
  Usec limits{10'000'000};  // those of workloads and policy targets: every tick
  std::size_t most_kept_files = cgwarden::limits::kKeptFiles;
};

// Which cgroups are sampled. Globs as in policies; workloads and policy targets always are.
struct DiscoveryOptions {
  std::vector<std::string> include;  // empty: all
  std::vector<std::string> exclude;  // wins over include
  std::size_t most_depth = cgwarden::limits::kCgroupDepth;
  std::size_t most_cgroups = cgwarden::limits::kCgroupsWatched;
};

// Where the agent works; each has a command-line flag of `cgwarden agent`.
struct Options {
  std::string cgroup_root;  // empty: detected from /proc/self/mountinfo
  std::string policy_dir = "/etc/cgwarden/policies.d";
  std::string workload_dir = "/etc/cgwarden/workloads.d";
  std::string state_dir = "/var/lib/cgwarden";  // the store; survives reboots
  std::string runtime_dir = "/run/cgwarden";    // shim state; lost at reboot, as the workloads are
  std::string listen = "127.0.0.1:9753";        // HTTP endpoint; empty: off
  std::string shim;  // cgwarden-shim; empty: beside this executable, else in libexec
  Bus bus = Bus::automatic;
  // What `network: bridge` and `network: {cni: NAME}` of workloads connect to.
  std::string network_bridge = "cgwarden0";
  std::string network_subnet = "10.77.0.0/16";
  unsigned network_mtu = 0;  // 0: that of the interface with the default route
  std::string cni_config_dir = "/etc/cni/net.d";
  std::vector<std::string> cni_plugin_dirs = {"/opt/cni/bin", "/usr/lib/cni"};
  Usec interval{1'000'000};  // sampling; 100 ms .. 60 s
  SamplingOptions sampling;
  DiscoveryOptions discovery;
};

[[nodiscard]] inline std::string store_path(const Options& options) {
  return options.state_dir + "/store.db";
}

}  // namespace cgwarden::agent
