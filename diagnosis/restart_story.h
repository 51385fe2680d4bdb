#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis {

// Deaths of one workload, unit or container that follow one another by the same cause: a crash loop
// is one story.
struct RestartStory {
  enum class Trend { steady, faster, slower };
  std::size_t deaths = 0;  // kLeastDeaths or more, the newest included
  bool is_cut = false;     // there may have been more: the deaths before are not known
  VerdictClass verdict = VerdictClass::unknown;
  Usec first_wall{0};
  Usec last_wall{0};
  Usec interval{0};  // median between two deaths
  Usec life{0};      // median from start to death
  Trend trend = Trend::steady;
  Usec interval_at_first{0};  // medians of the older and of the newer half, for the trend
  Usec interval_of_late{0};
};

// Two may be chance.
inline constexpr std::size_t kLeastDeaths = 3;

// `newest` and what was before it, newest first; stalls among them are left out. The same cause is
// the same class with the same limit, exit status and actor, as far as each is known of both; ids
// of containers, pids and instances in them do not count. nullopt: no story. A run that reaches
// the end of `earlier` may go on before it: who gives all that is known sets is_cut.
[[nodiscard]] std::optional<RestartStory> restart_story(const Verdict& newest,
                                                        const std::vector<Verdict>& earlier);

// One sentence, or two with the trend. `workload`: Verdict::workload. `wall_text`: how times of the
// wall clock are written.
[[nodiscard]] std::string tell(const RestartStory& story, const std::string& workload,
                               std::string (*wall_text)(Usec) = format_wall_utc);

}  // namespace cgwarden::diagnosis
