#include "cli/recording_options.h"

#include <CLI/CLI.hpp>

namespace cgwarden::cli {
namespace {

void add_range(CLI::App& command, std::string& since, std::string& until,
               std::vector<std::string>& fields) {
  command
      .add_option("--since", since,
                  "From when: 10min (ago), today, or 2026-01-31 12:00:00 (UTC) (default: 1h)")
      ->type_name("TIME");
  command.add_option("--until", until, "Until when (default: now)")->type_name("TIME");
  command
      .add_option("--fields", fields,
                  "Only these, a comma between them: cpu.stat.usage_usec, or memory for all of it")
      ->type_name("LIST")
      ->allow_extra_args(false);
}

}  // namespace

void add_history_options(CLI::App& command, HistoryOptions& options) {
  command.add_option("NAME", options.name, "A workload, cgroup, unit, container or pod")
      ->required()
      ->type_name("");
  add_range(command, options.since, options.until, options.fields);
}

void add_dump_options(CLI::App& command, DumpOptions& options) {
  command.add_option("-O,--output-format", options.format, "json, csv or openmetrics")
      ->capture_default_str()
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"json", "csv", "openmetrics"}));
  command
      .add_option("--cgroup", options.cgroups,
                  "Only this one, may be repeated: a name as of history, or a glob of paths")
      ->type_name("NAME")
      ->allow_extra_args(false);
  add_range(command, options.since, options.until, options.fields);
}

}  // namespace cgwarden::cli
