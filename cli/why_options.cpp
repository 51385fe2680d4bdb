#include "cli/why_options.h"

#include <CLI/CLI.hpp>

#include "cli/shared_options.h"

namespace cgwarden::cli {

void add_why_options(CLI::App& command, WhyOptions& options, Common& common) {
  command
      .add_option("NAME", options.name,
                  "A workload, unit, container, pod, cgroup path, container id or pid")
      ->required()
      ->type_name("");
  command
      .add_option("--incarnation", options.incarnation, "This start of it (default: the newest)")
      ->type_name("N");
  add_since(command, options.since, "Only what has come since");
  add_utc(command);
  command.add_flag("-w,--watch", options.watch, "Go on with what happens, until interrupted");
  add_output(command, common.json, common.yaml, "One JSON document instead of text");
}

void add_bundle_options(CLI::App& command, BundleOptions& options) {
  command.add_option("NAME", options.name, "The workload")->required()->type_name("");
  command
      .add_option("-o,--output", options.output,
                  "The archive (default: cgwarden-NAME-TIME.tar.gz here); one that is there stays")
      ->type_name("FILE");
}

}  // namespace cgwarden::cli
