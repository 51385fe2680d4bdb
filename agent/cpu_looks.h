#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "agent/adaptation.h"
#include "agent/event_loop.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "cgroup/control_files.h"
#include "cgroup/shared_sample.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {

// Reads cpu.stat of a few cgroups every adapt_pace::kCpuLook, and nothing while there are none.
// cpu.max, cpu.max.burst and cpu.pressure too where more periods were throttled, and in the first
// look after watch() or changed(): the quota of the others is that of the last time, and their
// pressure absent. On the loop's thread.
class CpuLooks {
 public:
  // Valid for the call. unread: how many others are there, and could not be read; begun: when the
  // first was read (CLOCK_BOOTTIME).
  using Looked = std::function<void(std::span<const Adaptation::CpuLook> looks, std::size_t unread,
                                    Usec begun)>;

  // All must outlive it.
  CpuLooks(EventLoop& loop, const Clock& clock, const cgroup::Tree& tree,
           cgroup::ControlFiles& files, Looked looked)
      : loop_(loop), clock_(clock), tree_(tree), files_(files), looked_(std::move(looked)) {}

  // From now on the first adapt_pace::kCpuLooks of these. An error: some of them are not looked at,
  // and why.
  [[nodiscard]] Status watch(const std::vector<Adaptation::CpuLoop>& cgroups);
  // Its quota has been written.
  void changed(CgroupId id);

 private:
  struct Cgroup {
    cgroup::SharedSample sample;
    UniqueFd directory;  // another one that takes the path is not read through it
    UniqueFd stat;       // its cpu.stat
    bool read_all = true;
  };
  [[nodiscard]] Result<Cgroup> open(const Adaptation::CpuLoop& cgroup) const;
  enum class Read { all, gone, failed };
  [[nodiscard]] Read read(Cgroup& cgroup);
  [[nodiscard]] Status read_others(Cgroup& cgroup);
  void look();

  EventLoop& loop_;
  const Clock& clock_;
  const cgroup::Tree& tree_;
  cgroup::ControlFiles& files_;
  Looked looked_;
  std::map<CgroupId, Cgroup> cgroups_;
  std::vector<char> buffer_;
  Usec rest_until_{0};  // CLOCK_BOOTTIME
  EventLoop::Timer timer_;
};

}  // namespace cgwarden::agent
