#pragma once

#include <string>
#include <vector>

#include "agent/verdict_history.h"
#include "cli/timeline.h"
#include "diagnosis/recording/recording.h"
#include "diagnosis/report.h"

namespace cgwarden::cli {

// What `cgwarden history` shows.
struct HistoryView {
  std::string name;
  diagnosis::TimeRange range;
  std::vector<diagnosis::RecordedCgroup> lives;  // oldest first
  Usec column_length{1};
  std::vector<Timeline::Row> rows;
  std::vector<diagnosis::Verdict> verdicts;       // in the range, oldest first
  std::vector<std::optional<std::size_t>> marks;  // the column of each verdict
};

// The time, a line per row with its largest value, the verdicts below the columns in which they
// fall. All foreign text is made printable.
[[nodiscard]] std::string history_text(const HistoryView& view,
                                       const diagnosis::ReportStyle& style);
// One document, as in json_output.h.
[[nodiscard]] std::string history_json(const HistoryView& view);
// A row as a line of text: its label in `width` characters, its columns, its largest value.
[[nodiscard]] std::string row_text(const Timeline::Row& row, std::size_t width,
                                   const diagnosis::ReportStyle& style);
// A row as one JSON object: name, unit, values (null: not recorded), max, limit.
[[nodiscard]] std::string row_json(const Timeline::Row& row);
// How many columns fit.
[[nodiscard]] std::size_t history_columns(const diagnosis::ReportStyle& style);

}  // namespace cgwarden::cli
