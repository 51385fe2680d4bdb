#include <cstdint>
#include <utility>

#include "agent/agent.h"
#include "agent/agent_config_file.h"
#include "agent/web_security_file.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

Result<agent::Options> configured(const agent::Options& defaults, const AgentFlags& flags) {
  agent::Options options = defaults;
  const std::string file = flags.config.empty() ? agent::kConfigFile : flags.config;
  if (const Status read = agent::read_config_file(file, options); !read) {
    const bool may_be_missing = flags.config.empty();
    if (!may_be_missing || read.error().kind != ErrorKind::vanished) return fail(read.error());
  }
  if (flags.listen) {
    options.listen = *flags.listen;
    std::erase(options.listen, "");
  }
  if (flags.interval_seconds) {
    options.intervals.set_tick(Usec(static_cast<std::uint64_t>(*flags.interval_seconds * 1e6)));
  }
  if (!flags.web_config.empty()) options.web_config = flags.web_config;
  return options;
}

}  // namespace

int run_agent(const agent::Options& defaults, const AgentFlags& flags) {
  const auto options = configured(defaults, flags);
  if (!options) return failed(options.error());
  if (flags.check) {
    const auto notes = agent::check_web_config(options->web_config);
    if (!notes) return failed(notes.error());
    for (const std::string& note : *notes) print("note: " + note + "\n");
    print("the configuration is good\n");
    return kOk;
  }
  if (const Status ran = agent::run(*options); !ran) return failed(ran.error());
  return kOk;
}

}  // namespace cgwarden::cli
