#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace cgwarden::cli {

int reload() {
  const auto client = AgentClient::connect();
  if (!client) return failed(client.error());
  if (const Status reloaded = client->reload(); !reloaded) return failed(reloaded.error());
  return kOk;
}

}  // namespace cgwarden::cli
