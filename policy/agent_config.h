#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/units.h"
#include "cgroup/file_group.h"
#include "policy/diagnostic.h"

namespace cgwarden::policy {

// How often control files are read, by tier. The tick is 100 ms to 60 s, the others the tick to one
// hour: nothing is read more often than once per tick.
struct SamplingIntervals {
  Usec tick{1'000'000};     // cpu.stat, memory.current, memory.events, pressure
  Usec medium{10'000'000};  // what changes, but is not watched by the second
  Usec slow{15'000'000};    // memory.stat, and what is as dear
  Usec limits{30'000'000};  // limits that no policy manages

  // A slower tick takes the tiers along.
  void set_tick(Usec interval);
};

// From where the values of every tick come. What the BPF program cannot tell is read from files.
enum class Collector {
  automatic,  // "auto": bpf on a node of up to kCgroupsPerWalk cgroups, while its walks are short
  files,
  bpf,  // cgroup/bpf/cgroup_iterator.h
};

// Which cgroups are sampled. Those of own workloads and of policies always are.
struct Discovery {
  std::vector<std::string> include;              // globs (match.h); empty: all
  std::vector<std::string> exclude;              // wins over include
  std::size_t max_depth = limits::kCgroupDepth;  // levels below the root, 1 or more
  std::size_t max_cgroups = limits::kCgroupsWatched;
  std::size_t max_fds =
      limits::kKeptFiles;  // kept open between reads; the limit of open files cuts it

  // By the globs alone.
  [[nodiscard]] bool wants(std::string_view path) const;
};

// What is kept of the samples (diagnosis/recording).
struct RecorderConfig {
  bool enabled = true;
  Bytes size{512ULL * 1024 * 1024};  // of all its files in the state directory; 16 MiB or more
  std::uint64_t days = 30;           // older ones are removed
  std::uint64_t full_days = 2;       // older ones are kept in steps of 10 s; today is one
  std::size_t max_cgroups = 10000;   // the first by path
  Bytes ring{64ULL * 1024 *
             1024};  // of one minute in the runtime directory, at most; 1 MiB or more
};

// How policies are brought into force.
struct Enforcement {
  // Globs of cgroups that no policy limits: a mistake there locks everybody out. Beside them always
  // /init.scope, the agent's own and its packaged unit.
  std::vector<std::string> protected_cgroups{
      "/system.slice/ssh.service", "/system.slice/sshd.service", "/system.slice/sshd@*.service"};
  std::uint64_t cgroup_writes_per_minute = limits::kCgroupWritesPerMinute;
  std::uint64_t node_writes_per_minute = limits::kNodeWritesPerMinute;
};

// The one `kind: Agent` document of /etc/cgwarden/agent.yaml. What is absent keeps its default.
struct AgentConfig {
  std::optional<std::vector<std::string>> listen;  // base/listen_address.h; empty: no endpoint
  SamplingIntervals intervals;
  Collector collector = Collector::automatic;
  Discovery discovery;
  cgroup::FileGroups export_groups;  // read and shown beside what always is
  RecorderConfig recorder;
  Enforcement enforcement;
  std::string web_config;  // path of a web configuration file; empty: none
  bool web_page = true;    // the page for people at /
};

// Any error refuses the whole text. A relative path counts from the directory of `file`.
[[nodiscard]] std::expected<AgentConfig, std::vector<Diagnostic>> load_agent_config(
    std::string_view yaml, const std::string& file);

}  // namespace cgwarden::policy
