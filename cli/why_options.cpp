#include "cli/why_options.h"

#include <CLI/CLI.hpp>

namespace cgwarden::cli {

void add_why_options(CLI::App& command, WhyOptions& options) {
  command
      .add_option("NAME", options.name,
                  "A workload, unit, container, pod, cgroup path, container id or pid")
      ->required()
      ->type_name("");
  command
      .add_option("--incarnation", options.incarnation, "This start of it (default: the newest)")
      ->type_name("N");
  command
      .add_option("--since", options.since,
                  "Only what has come since: 10min (ago), or 2026-01-31 12:00:00 (UTC)")
      ->type_name("TIME");
  command.add_flag("-w,--watch", options.watch, "Go on with what happens, until interrupted");
}

void add_bundle_options(CLI::App& command, BundleOptions& options) {
  command.add_option("NAME", options.name, "The workload")->required()->type_name("");
  command
      .add_option("-o,--output", options.output,
                  "The archive (default: cgwarden-NAME-TIME.tar.gz here); one that is there stays")
      ->type_name("FILE");
}

}  // namespace cgwarden::cli
