#include "cli/wrong_usage.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

// The command whose --help says more about this command line.
std::string help_of(const CLI::App& app) {
  std::string words = "cgwarden";
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    words += " " + at->get_name();
  }
  return words + " --help";
}

}  // namespace

bool asks_for_plan(int argc, const char* const* argv) {
  // Options may stand before each of the two words.
  const auto* const policy = std::find_if(
      argv, argv + argc, [](const char* word) { return std::string(word) == "policy"; });
  return std::any_of(policy, argv + argc,
                     [](const char* word) { return std::string(word) == "plan"; });
}

int wrong_usage(const CLI::App& app, const CLI::ParseError& error, bool two_is_taken) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    return app.exit(error);  // --help and its like: prints on stdout
  }
  std::string message = error.what();
  std::replace(message.begin(), message.end(), '\n', ' ');
  // CLI11 misses the command before it looks at the word that stands in its place.
  const auto rest = app.remaining(true);
  if (!rest.empty()) message = "there is no command or option '" + printable(rest.front()) + "'";
  complain("cannot understand the command line: " + message + "; see " + help_of(app));
  return two_is_taken ? kRuntime : kUsage;
}

}  // namespace cgwarden::cli
