#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/units.h"

// Lines of a tracefs trace_pipe (Documentation/trace/ftrace.rst) whose trace_clock is boot, of the
// three events that tell OOM kills. Pure: text in, values out. Pids are of the init pid namespace.
namespace cgwarden::cgroup {

// signal:signal_generate, filtered to SIGKILL from the kernel itself. An OOM kill sends it just
// before its OomMark, from the same task; a task that was dying anyway gets a mark and no signal.
struct KernelKill {
  Usec boottime{0};
  pid_t task = 0;  // that sent it: under OOM, the one that wanted memory
  pid_t victim = 0;
};

// oom:mark_victim. Kernels before 6.9 print the pid only, unless it was backported.
struct OomMark {
  Usec boottime{0};
  pid_t task = 0;
  pid_t victim = 0;
  std::string comm;  // as the process set it: any bytes
  std::optional<std::uint32_t> uid;
  std::optional<Bytes> rss;  // anonymous, file and shmem together
};

// cgroup:cgroup_notify_populated, filtered to val 0 of the unified hierarchy: emitted in the exit
// of the last task, and again for each ancestor that emptied with it.
struct CgroupEmptied {
  Usec boottime{0};
  pid_t task = 0;  // that left: the thread that exited, or who moved it
  CgroupId id;
  unsigned level = 0;  // 0: the root
  std::string path;    // empty when the kernel cut it (it keeps 1023 bytes)
};

using TraceEvent = std::variant<KernelKill, OomMark, CgroupEmptied>;

// One line without its end. `malformed` for anything else.
[[nodiscard]] Result<TraceEvent> parse_trace_line(std::string_view line);

// Puts lines together from what read(2) gives, also those that a line end in a comm had cut. Such a
// comm cannot pose as an event: it holds 15 bytes, fewer than any event's marker.
class TraceLines {
 public:
  [[nodiscard]] std::vector<TraceEvent> feed(std::string_view text);
  // Events that the kernel overwrote before they were read ("CPU:0 [LOST 5 EVENTS]").
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  // Lines that are none of the above.
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

 private:
  void take_line(std::string_view line, std::vector<TraceEvent>& events);
  void finish(std::vector<TraceEvent>& events);
  std::string rest_;        // without its line end yet
  std::string unfinished_;  // an event whose comm had a line end
  bool too_long_ = false;   // the line at hand, for one of the kernel's
  std::uint64_t lost_ = 0;
  std::uint64_t malformed_ = 0;
};

}  // namespace cgwarden::cgroup
