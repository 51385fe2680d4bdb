// cgwarden-shim: one per workload; started by the agent, outlives it (state.h, shim.h). With `exec`
// as first word it puts one more process into a workload (workload_exec.h), with `probe` it looks
// at a port of it (probe.h).
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "launcher/oci/seal.h"
#include "launcher/probe.h"
#include "launcher/shim.h"
#include "launcher/workload_exec.h"

namespace {

// Sealed first: a process in a container must not get hold of the host's file of this program.
int enter_workload(const std::string& command, const std::vector<std::string>& words, char** argv) {
  using cgwarden::launcher::oci::seal_program;
  auto result = [&]() -> cgwarden::launcher::oci::Outcome<int> {
    CGW_TRY(seal_program(argv));
    return command == "exec" ? cgwarden::launcher::exec_in_workload(words)
                             : cgwarden::launcher::probe_workload(words);
  }();
  if (result) return *result;
  (void)cgwarden::write_all(STDERR_FILENO, "cgwarden: " + result.error().text + "\n", "stderr");
  return result.error().exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  using cgwarden::launcher::parse_shim_options;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments == std::vector<std::string>{"--version"}) {
    return cgwarden::write_all(STDOUT_FILENO, "cgwarden-shim " CGWARDEN_VERSION "\n", "stdout") ? 0
                                                                                                : 1;
  }
  if (!arguments.empty() && (arguments.front() == "exec" || arguments.front() == "probe")) {
    return enter_workload(arguments.front(), {arguments.begin() + 1, arguments.end()}, argv);
  }
  const auto options = parse_shim_options(arguments);
  if (!options) {
    const std::string text = "cgwarden-shim: " + options.error().sentence() +
                             "\nThe agent starts this program; it is of no use by hand.\n";
    (void)cgwarden::write_all(STDERR_FILENO, text, "stderr");
    return 2;
  }
  return cgwarden::launcher::run_shim(*options);
}
