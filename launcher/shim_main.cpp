// cgwarden-shim: one per workload; started by the agent, outlives it (state.h, shim.h). With `exec`
// as first word it puts one more process into a workload (workload_exec.h), with `probe` it looks
// at a port of it (probe.h).
#include <sys/prctl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "launcher/oci/seal.h"
#include "launcher/probe.h"
#include "launcher/shim.h"
#include "launcher/standard_streams.h"
#include "launcher/workload_exec.h"

namespace {

using cgwarden::launcher::oci::Outcome;
using Words = std::vector<std::string>;

Outcome<int> run(const Words& words, char** argv) {
  if (words == Words{"--version"}) {
    CGW_TRY(cgwarden::write_all(STDOUT_FILENO, "cgwarden-shim " CGWARDEN_VERSION "\n", "stdout"));
    return 0;
  }
  // First of all: the command is a fork of this program, and an image may make it execute its own
  // file ("#!/proc/self/exe").
  CGW_TRY(cgwarden::launcher::oci::seal_program(argv));
  cgwarden::launcher::oci::close_sealed_file();
  // What was executed by its descriptor is called by its number.
  ::prctl(PR_SET_NAME, "cgwarden-shim", 0, 0, 0);
  if (!words.empty() && words.front() == "exec") {
    return cgwarden::launcher::exec_in_workload({words.begin() + 1, words.end()});
  }
  if (!words.empty() && words.front() == "probe") {
    return cgwarden::launcher::probe_workload({words.begin() + 1, words.end()});
  }
  const auto options = cgwarden::launcher::parse_shim_options(words);
  if (!options) {
    return cgwarden::launcher::oci::refuse(
        options.error().sentence() + "; the agent starts this program, it is of no use by hand", 2);
  }
  return cgwarden::launcher::run_shim(*options);
}

}  // namespace

int main(int argc, char** argv) {
  static_cast<void>(cgwarden::launcher::oci::sealed_file());
  cgwarden::launcher::fill_standard_streams();
  const auto result = run(Words(argv + 1, argv + argc), argv);
  if (result) return *result;
  (void)cgwarden::write_all(STDERR_FILENO, "cgwarden: " + result.error().text + "\n", "stderr");
  return result.error().exit_code;
}
