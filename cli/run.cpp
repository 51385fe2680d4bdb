#include <filesystem>
#include <system_error>

#include "agent/image_import.h"
#include "agent/policy_source.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace cgwarden::cli {

int run(const Common& common, const std::string& file) {
  const auto yaml = read_file(file, limits::kYamlFileBytes);
  if (!yaml) return failed(yaml.error());
  // Looked at here first: the diagnostics then name the file as the person did.
  const auto workload = agent::parse_workload(*yaml, file);
  if (!workload) return failed(workload.error());
  const Status imported =
      agent::ensure_image(common.where.state_dir, common.where.runtime_dir, workload->image);
  if (!imported) return failed(imported.error());
  // The agent has another working directory, and a relative rootfs counts from the file's own.
  std::error_code error;
  const auto origin = std::filesystem::absolute(file, error);
  if (error) return failed(Error::from_errno(error.value(), "find", file));
  const auto client = AgentClient::connect();
  if (!client) return failed(client.error());
  const Status launched = client->launch(*yaml, origin.lexically_normal().string());
  if (!launched) return failed(launched.error());
  print(workload->name + " is running\n");
  return kOk;
}

}  // namespace cgwarden::cli
