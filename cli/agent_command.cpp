#include "agent/agent.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace cgwarden::cli {

int run_agent(const agent::Options& options) {
  if (const Status ran = agent::run(options); !ran) return failed(ran.error());
  return kOk;
}

}  // namespace cgwarden::cli
