#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/adaptation.h"
#include "agent/event_loop.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "cgroup/samples.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {

// Reads cpu.stat, cpu.pressure, cpu.max and cpu.max.burst of a few cgroups every
// adapt_pace::kCpuLook, and nothing while there are none. On the loop's thread.
class CpuLooks {
 public:
  // Those that are there still; what could not be read is absent.
  using Looked = std::function<void(const std::vector<cgroup::Sample>& samples, TimePoint now)>;

  // All must outlive it.
  CpuLooks(EventLoop& loop, const Clock& clock, const cgroup::Tree& tree, Looked looked)
      : loop_(loop), clock_(clock), tree_(tree), looked_(std::move(looked)) {}

  // From now on the first adapt_pace::kCpuLooks of these; how many that leaves out. An error: there
  // is no timer, and nobody is looked at.
  [[nodiscard]] Result<std::size_t> watch(const std::vector<Adaptation::CpuLoop>& cgroups);

 private:
  void look();

  EventLoop& loop_;
  const Clock& clock_;
  const cgroup::Tree& tree_;
  Looked looked_;
  struct Cgroup {
    std::string path;
    UniqueFd directory;  // another one that takes the path is not read through it
  };
  std::map<CgroupId, Cgroup> cgroups_;
  EventLoop::Timer timer_;
};

}  // namespace cgwarden::agent
