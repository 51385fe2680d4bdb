#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/units.h"
#include "exporters/metrics.h"

namespace cgwarden::exporters {

// The agent's own metrics (cgwarden_agent_*), held in a prometheus-cpp Registry. All counters exist
// at 0 from construction on. Thread-safe.
class SelfMetrics {
 public:
  SelfMetrics();
  ~SelfMetrics();
  SelfMetrics(const SelfMetrics&) = delete;
  SelfMetrics& operator=(const SelfMetrics&) = delete;

  void tick(Usec duration, std::size_t cgroups, std::size_t dropped, std::size_t unreadable_files);
  void policy_reload(bool success);
  void policy_write(bool success);
  void store_error();
  void kmsg_lost(std::uint64_t records);
  // Whether the kernel's OOM events can be read.
  void oom_trace(bool works);
  void oom_trace_lost(std::uint64_t events);
  void node_oom(bool attributed, std::size_t victims);
  void scrape(Usec duration, std::size_t bytes);
  void workloads_running(std::size_t count);

  // The registry through Collect(), in the wanted exposition, HELP escaped.
  [[nodiscard]] std::string render(Exposition exposition) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgwarden::exporters
