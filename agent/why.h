#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/options.h"
#include "agent/running_now.h"
#include "base/result.h"
#include "base/units.h"
#include "diagnosis/report.h"
#include "diagnosis/verdict.h"

namespace cgwarden::agent {

// `cgwarden why`, from the files of the store and of the runtime directory, with and without an
// agent.
struct WhyQuestion {
  // A workload; a systemd unit, container, pod or its key in the store; the path of a cgroup; 12 or
  // more digits of a container's id; the pid of a living process.
  std::string name;
  std::optional<unsigned> incarnation = {};  // absent: the newest
  std::optional<Usec> since_wall = {};       // what ended before is left out
  // Whether throttling may be looked at twice, up to 5 s apart.
  bool may_wait = true;
};

struct WhyAnswer {
  std::string name;                           // of whom it is
  std::optional<diagnosis::Verdict> verdict;  // absent: nothing happened to it
  std::optional<RunningNow> running;          // of a workload that lives
  std::vector<diagnosis::Verdict> earlier;    // newest first
  // Of all deaths that are stored, however many `earlier` has.
  std::optional<diagnosis::RestartStory> story = {};
  std::size_t unreadable = 0;  // verdicts of it that the store has and nobody can read
  std::string notice;          // what could not be read; empty: all was
};

// vanished: nothing is known under that name.
[[nodiscard]] Result<WhyAnswer> why(const Options& where, const WhyQuestion& question);

// `around`: lines of what was recorded around the time of the verdict.
[[nodiscard]] std::string why_text(const WhyAnswer& answer, const diagnosis::ReportStyle& style,
                                   std::vector<std::string> around = {});

}  // namespace cgwarden::agent
