#include "cli/shared_options.h"

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/local_time.h"

namespace cgwarden::cli {

void add_since(CLI::App& command, std::string& since, const std::string& what,
               const std::string& usual) {
  const std::string forms = what + ": 10min (ago), \"yesterday 14:00\", or \"2026-01-31 12:00\"";
  command.add_option("--since", since, usual.empty() ? forms : forms + " (default: " + usual + ")")
      ->type_name("TIME");
}

void add_until(CLI::App& command, std::string& until) {
  command.add_option("--until", until, "Until when (default: now)")->type_name("TIME");
}

void add_utc(CLI::App& command) {
  command.add_flag_callback("--utc", use_utc,
                            "All times in UTC, also those given without a zone, not in local time");
}

void add_lines(CLI::App& command, std::optional<std::size_t>& lines, const std::string& what) {
  const auto at_least_one = [](const std::string& text) {
    const auto number = parse_integer<std::size_t>(text);
    return number.value_or(0) > 0 ? std::string()
                                  : printable(text) + " is not a number of lines, 1 or more";
  };
  command.add_option("-n,--lines", lines, what)->type_name("N")->check(at_least_one);
}

void add_output(CLI::App& command, bool& json, bool& yaml, const std::string& json_help) {
  auto* flag = command.add_flag("--json", json, json_help);
  command
      .add_option_function<std::string>(
          "-o,--output",
          [&](const std::string& format) {
            yaml = format == "yaml";
            json = format != "text";
          },
          "text (default), json or yaml")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json", "yaml"}))
      ->excludes(flag);
}

}  // namespace cgwarden::cli
