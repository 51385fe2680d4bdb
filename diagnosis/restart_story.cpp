#include "diagnosis/restart_story.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "identity/subject.h"

#include "diagnosis/same_cause.h"

namespace cgwarden::diagnosis {
namespace {

// Fewer have no halves to compare.
constexpr std::size_t kIntervalsOfATrend = 6;
// Intervals of restarts with a backoff differ by chance; half as long again is more than that.
constexpr double kTrendRatio = 1.5;

Usec between(Usec from, Usec until) { return until > from ? until - from : Usec{0}; }

Usec median(std::vector<Usec> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

void add_trend(RestartStory& story, std::span<const Usec> newest_first) {
  if (newest_first.size() < kIntervalsOfATrend) return;
  const auto late = newest_first.first(newest_first.size() / 2);
  const auto first = newest_first.last(newest_first.size() / 2);
  story.interval_of_late = median({late.begin(), late.end()});
  story.interval_at_first = median({first.begin(), first.end()});
  const auto seconds = [](Usec usec) { return static_cast<double>(usec.count()); };
  if (seconds(story.interval_of_late) * kTrendRatio < seconds(story.interval_at_first)) {
    story.trend = RestartStory::Trend::faster;
  } else if (seconds(story.interval_of_late) > seconds(story.interval_at_first) * kTrendRatio) {
    story.trend = RestartStory::Trend::slower;
  }
}

// As people call it.
std::string name_of(const std::string& workload) {
  const auto subject = identity::parse_subject_key(workload);
  if (!subject) return workload;
  return subject->pod.empty() ? subject->name : subject->pod + "/" + subject->name;
}

}  // namespace

std::optional<RestartStory> restart_story(const Verdict& newest,
                                          const std::vector<Verdict>& earlier) {
  // Who asked for each of its ends has no crash loop.
  if (!newest.death || newest.verdict == VerdictClass::stopped) return std::nullopt;
  const Cause cause = cause_of(newest);
  std::vector<const Verdict*> run{&newest};
  for (const Verdict& verdict : earlier) {
    if (!verdict.death) continue;
    if (!same_cause(cause_of(verdict), cause)) break;
    run.push_back(&verdict);
  }
  if (run.size() < kLeastDeaths) return std::nullopt;
  std::vector<Usec> intervals;
  std::vector<Usec> lives;
  for (std::size_t i = 0; i < run.size(); ++i) {
    lives.push_back(between(run[i]->from.boottime, run[i]->when.boottime));
    if (i > 0) intervals.push_back(between(run[i]->when.wall, run[i - 1]->when.wall));
  }
  RestartStory story;
  story.deaths = run.size();
  story.verdict = newest.verdict;
  story.first_wall = run.back()->when.wall;
  story.last_wall = newest.when.wall;
  story.interval = median(intervals);
  story.life = median(lives);
  add_trend(story, intervals);
  return story;
}

std::string tell(const RestartStory& story, const std::string& workload,
                 std::string (*wall_text)(Usec)) {
  const std::string cause = story.verdict == VerdictClass::unknown
                                ? ", and why is not known,"
                                : fmt::format(" of the same cause ({})", to_string(story.verdict));
  std::string text = fmt::format(
      "{} has died {}{} times in a row{} since {}: about every {}, each time {} after its start.",
      name_of(workload), story.is_cut ? "at least " : "", story.deaths, cause,
      wall_text(story.first_wall), human_duration(story.interval), human_duration(story.life));
  if (story.trend != RestartStory::Trend::steady) {
    text += fmt::format(" The deaths come {}: every {} at first, every {} of late.",
                        story.trend == RestartStory::Trend::faster ? "faster" : "more slowly",
                        human_duration(story.interval_at_first),
                        human_duration(story.interval_of_late));
  }
  return text;
}

}  // namespace cgwarden::diagnosis
