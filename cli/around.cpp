#include "cli/around.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "identity/subject.h"

#include "cli/history_report.h"
#include "cli/recorded.h"

namespace cgwarden::cli {
namespace {

// What led to it, and what came after: a restart, or nothing.
constexpr Usec kBeforeIt{90'000'000};
constexpr Usec kAfterIt{30'000'000};

std::vector<diagnosis::RecordedCgroup> lives_of(const std::vector<diagnosis::RecordedCgroup>& all,
                                                const std::string& workload) {
  if (!identity::is_subject_key(workload)) return lives_called(all, workload);
  // Of several containers that are called so only this one.
  std::vector<diagnosis::RecordedCgroup> lives;
  std::ranges::copy_if(all, std::back_inserter(lives), [&](const auto& life) {
    const auto subject = identity::subject_of(life.identity);
    return subject && identity::to_key(*subject) == workload;
  });
  return lives;
}

}  // namespace

std::optional<Around> recorded_around(const agent::Options& where,
                                      const diagnosis::Verdict& verdict, std::size_t columns) {
  const auto recording = open_recording(where);
  if (!recording) return std::nullopt;
  Around around;
  const Usec when = verdict.when.wall;
  around.range = {when - std::min(when, kBeforeIt), when + kAfterIt};
  const auto all = recording->cgroups(around.range);
  if (!all) return std::nullopt;
  const auto lives = lives_of(*all, verdict.workload);
  if (lives.empty()) return std::nullopt;
  Timeline timeline(around.range, columns, {});
  const Status read = recording->each(
      around.range, timeline.fields(),
      [&](const diagnosis::RecordedCgroup& cgroup) {
        return std::ranges::any_of(lives, [&](const auto& life) { return life.same(cgroup); });
      },
      [&](const diagnosis::RecordedCgroup& cgroup, const diagnosis::Series& piece) {
        timeline.add(cgroup, piece);
        return true;
      });
  around.rows = timeline.rows();
  std::erase_if(around.rows, [](const Timeline::Row& row) { return row.most.value_or(0) <= 0; });
  if (!read || around.rows.empty()) return std::nullopt;
  around.column_length = timeline.column_length();
  around.death = verdict.death;
  around.mark = timeline.column_at(when);
  return around;
}

std::vector<std::string> around_lines(const Around& around, const diagnosis::ReportStyle& style) {
  std::size_t width = 0;
  for (const auto& row : around.rows) width = std::max(width, row.label.size());
  std::vector<std::string> lines;
  for (const auto& row : around.rows) {
    lines.push_back(row_text(row, width, style));
    if (lines.back().ends_with('\n')) lines.back().pop_back();
  }
  if (around.mark) {
    lines.push_back(fmt::format("{:{}}^ {} ({} a column)", "", width + 1 + *around.mark,
                                around.death ? "death" : "seen",
                                human_duration(around.column_length)));
  }
  return lines;
}

std::string around_json(const Around& around) {
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& row : around.rows) rows.push_back(nlohmann::json::parse(row_json(row)));
  return nlohmann::json{{"from_usec", around.range.from.count()},
                        {"until_usec", around.range.until.count()},
                        {"column_usec", around.column_length.count()},
                        {"rows", std::move(rows)}}
      .dump();
}

}  // namespace cgwarden::cli
