#pragma once

#include <string>
#include <vector>

#include "base/units.h"
#include "policy/agent_config.h"

namespace cgwarden::agent {

enum class Bus {
  automatic,  // the system bus when it answers, else without, said once
  off,
};

// Where the agent works; each has a command-line flag of `cgwarden agent`, or a key of agent.yaml.
struct Options {
  std::string cgroup_root;  // empty: detected from /proc/self/mountinfo
  std::string policy_dir = "/etc/cgwarden/policies.d";
  std::string workload_dir = "/etc/cgwarden/workloads.d";
  std::string state_dir = "/var/lib/cgwarden";  // the store; survives reboots
  std::string runtime_dir = "/run/cgwarden";    // shim state; lost at reboot, as the workloads are
  std::vector<std::string> listen = {"127.0.0.1:9753"};  // HTTP endpoint; empty: off
  std::string web_config;  // its TLS and passwords (policy/web_config.h); empty: none
  bool web_page = true;    // the page for people at /
  std::string shim;        // cgwarden-shim; empty: beside this executable, else in libexec
  Bus bus = Bus::automatic;
  // What `network: bridge` and `network: {cni: NAME}` of workloads connect to.
  std::string network_bridge = "cgwarden0";
  std::string network_subnet = "10.77.0.0/16";
  unsigned network_mtu = 0;  // 0: that of the interface with the default route
  std::string cni_config_dir = "/etc/cni/net.d";
  std::vector<std::string> cni_plugin_dirs = {"/opt/cni/bin", "/usr/lib/cni"};
  policy::SamplingIntervals intervals;
  policy::Collector collector = policy::Collector::automatic;
  policy::Discovery discovery;
  cgroup::FileGroups export_groups;
  policy::RecorderConfig recorder;
  policy::Enforcement enforcement;
};

[[nodiscard]] inline std::string store_path(const Options& options) {
  return options.state_dir + "/store.db";
}

}  // namespace cgwarden::agent
