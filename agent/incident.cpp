#include "agent/incident.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <optional>

#include "cgroup/format.h"

namespace cgwarden::agent {
namespace {

using Texts = std::map<std::string, std::string>;

std::optional<diagnosis::MainExit> exit_of(const std::optional<launcher::WaitStatus>& wait) {
  if (!wait) return std::nullopt;
  diagnosis::MainExit exit;
  exit.status = wait->status;
  switch (wait->code) {
    case CLD_EXITED:
      exit.kind = diagnosis::MainExit::Kind::exited;
      return exit;
    case CLD_KILLED:
      exit.kind = diagnosis::MainExit::Kind::killed;
      return exit;
    case CLD_DUMPED:
      exit.kind = diagnosis::MainExit::Kind::dumped;
      return exit;
    default:
      return std::nullopt;
  }
}

// Parses texts of one capture; a text that does not parse is lost evidence, not a zero.
class CaptureParser {
 public:
  CaptureParser(const std::string& cgroup, std::vector<std::string>& lost)
      : cgroup_(cgroup), lost_(lost) {}

  template <typename T, typename Parse>
  void read(const Texts& texts, const std::string& file, std::optional<T>& out, Parse parse) {
    const auto text = texts.find(file);
    if (text == texts.end()) return;
    auto value = [&] {
      if constexpr (requires { parse(text->second, file); }) {
        return parse(text->second, file);
      } else {
        return parse(text->second);
      }
    }();
    if (value) {
      out = *value;
    } else {
      lost_.push_back(cgroup_ + "/" + file +
                      " was not readable as a control file: " + value.error().detail);
    }
  }

  void bytes(const Texts& texts, const std::string& file, std::optional<Bytes>& out) {
    read(texts, file, out, [&](const std::string& text) -> Result<Bytes> {
      CGW_ASSIGN(const std::uint64_t value, cgroup::parse_number(text, file));
      return Bytes{value};
    });
  }

  void limit(const Texts& texts, const std::string& file, std::optional<LimitOf<Bytes>>& out) {
    read(texts, file, out, [&](const std::string& text) -> Result<LimitOf<Bytes>> {
      CGW_ASSIGN(const auto value, cgroup::parse_limit(text, file));
      if (is_max(value)) return LimitOf<Bytes>(Max{});
      return LimitOf<Bytes>(Bytes{std::get<std::uint64_t>(value)});
    });
  }

