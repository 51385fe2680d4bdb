#include <sys/types.h>

#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "diagnosis/kmsg.h"

namespace cgwarden::diagnosis {
namespace {

// No program name (15 bytes) can be mistaken for this.
constexpr std::string_view kOomKill = "oom-kill:constraint=";
constexpr std::string_view kKilled = "Killed process ";
constexpr std::string_view kPassedBy = ": OOM victim ";

std::optional<Bytes> kibibytes_after(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + key.size());
  const std::size_t end = text.find("kB");
  if (end == std::string_view::npos) return std::nullopt;
  const auto value = parse_integer<std::uint64_t>(text.substr(0, end));
  if (!value || *value > (UINT64_MAX >> 10U)) return std::nullopt;
  return Bytes{*value * 1024};
}

// The value between the last `key` and the end of `text`, which is cut there. Reading from the
// right is what makes names with commas and equal signs harmless: the numbers stand behind every
// name.
std::optional<std::string_view> take_last(std::string_view& text, std::string_view key) {
  const std::size_t at = text.rfind(key);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view value = text.substr(at + key.size());
  text = text.substr(0, at);
  return value;
}

// "Killed process 102 (comm) total-vm:..., anon-rss:..., ..., UID:0 ...": comm ends at the last ")
// total-vm:".
bool read_killed(std::string_view text, OomRecord& record) {
  const std::size_t at = text.find(kKilled);
  if (at == std::string_view::npos) return false;
  text.remove_prefix(at + kKilled.size());
  const std::size_t open = text.find(" (");
  const std::size_t close = text.rfind(") total-vm:");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2) {
    return false;
  }
  const auto pid = parse_integer<pid_t>(text.substr(0, open));
  if (!pid || *pid <= 0) return false;
  record.victim_pid = *pid;
  record.victim_comm = text.substr(open + 2, close - open - 2);
  const std::string_view numbers = text.substr(close);
  record.anon_rss = kibibytes_after(numbers, "anon-rss:");
  record.file_rss = kibibytes_after(numbers, "file-rss:");
  record.shmem_rss = kibibytes_after(numbers, "shmem-rss:");
  if (const std::size_t uid = numbers.find("UID:"); uid != std::string_view::npos) {
    const std::string_view rest = numbers.substr(uid + 4);
    record.uid = parse_integer<std::uint64_t>(rest.substr(0, rest.find(' ')));
  }
  return true;
}

// "Memory cgroup out of memory: OOM victim 102 (comm) is already exiting. Skip killing the task".
bool read_passed_by(std::string_view text, OomRecord& record) {
  static constexpr std::string_view kEnd = ") is already exiting. Skip killing the task";
  const std::size_t at = text.find(kPassedBy);
  if (at == std::string_view::npos || !text.ends_with(kEnd)) return false;
  text.remove_prefix(at + kPassedBy.size());
  const std::size_t open = text.find(" (");
  if (open == std::string_view::npos || open + 2 > text.size() - kEnd.size()) return false;
  const auto pid = parse_integer<pid_t>(text.substr(0, open));
  if (!pid || *pid <= 0) return false;
  record.victim_pid = *pid;
  record.victim_comm = text.substr(open + 2, text.size() - kEnd.size() - open - 2);
  record.exiting = true;
  return true;
}

// A record of the log holds about 1000 bytes, the kernel's prefix taken off (976 of 6.1, 1021 of
// 6.12), and a path is written in one piece: of a longer one the end is missing, and what is there
// may be the name of another cgroup.
constexpr std::size_t kWholePath = 960;

// Did it have to be cut to what is certain?
bool make_certain(std::string& path) {
  if (path.size() < kWholePath) return false;
  path.resize(path.rfind('/'));
  return true;
}

bool below_or_at(std::string_view path, std::string_view top) {
  if (!path.starts_with(top)) return false;
  return path.size() == top.size() || top.ends_with('/') || path[top.size()] == '/';
}

// "...,oom_memcg=A,task_memcg=B". A name may hold these words, but no '/', so the first
// ",oom_memcg=/" is the kernel's own (the cpuset before it is a leaf name). Of the splits into A
// and B only one with the victim at or below the limit is believed, and only if there is no other.
void read_paths(std::string_view text, OomRecord& record) {
  static constexpr std::string_view kOom = ",oom_memcg=";
  static constexpr std::string_view kTask = ",task_memcg=";
  const std::size_t oom = text.find(",oom_memcg=/");
  if (oom == std::string_view::npos) return;
  text.remove_prefix(oom + kOom.size());
  std::size_t splits = 0;
  for (std::size_t at = text.find(kTask); at != std::string_view::npos;
       at = text.find(kTask, at + 1)) {
    const std::string_view limited = text.substr(0, at);
    const std::string_view victim = text.substr(at + kTask.size());
    if (!below_or_at(victim, limited)) continue;
    record.oom_memcg = limited;
    record.task_memcg = victim;
    ++splits;
  }
  if (splits > 1) {
    record.oom_memcg.clear();
    record.task_memcg.clear();
  }
  record.limit_cut = make_certain(record.oom_memcg);
  make_certain(record.task_memcg);
}

