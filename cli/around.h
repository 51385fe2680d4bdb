#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/options.h"
#include "cli/timeline.h"
#include "diagnosis/report.h"
#include "diagnosis/verdict.h"

namespace cgwarden::cli {

// What the agent recorded of one that died or stalled, shortly before and after.
struct Around {
  diagnosis::TimeRange range;
  Usec column_length{1};
  std::vector<Timeline::Row> rows;  // those in which something was
  std::optional<std::size_t> mark;  // the column of the verdict
  bool death = true;                // else a stall, as it was seen last
};

// nullopt: nothing was recorded of it then, or there is no recording.
[[nodiscard]] std::optional<Around> recorded_around(const agent::Options& where,
                                                    const diagnosis::Verdict& verdict,
                                                    std::size_t columns);

// The lines of the report's section.
[[nodiscard]] std::vector<std::string> around_lines(const Around& around,
                                                    const diagnosis::ReportStyle& style);
// One JSON object: from_usec, until_usec, column_usec, rows as of `history --json`.
[[nodiscard]] std::string around_json(const Around& around);

}  // namespace cgwarden::cli
