// cgwarden-shim: one per workload; started by the agent, outlives it (state.h, shim.h).
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "launcher/shim.h"

int main(int argc, char** argv) {
  using cgwarden::launcher::parse_shim_options;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments == std::vector<std::string>{"--version"}) {
    return cgwarden::write_all(STDOUT_FILENO, "cgwarden-shim " CGWARDEN_VERSION "\n", "stdout") ? 0
                                                                                                : 1;
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
