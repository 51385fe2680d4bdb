#pragma once

#include <string>

#include "diagnosis/death_case.h"
#include "diagnosis/verdict.h"

// What the OOM rules say alike.
namespace cgwarden::diagnosis::rules {

// A verdict with actor, victim, the log's lines and the counters; class and sentence are the
// rule's.
[[nodiscard]] Verdict begin_oom(const DeathCase& death, VerdictClass verdict);
// "NAME was killed by the kernel's OOM killer"; its PID 1 when only that was seen to be killed.
[[nodiscard]] std::string oom_subject(const DeathCase& death);
// " (victim pid 102 `leaker`, RSS 63.1 MiB)"; empty when the victim is not known.
[[nodiscard]] std::string victim_text(const Verdict& verdict);
// memory.max of the cgroup whose limit was hit, as the kernel prints it. The log's own figure wins:
// the file is read after the kill and may have been raised meanwhile.
[[nodiscard]] LimitHit memory_limit(const CgroupEvidence& cgroup, const OomRecord* record);
// "memory.max = 64.0 MiB".
[[nodiscard]] std::string limit_text(const LimitHit& limit);

}  // namespace cgwarden::diagnosis::rules
