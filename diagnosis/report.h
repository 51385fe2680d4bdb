#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "diagnosis/restart_story.h"
#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis {

struct ReportStyle {
  bool color = false;    // ANSI SGR
  bool unicode = false;  // bullets
  std::size_t width = 100;
  std::string (*wall_text)(Usec) = format_wall_utc;  // how times are written
};

// What `why` tells beside the verdicts that it was given.
struct ReportMore {
  std::optional<RestartStory> story = {};  // longer than `earlier`; absent: made of `earlier`
  std::vector<std::string> around = {};    // lines of what was recorded around the time
};

// `why` as text: the answer first, then Confidence, When, Limit, Victim, Restarts, Around it,
// Evidence, Ruled out, Contributing, Evidence lost, Last words, What to do. All foreign text is
// made printable.
// `earlier` are older verdicts of the same workload, newest first: those of a crash loop are told
// as one story under "Restarts" (restart_story.h), the others one line each under "Before that".
[[nodiscard]] std::string report(const Verdict& verdict, const std::vector<Verdict>& earlier,
                                 const ReportStyle& style, const ReportMore& more = {});

}  // namespace cgwarden::diagnosis
