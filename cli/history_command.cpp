#include <algorithm>
#include <utility>

#include "agent/verdict_history.h"
#include "agent/workload_files.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/history_report.h"
#include "cli/recorded.h"
#include "cli/terminal.h"
#include "policy/workload.h"

namespace cgwarden::cli {
namespace {

constexpr Usec kHistoryDefault{3600ULL * 1'000'000};

// Those of the time, oldest first. A store that cannot be read leaves the samples.
std::vector<diagnosis::Verdict> verdicts_of(const Common& common, const std::string& name,
                                            const diagnosis::TimeRange& range, bool& known) {
  std::vector<diagnosis::Verdict> verdicts;
  auto history = agent::read_history(agent::store_path(common.where), name);
  if (!history) {
    complain(history.error().sentence() + "; verdicts are not shown");
    return verdicts;
  }
  known = !history->empty();
  if (history->unreadable > 0) {
    complain(std::to_string(history->unreadable) + " verdicts of it cannot be read in " +
             agent::store_path(common.where) + "; the others are shown");
  }
  for (auto* list : {&history->deaths, &history->stalls}) {
    for (auto& verdict : *list) {
      const Usec when = verdict.when.wall;
      if (when >= range.from && when <= range.until) verdicts.push_back(std::move(verdict));
    }
  }
  std::ranges::sort(verdicts, {}, [](const auto& verdict) { return verdict.when.wall; });
  return verdicts;
}

Status fill(const diagnosis::Recording& recording, const HistoryOptions& options,
            const std::vector<std::string>& fields, HistoryView& view) {
  CGW_ASSIGN(const auto all, recording.cgroups(view.range));
  view.lives = lives_called(all, options.name);
  Timeline timeline(view.range, history_columns(report_style()), fields);
  CGW_TRY(recording.each(
      view.range, timeline.fields(),
      [&](const diagnosis::RecordedCgroup& cgroup) {
        return std::ranges::any_of(view.lives, [&](const auto& life) { return life.same(cgroup); });
      },
      [&](const diagnosis::RecordedCgroup& cgroup, const diagnosis::Series& piece) {
        timeline.add(cgroup, piece);
        return true;
      }));
  view.rows = timeline.rows();
  view.column_length = timeline.column_length();
  for (const auto& verdict : view.verdicts) {
    view.marks.push_back(timeline.column_at(verdict.when.wall));
  }
  return {};
}

}  // namespace

int history(const Common& common, const HistoryOptions& options) {
  const auto range =
      parse_range(options.since, options.until, kHistoryDefault, SystemClock().now().wall);
  const auto fields = parse_fields(options.fields);
  if (!range || !fields) {
    complain((range ? fields.error() : range.error()).sentence());
    return kUsage;
  }
  HistoryView view;
  view.name = options.name;
  view.range = *range;
  bool known = false;
  view.verdicts = verdicts_of(common, options.name, *range, known);
  const auto recording = open_recording(common.where);
  if (!recording) {
    if (!known) {
      if (recording.error().kind == ErrorKind::vanished) {
        return no_such_workload(options.name, common.where.runtime_dir,
                                agent::store_path(common.where));
      }
      return failed(recording.error());
    }
    complain(recording.error().sentence() + "; only verdicts are shown");
  } else {
    if (const Status filled = fill(*recording, options, *fields, view); !filled) {
      return failed(filled.error());
    }
    for (const auto& fault : recording->faults()) complain(fault);
  }
  if (view.lives.empty() && !known) {
    complain("nothing called '" + printable(options.name) +
             "' was recorded in this time: neither a cgroup, nor a workload, unit, container or "
             "pod; --since goes further back");
    return kNoSuchWorkload;
  }
  if (common.json) {
    print_document(history_json(view), common.yaml);
  } else {
    print(history_text(view, report_style()));
  }
  return kOk;
}

}  // namespace cgwarden::cli
