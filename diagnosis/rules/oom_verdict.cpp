#include "diagnosis/rules/oom_verdict.h"

#include <fmt/format.h>

#include "base/text.h"

namespace cgwarden::diagnosis::rules {
namespace {

std::optional<Bytes> size_before(const DeathCase& death, pid_t pid) {
  for (const auto& process : death.evidence.before_death) {
    if (process.pid == pid) return process.rss;
  }
  return std::nullopt;
}

// Who filled it, as seen when the limit was reached.
void quote_processes(const DeathCase& death, Verdict& verdict) {
  for (const auto& process : death.evidence.before_death) {
    verdict.evidence.push_back({"statm", fmt::format("pid {} `{}`", process.pid, process.comm),
                                "RSS " + human_bytes(process.rss) + " at a `max` event"});
  }
}

void set_victim(const DeathCase& death, Verdict& verdict) {
  const OomRecord* record = death.oom.record;
  if (record == nullptr) {
    // With other victims about, or at an unknown time, the counters alone do not say who it was.
    if (death.since_outlived && death.late_kills.empty() && !death.only_init_seen &&
        death.evidence.main_pid > 0) {
      verdict.victim =
          Victim{death.evidence.main_pid, "", size_before(death, death.evidence.main_pid)};
    }
    return;
  }
  Victim victim{record->victim_pid, record->victim_comm, std::nullopt};
  if (record->anon_rss && record->file_rss && record->shmem_rss) {
    victim.rss =
        Bytes{record->anon_rss->value + record->file_rss->value + record->shmem_rss->value};
  }
  // A rate-limited line has the pid and no sizes.
  if (!victim.rss) victim.rss = size_before(death, victim.pid);
  verdict.victim = std::move(victim);
  for (const auto& line : record->lines) {
    verdict.evidence.push_back({"kmsg", fmt::format("seq {}", record->sequence), line});
  }
}

std::string as_printed(const std::optional<LimitOf<Bytes>>& limit) {
  if (!limit) return {};
  return is_max(*limit) ? "max" : std::to_string(std::get<Bytes>(*limit).value);
}

}  // namespace

Verdict begin_oom(const DeathCase& death, VerdictClass verdict_class) {
  Verdict verdict = death.begin(verdict_class, death.oom.confidence);
  verdict.actor = Actor{std::nullopt, "the kernel's OOM killer"};
  death.quote_memory_events(verdict);
  set_victim(death, verdict);
  quote_processes(death, verdict);
  verdict.contributing = death.oom.conflicts;
  if (death.group_killed != nullptr) {
    verdict.subject = Subject::cgroup;
    verdict.contributing.push_back("memory.oom.group is 1 in " + death.group_killed->path +
                                   ": every process of that cgroup was killed with the victim");
  }
  if (death.only_init_seen) {
    verdict.contributing.push_back(
        "PID 1 of the workload was killed; the kernel ended its pid namespace, and the command "
        "with "
        "it");
  }
  return verdict;
}

std::string oom_subject(const DeathCase& death) {
  if (death.only_init_seen && death.main_kill == nullptr) {
    return death.evidence.workload +
           " ended because its PID 1 was killed by the kernel's OOM killer";
  }
  return death.evidence.workload + " was killed by the kernel's OOM killer";
}

std::string victim_text(const Verdict& verdict) {
  if (!verdict.victim) return {};
  std::string text = fmt::format(" (victim pid {}", verdict.victim->pid);
  if (!verdict.victim->comm.empty()) text += " `" + verdict.victim->comm + "`";
  if (verdict.victim->rss) text += ", RSS " + human_bytes(*verdict.victim->rss);
  return text + ")";
}

LimitHit memory_limit(const CgroupEvidence& cgroup, const OomRecord* record) {
  LimitHit hit{cgroup.path, "memory.max", as_printed(cgroup.memory_max)};
  if (record != nullptr && record->limit && !record->limit_cut &&
      record->oom_memcg == cgroup.path) {
    hit.value = std::to_string(record->limit->value);
  }
  return hit;
}

std::string limit_text(const LimitHit& limit) {
  if (const auto bytes = parse_integer<std::uint64_t>(limit.value)) {
    return fmt::format("{} = {}", limit.file, human_bytes(Bytes{*bytes}));
  }
  return limit.value == "max" ? limit.file + " (which reads max now: changed since)" : limit.file;
}

}  // namespace cgwarden::diagnosis::rules
