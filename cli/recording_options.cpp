#include "cli/recording_options.h"

#include <CLI/CLI.hpp>

#include "cli/shared_options.h"

namespace cgwarden::cli {
namespace {

void add_range(CLI::App& command, std::string& since, std::string& until,
               std::vector<std::string>& fields) {
  add_since(command, since, "From when", "1h");
  add_until(command, until);
  add_utc(command);
  command
      .add_option("--fields", fields,
                  "Only these, a comma between them: cpu.stat.usage_usec, or memory for all of it")
      ->type_name("LIST")
      ->allow_extra_args(false);
}

}  // namespace

void add_history_options(CLI::App& command, HistoryOptions& options, Common& common) {
  command.add_option("NAME", options.name, "A workload, cgroup, unit, container or pod")
      ->required()
      ->type_name("");
  add_range(command, options.since, options.until, options.fields);
  add_output(command, common.json, common.yaml, "One JSON document instead of text");
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
