// What ps(1) prints, of which `ps` of the runtime shows some lines; its words come from processes.
#include <algorithm>

#include "launcher/oci/ps_table.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string_view table = fuzz::text_of(data, size);
  const std::vector<pid_t> pids{1, 12, 4711};
  const auto kept = launcher::oci::lines_of(table, pids);
  if (!kept) return 0;
  fuzz::require(kept->size() <= table.size() + 1, "lines are left out, not made");
  fuzz::require(launcher::oci::lines_of(*kept, pids) == kept, "what was chosen is chosen again");
  const auto none = launcher::oci::lines_of(table, {});
  fuzz::require(std::ranges::count(*none, '\n') == 1, "without a process there is the head alone");
  return 0;
}
