#include "cli/simulation_options.h"

#include <CLI/CLI.hpp>

#include "cli/shared_options.h"

namespace cgwarden::cli {
namespace {

// CLI::Range lets "nan" through: it is neither below the least nor above the most.
std::string number_fault(const std::string& text) {
  const bool number = text.find_first_not_of("0123456789.eE+-") == std::string::npos;
  return number ? "" : text + " is not a number";
}

void add_recorded(CLI::App& command, SimulateOptions& options) {
  command.add_option("NAME", options.name, "A workload, cgroup, unit, container or pod")
      ->required()
      ->type_name("");
  add_since(command, options.since, "From when", "1h");
  add_until(command, options.until);
  add_utc(command);
}

}  // namespace

void add_simulate_options(CLI::App& command, SimulateOptions& options) {
  add_recorded(command, options);
  command
      .add_option("--cpu-max", options.cpu_max,
                  "1.5 (cores), 500m, 250ms/100ms or max (default: as it was recorded last)")
      ->type_name("QUOTA");
  command
      .add_option("--burst", options.burst,
                  "cpu.max.burst, for example 50ms; at most the quota (default: as recorded last, "
                  "0 with --cpu-max)")
      ->type_name("DURATION");
}

void add_recommend_options(CLI::App& command, SimulateOptions& options) {
  add_recorded(command, options);
  command
      .add_option("--throttled-share", options.throttled_percent,
                  "At most so many percent of the periods throttled (default, alone: 1)")
      ->type_name("PERCENT")
      ->check(number_fault)
      ->check(CLI::Range(0.0, 100.0));
  command
      .add_option("--lost-cpus", options.lost_cpus,
                  "At most so many CPUs waiting on average, for example 0.05")
      ->type_name("CPUS")
      ->check(number_fault)
      ->check(CLI::Range(0.0, 8192.0));
  command.add_option("--delay-p99", options.delay_p99, "99 % of the work at most so much later")
      ->type_name("DURATION");
  command.add_option("--period", options.period, "Of cpu.max, 1ms to 1s")
      ->capture_default_str()
      ->type_name("DURATION");
  command.add_flag("--cautious", options.cautious,
                   "As if the usage of each sample had come at its start, as fast as it could");
}

}  // namespace cgwarden::cli