 private:
  const std::string& cgroup_;
  std::vector<std::string>& lost_;
};

void read_moment(CaptureParser& parser, const Texts& texts,
                 diagnosis::CgroupEvidence::Moment& moment) {
  parser.read(texts, "memory.events", moment.memory_events, cgroup::parse_memory_events);
  parser.read(texts, "memory.events.local", moment.memory_events_local,
              cgroup::parse_memory_events);
  parser.read(texts, "cpu.stat", moment.cpu_stat, cgroup::parse_cpu_stat);
  parser.read(texts, "pids.events", moment.pids_events, cgroup::parse_pids_events);
  parser.read(texts, "pids.events.local", moment.pids_events_local, cgroup::parse_pids_events);
  parser.read(texts, "memory.swap.events", moment.swap_events, cgroup::parse_swap_events);
}

diagnosis::CgroupEvidence evidence_of_cgroup(const launcher::CgroupCapture& capture,
                                             std::vector<std::string>& lost) {
  diagnosis::CgroupEvidence evidence;
  evidence.path = capture.path;
  evidence.id = capture.id;
  CaptureParser parser(capture.path, lost);
  read_moment(parser, capture.before, evidence.before);
  read_moment(parser, capture.outlived, evidence.outlived);
  read_moment(parser, capture.after, evidence.after);
  const Texts& after = capture.after;
  parser.limit(after, "memory.max", evidence.memory_max);
  parser.limit(after, "memory.high", evidence.memory_high);
  parser.limit(after, "memory.swap.max", evidence.memory_swap_max);
  parser.bytes(after, "memory.current", evidence.memory_current);
  parser.bytes(after, "memory.peak", evidence.memory_peak);
  parser.read(after, "memory.stat", evidence.memory_stat, cgroup::parse_memory_stat);
  parser.read(after, "memory.oom.group", evidence.memory_oom_group,
              [](const std::string& text) { return cgroup::parse_flag(text, "memory.oom.group"); });
  parser.read(after, "cpu.max", evidence.cpu_max, cgroup::parse_cpu_max);
  parser.read(after, "pids.max", evidence.pids_max,
              [](const std::string& text) { return cgroup::parse_limit(text, "pids.max"); });
  parser.read(after, "pids.current", evidence.pids_current,
              [](const std::string& text) { return cgroup::parse_number(text, "pids.current"); });
  std::optional<cgroup::CgroupEvents> events;
  parser.read(after, "cgroup.events", events, cgroup::parse_cgroup_events);
  if (events) evidence.populated = events->populated;
  if (events) evidence.frozen = events->frozen;
  return evidence;
}

std::string lost_records(std::uint64_t count) {
  return "kernel log: " + std::to_string(count) + (count == 1 ? " record was" : " records were") +
         " overwritten before " + (count == 1 ? "it was" : "they were") + " read";
}

// A gap that ended before the command was last seen unharmed cannot hide what killed it.
void add_lost_records(const KernelLogExtract& log, diagnosis::DeathEvidence& evidence) {
  if (!log.fault.empty()) evidence.lost.push_back("kernel log: " + log.fault);
  std::uint64_t earlier = 0;
  std::uint64_t suspect = 0;
  for (const auto& gap : log.gaps) {
    const bool outlived =
        evidence.outlived && gap.to + KernelLog::kSlack < evidence.outlived->boottime;
    (outlived ? earlier : suspect) += gap.count;
  }
  if (suspect > 0) evidence.lost.push_back(lost_records(suspect));
  if (earlier > 0) {
    evidence.lost_earlier.push_back(lost_records(earlier) +
                                    "; it outlived what they may have told of");
  }
}

}  // namespace

diagnosis::DeathEvidence evidence_of(const launcher::ExitRecord& record,
                                     const KernelLogExtract& log,
                                     std::vector<diagnosis::OwnAction> own_actions,
                                     std::vector<std::string> lost) {
  diagnosis::DeathEvidence evidence;
  evidence.workload = record.name;
  evidence.incarnation = record.incarnation;
  evidence.started = record.started;
  evidence.ended = record.ended;
  evidence.main_pid = record.main_pid;
  evidence.main_exit = exit_of(record.wait);
  evidence.init_exit = exit_of(record.init_wait);
  if (record.pid > 0 && record.pid != record.main_pid) evidence.init_pid = record.pid;
  // Each workload has a pid namespace, and without the built-in init nobody else is its PID 1.
  evidence.main_is_pid1 = record.pid > 0 && record.pid == record.main_pid;
  if (record.launch_error) {
    evidence.launch_failure = diagnosis::LaunchFailure{
        record.launch_error->stage, record.launch_error->errno_value, record.launch_error->text};
  }
  evidence.outlived = record.outlived;
  evidence.own_actions = std::move(own_actions);
  evidence.max_rss = record.max_rss;
  evidence.stderr_tail = record.stderr_tail;
  evidence.output_dropped = Bytes{record.stdout_dropped.value_or(Bytes{}).value +
                                  record.stderr_dropped.value_or(Bytes{}).value};
  if (const auto& use = record.descriptors) {
    evidence.descriptors = diagnosis::DeathEvidence::DescriptorUse{.pid = use->pid,
                                                                   .comm = use->comm,
                                                                   .open = use->open,
                                                                   .limit = use->limit,
                                                                   .at = use->at,
                                                                   .at_words = use->at_words};
  }
  for (const auto& room : record.filesystems) {
    evidence.filesystems.push_back({.mount = room.mount,
                                    .type = room.type,
                                    .size = room.size,
                                    .available = room.available,
                                    .inodes = room.inodes,
                                    .inodes_available = room.inodes_available});
  }
  evidence.lost = std::move(lost);
  for (const auto& capture : record.cgroups) {
    evidence.cgroups.push_back(evidence_of_cgroup(capture, evidence.lost));
  }
  // Payload, the scope around it, and what was there before.
  if (evidence.cgroups.size() > 2) evidence.own_top = evidence.cgroups[1].path;
  add_kernel_log(log, evidence);
  return evidence;
}

void add_kernel_log(const KernelLogExtract& log, diagnosis::DeathEvidence& evidence) {
  evidence.oom_records = log.kills;
  evidence.faults = log.faults;
  add_lost_records(log, evidence);
}

void add_signals(SignalWatch& watch, diagnosis::DeathEvidence& evidence) {
  const Usec from = evidence.started.boottime;
  const Usec to = evidence.ended.boottime;
  evidence.agent_pid = ::getpid();
  evidence.signals = watch.of({evidence.main_pid, evidence.init_pid}, from, to);
  const bool suspect =
      !evidence.main_exit || evidence.main_exit->kind != diagnosis::MainExit::Kind::exited;
  // What came after a SIGTERM that it outlived, as SIGCONT does, is a part of the story too.
  Usec since = evidence.outlived.value_or(evidence.started).boottime;
  for (const auto& record : evidence.signals.records) {
    if (record.signal == SIGTERM || record.signal == SIGSTOP) {
      since = std::min(since, record.boottime);
    }
  }
  const std::uint64_t lost = watch.lost(since, to);
  if (lost > 0 && suspect) {
    evidence.lost.push_back("signals: " + std::to_string(lost) +
                            " records of senders were not taken down in time");
  }
}

}  // namespace cgwarden::agent