// "oom-kill:constraint=C,...,task=COMM,pid=P,uid=U" of the victim that `record` already names.
bool read_oom_kill(std::string_view text, OomRecord& record) {
  const auto uid = take_last(text, ",uid=");
  const auto pid = take_last(text, ",pid=");
  if (!uid || !pid || parse_integer<pid_t>(*pid) != record.victim_pid) return false;
  const std::string task = ",task=" + record.victim_comm;
  if (!text.ends_with(task)) return false;
  text.remove_suffix(task.size());
  if (text.starts_with("oom-kill:constraint=CONSTRAINT_MEMCG,")) {
    record.constraint = OomConstraint::memcg;
    read_paths(text, record);
    return true;
  }
  static constexpr std::string_view kGlobal = ",global_oom,task_memcg=";
  const std::size_t at = text.find(",global_oom,task_memcg=/");
  if (at == std::string_view::npos) return false;
  record.constraint = OomConstraint::global;
  record.task_memcg = text.substr(at + kGlobal.size());
  make_certain(record.task_memcg);
  return true;
}

}  // namespace

void OomLogReader::take(const KmsgRecord& record) {
  const std::string& text = record.text;
  const bool open = std::exchange(dump_.oom_kill_open, false);
  if (record.continuation) {
    // A line over about 1 KiB comes in several records.
    if (open && dump_.oom_kill.size() + text.size() <= limits::kKmsgRecordBytes) {
      dump_.oom_kill += text;
      dump_.oom_kill_open = true;
    }
    return;
  }
  const bool reaped = text.starts_with("oom_reaper: ");
  if (!reaped) group_line_.clear();
  if (text.find(" invoked oom-killer: ") != std::string::npos) {
    dump_ = Dump{};
    dump_.manual = text.find(", order=-1,") != std::string::npos;
    dump_.lines.push_back(text);
  } else if (text.starts_with("memory: usage ")) {
    if (dump_.usage) return;  // one a dump
    dump_.usage = kibibytes_after(text, "usage ");
    dump_.limit = kibibytes_after(text, "limit ");
    dump_.lines.push_back(text);
  } else if (text.starts_with("swap: usage ")) {
    if (dump_.swap_usage) return;
    dump_.swap_usage = kibibytes_after(text, "usage ");
    dump_.swap_limit = kibibytes_after(text, "limit ");
  } else if (text.starts_with(kOomKill)) {
    dump_.oom_kill = text;
    dump_.oom_kill_open = true;
  } else if (text.starts_with("Tasks in ") && text.ends_with("memory.oom.group set")) {
    group_line_ = text;
    group_limit_ = std::exchange(last_, {});
  }
  if (!reaped) last_ = {};
}

std::optional<OomRecord> OomLogReader::finish(const KmsgRecord& record) {
  OomRecord kill;
  if (!read_killed(record.text, kill)) {
    // Alone it is no kill: whoever passed it by has killed nobody.
    if (group_line_.empty() || !read_passed_by(record.text, kill)) return std::nullopt;
  }
  // Without its "oom-kill:" line (rate-limited) the sentence itself still tells the two apart.
  kill.constraint =
      record.text.starts_with("Memory cgroup") ? OomConstraint::memcg : OomConstraint::global;
  if (!dump_.oom_kill.empty() && read_oom_kill(dump_.oom_kill, kill)) {
    kill.usage = dump_.usage;
    kill.limit = dump_.limit;
    kill.swap_usage = dump_.swap_usage;
    kill.swap_limit = dump_.swap_limit;
    kill.lines = std::move(dump_.lines);
    kill.lines.push_back(std::move(dump_.oom_kill));
    if (dump_.manual) kill.constraint = OomConstraint::manual;
  }
  // A dump tells of one kill: the next line may be of another one whose dump was rate-limited.
  dump_ = Dump{};
  if (!group_line_.empty()) {
    kill.lines.push_back(group_line_);
  }
  // A dump of its own says more than what the group's first victim died of.
  if (!group_line_.empty() && kill.task_memcg.empty()) {
    kill.oom_memcg = group_limit_.oom_memcg;
    kill.limit_cut = group_limit_.limit_cut;
    kill.limit_inherited = true;
    kill.usage = group_limit_.usage;
    kill.limit = group_limit_.limit;
  } else if (group_line_.empty()) {
    last_ = {kill.oom_memcg, kill.limit_cut, kill.usage, kill.limit};
  }
  kill.lines.push_back(record.text);
  kill.boottime = record.boottime;
  kill.sequence = record.sequence;
  return kill;
}

// What is missing may have been the end of one dump and the start of another.
void OomLogReader::forget_dump() {
  dump_ = Dump{};
  group_line_.clear();
  last_ = {};
}

void OomLogReader::note_gap(const KmsgRecord& record) {
  gap_.reset();
  const std::uint64_t expected = last_sequence_ ? *last_sequence_ + 1 : 0;
  if (record.sequence > expected) {
    gap_ = KmsgGap{last_boottime_, record.boottime, record.sequence - expected};
    if (last_sequence_) lost_ += gap_->count;
    forget_dump();
  }
  last_sequence_ = record.sequence;
  last_boottime_ = record.boottime;
}

std::optional<OomRecord> OomLogReader::read(const KmsgRecord& record) {
  if (!record.from_kernel()) return std::nullopt;
  if (!record.continuation && (record.text.starts_with("Memory cgroup out of memory: ") ||
                               record.text.starts_with("Out of memory: "))) {
    return finish(record);
  }
  take(record);
  return std::nullopt;
}

std::optional<OomRecord> OomLogReader::feed(const KmsgRecord& record) {
  note_gap(record);
  return read(record);
}

std::optional<OomRecord> OomLogReader::restore(const KmsgRecord& record, bool broken) {
  if (broken) forget_dump();
  return read(record);
}

void OomLogReader::resume_after(std::uint64_t sequence, Usec boottime) {
  last_sequence_ = sequence;
  last_boottime_ = boottime;
}

}  // namespace cgwarden::diagnosis
