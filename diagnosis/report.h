#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis {

struct ReportStyle {
  bool color = false;    // ANSI SGR
  bool unicode = false;  // bullets
  std::size_t width = 100;
};

// `why` as text: the answer first, then Confidence, When, Limit, Victim, Restarts, Evidence, Ruled
// out, Contributing, Evidence lost, Last words, What to do. All foreign text is made printable.
// `earlier` are older verdicts of the same workload, newest first: those of a crash loop are told
// as one story under "Restarts" (restart_story.h), the others one line each under "Before that".
[[nodiscard]] std::string report(const Verdict& verdict, const std::vector<Verdict>& earlier,
                                 const ReportStyle& style);

}  // namespace cgwarden::diagnosis
