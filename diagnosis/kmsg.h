#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

// The kernel log as /dev/kmsg gives it (Documentation/ABI/testing/dev-kmsg). Pure: texts in, values
// out.
namespace cgwarden::diagnosis {

// One record: "prio,seq,usec,flags[,caller];text\n", the text unescaped (\xNN).
struct KmsgRecord {
  unsigned priority = 0;  // facility * 8 + level
  std::uint64_t sequence = 0;
  Usec boottime{
      0};  // printk's local clock: close to CLOCK_MONOTONIC, not comparable across suspend
  bool continuation = false;  // flag 'c': belongs to the record before
  std::string text;
  // Only the kernel itself writes facility 0; a process writing to /dev/kmsg arrives with facility
  // 1 and is never evidence.
  [[nodiscard]] bool from_kernel() const { return priority / 8 == 0; }
};
[[nodiscard]] Result<KmsgRecord> parse_kmsg_record(std::string_view record);

enum class OomConstraint { memcg, global, manual };

// One OOM kill as the log tells it. Members are absent when their line was rate-limited or lost.
struct OomRecord {
  OomConstraint constraint = OomConstraint::memcg;
  std::string oom_memcg;   // path of the cgroup whose limit was hit; empty for global
  std::string task_memcg;  // the victim's cgroup, or one above it where the log had no room
  bool limit_cut = false;  // so too oom_memcg: the limit is that of a cgroup below it
  // The limit is that of the group kill right before this line: one whose own dump was rate-limited
  // looks the same.
  bool limit_inherited = false;
  // It was ending when the group kill came to it, and was passed by: what it ends of is something
  // else, the end of its PID 1 by the same group kill among them.
  bool exiting = false;
  std::string victim_comm;
  pid_t victim_pid = -1;  // in the init pid namespace
  std::optional<std::uint64_t> uid;
  std::optional<Bytes> anon_rss;
  std::optional<Bytes> file_rss;
  std::optional<Bytes> shmem_rss;
  std::optional<Bytes> usage;  // "memory: usage NkB, limit NkB" of the dump before it
  std::optional<Bytes> limit;
  std::optional<Bytes> swap_usage;  // the same of "swap: usage NkB, limit NkB"
  std::optional<Bytes> swap_limit;
  Usec boottime{0};                // of the "oom-kill:" or "Killed process" line
  std::uint64_t sequence = 0;      // same line
  std::vector<std::string> lines;  // the kernel's own lines, as quoted evidence
};

// Records that were overwritten before they were read, between two that were.
struct KmsgGap {
  Usec from{0};  // boottime of the record before; 0: the log was not read from its beginning
  Usec to{0};    // of the record after
  std::uint64_t count = 0;
};

// The gaps of a log, oldest first. Over limits::kKernelLogGaps the oldest two become one that spans
// both: a gap may grow but is never forgotten.
class KmsgGaps {
 public:
  void add(const KmsgGap& gap);
  // Those that reach into from..to.
  [[nodiscard]] std::vector<KmsgGap> between(Usec from, Usec to) const;

 private:
  std::vector<KmsgGap> gaps_;
};

// Puts OOM dumps together from consecutive records: skips foreign facilities, joins continuations,
// notices sequence gaps. "oom-kill:" is read from the right, because comm and cgroup names may
// contain ",pid=" themselves.
class OomLogReader {
 public:
  // Feeds one record; gives a finished OomRecord at its "Killed process" line.
  [[nodiscard]] std::optional<OomRecord> feed(const KmsgRecord& record);
  // The same for one that was read before, by another reader, and stored: numbers may be missing.
  // `broken`: lines between this one and the one before it are known to be.
  [[nodiscard]] std::optional<OomRecord> restore(const KmsgRecord& record, bool broken);
  // The record after this one is the next to be fed; gaps are counted from it.
  void resume_after(std::uint64_t sequence, Usec boottime);
  // The gap before the record that was fed last. The kernel numbers from 0: a first record with
  // another number has one too.
  [[nodiscard]] const std::optional<KmsgGap>& gap() const { return gap_; }
  // Sequence numbers that never arrived since the first record.
  [[nodiscard]] std::uint64_t lost_records() const { return lost_; }

 private:
  // The dump at hand: what was said since "invoked oom-killer".
  struct Dump {
    bool manual = false;  // asked for by sysrq-f (order=-1)
    std::optional<Bytes> usage;
    std::optional<Bytes> limit;
    std::optional<Bytes> swap_usage;
    std::optional<Bytes> swap_limit;
    std::string oom_kill;        // text of its "oom-kill:" line, continuations joined
    bool oom_kill_open = false;  // the record before was (a part of) that line
    std::vector<std::string> lines;
  };
  [[nodiscard]] std::optional<OomRecord> read(const KmsgRecord& record);
  void forget_dump();
  void take(const KmsgRecord& record);
  [[nodiscard]] std::optional<OomRecord> finish(const KmsgRecord& record);

  void note_gap(const KmsgRecord& record);
  std::optional<std::uint64_t> last_sequence_;
  Usec last_boottime_{0};
  std::optional<KmsgGap> gap_;
  std::uint64_t lost_ = 0;
  Dump dump_;
  // The limit of the kill before, with which a group may go.
  struct Reached {
    std::string oom_memcg;
    bool limit_cut = false;
    std::optional<Bytes> usage;
    std::optional<Bytes> limit;
  };
  Reached last_;
  std::string group_line_;  // "Tasks in ... memory.oom.group set", while its kills follow
  Reached group_limit_;     // that they died at, if the dump told
};

}  // namespace cgwarden::diagnosis
