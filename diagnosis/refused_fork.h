#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "diagnosis/kmsg.h"

// The kernel's own lines about forks that the pids controller refused. Pure.
namespace cgwarden::diagnosis {

// kernel/cgroup/pids.c pids_event(): the first refusal in the life of a cgroup that forks,
// whichever cgroup's pids.max it was. No line of a cgroup in a log that lost nothing says that none
// of its forks was ever refused.
struct RefusedFork {
  std::string cgroup;  // that wanted to fork
  // Of the cgroup that had this path a moment later; nullopt: nobody looked in time.
  std::optional<CgroupId> id = {};
  Usec boottime{0};  // as the record has it
  std::uint64_t sequence = 0;
  std::string line;  // the kernel's words
  // The record had no room for the path, or another line came between: `cgroup` is not all of it.
  bool cut = false;
  bool looked_for = false;
};

struct RefusedForks {
  std::vector<RefusedFork> lines;  // oldest first
  bool complete = false;           // of this boot none is missing
  // None is missing of cgroups with a greater id: they were made after the last loss, as the kernel
  // gives ids in the order of creation (fs/kernfs/dir.c).
  std::optional<CgroupId> complete_after = {};
};

[[nodiscard]] bool is_complete_for(const RefusedForks& forks, CgroupId cgroup);

// nullopt: another line, or one that a process wrote to /dev/kmsg.
[[nodiscard]] std::optional<RefusedFork> parse_refused_fork(const KmsgRecord& record);

// The lines of `cgroup` and of those below it.
[[nodiscard]] RefusedForks at_or_below(const RefusedForks& forks, std::string_view cgroup);

// Keeps the newest limits::kRefusedForks of them.
class RefusedForkBook {
 public:
  // Every record of the log in order; `boottime`: its time on CLOCK_BOOTTIME.
  void add(const KmsgRecord& record, Usec boottime);
  // Asks for the ids of what has come since the last time, where that is not long ago.
  void identify(const std::function<std::optional<CgroupId>(const std::string& cgroup)>& id_of,
                Usec now);
  // Records were lost, of this moment or an earlier one.
  void lost();
  // Every tick: the greatest id of a cgroup that is there.
  void seen(CgroupId newest);
  [[nodiscard]] const RefusedForks& all() const { return forks_; }

 private:
  RefusedForks forks_{.lines = {}, .complete = true};
  unsigned seen_since_loss_ = 0;
};

}  // namespace cgwarden::diagnosis
