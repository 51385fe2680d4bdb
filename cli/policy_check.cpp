#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "agent/ownership.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/policy_files.h"
#include "cli/terminal.h"

namespace cgwarden::cli {

int policy_check(const std::vector<std::string>& paths) {
  auto loaded = load_policy_files(paths);
  if (!loaded) return failed(loaded.error());
  // Wherever it is checked: the files may be for another host.
  std::ranges::move(agent::never_enforced(loaded->policies), std::back_inserter(loaded->warnings));
  print(policy::render(loaded->warnings));
  print(fmt::format("{} {} good, {} warnings\n", loaded->policies.size(),
                    loaded->policies.size() == 1 ? "policy is" : "policies are",
                    loaded->warnings.size()));
  return kOk;
}

}  // namespace cgwarden::cli
