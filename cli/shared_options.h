#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace CLI {
class App;
}

// Options that several commands have. The targets must live as long as the command is used.
namespace cgwarden::cli {

// --since TIME; `what`: "From when", "Only what has come since". `usual`: the default, for people;
// empty: none.
void add_since(CLI::App& command, std::string& since, const std::string& what,
               const std::string& usual = "");
void add_until(CLI::App& command, std::string& until);
// --utc, of a command that reads or writes times.
void add_utc(CLI::App& command);

// -n N, at least 1; anything else is wrong usage.
void add_lines(CLI::App& command, std::optional<std::size_t>& lines, const std::string& what);

// -o text|json|yaml, and --json as another word for -o json. With yaml both are set.
void add_output(CLI::App& command, bool& json, bool& yaml, const std::string& json_help);

}  // namespace cgwarden::cli
