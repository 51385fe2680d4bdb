#include "cli/top/top_options.h"

#include <CLI/CLI.hpp>

#include "cli/shared_options.h"
#include "cli/top/columns.h"

namespace cgwarden::cli {
namespace {

constexpr double kShortestDelay = 0.1;
constexpr double kLongestDelay = 60;

void add_view(CLI::App& command, TopOptions& options) {
  command
      .add_option("NAME", options.name,
                  "Only this workload, unit, container, pod or cgroup, with what is inside")
      ->type_name("");
  command.add_option("-n,--ticks", options.ticks, "End after this many ticks")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command.add_flag("-b,--batch", options.batch, "Text for a pipe or a file, without keys");
  command.add_option("--sort", options.sort, "Sort by this column")
      ->capture_default_str()
      ->type_name("COLUMN")
      ->check(CLI::IsMember(top::column_words()));
  command
      .add_option("--filter", options.filter,
                  "Only what has this in its name or path, or matches this glob (web-*)")
      ->type_name("TEXT");
  add_utc(command);
}

}  // namespace

void add_top_options(CLI::App& command, TopOptions& options) {
  command.add_option("-d,--delay", options.delay_seconds, "Between two ticks, 0.1 to 60")
      ->capture_default_str()
      ->type_name("SECONDS")
      ->check(CLI::Range(kShortestDelay, kLongestDelay));
  add_view(command, options);
}

void add_replay_options(CLI::App& command, TopOptions& options) {
  command
      .add_option("-t,--time", options.time, "\"10m ago\", 03:12, yesterday, \"2026-01-31 12:00\"")
      ->required()
      ->type_name("TIME");
  add_view(command, options);
}

}  // namespace cgwarden::cli
