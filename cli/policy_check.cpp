#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/policy_files.h"
#include "cli/terminal.h"

namespace cgwarden::cli {

int policy_check(const std::vector<std::string>& paths) {
  const auto loaded = load_policy_files(paths);
  if (!loaded) return failed(loaded.error());
  print(policy::render(loaded->warnings));
  print(fmt::format("{} {} good, {} warnings\n", loaded->policies.size(),
                    loaded->policies.size() == 1 ? "policy is" : "policies are",
                    loaded->warnings.size()));
  return kOk;
}

}  // namespace cgwarden::cli
