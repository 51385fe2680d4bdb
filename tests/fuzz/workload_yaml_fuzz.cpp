#include "policy/workload.h"
#include "tests/fuzz/diagnostics.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string_view text = fuzz::text_of(data, size);
  const auto loaded = policy::load_workload(text, "dir/fuzz.yaml");
  if (!loaded) {
    fuzz::require_clean_diagnostics(loaded.error(), text);
    return 0;
  }
  fuzz::require(policy::valid_workload_name(loaded->name), "the name is a name");
  fuzz::require(!loaded->command.empty() && !loaded->command.front().empty(), "there is a program");
  fuzz::require(!loaded->rootfs.empty(), "there is a rootfs");
  fuzz::require(loaded->cwd.starts_with('/'), "cwd is absolute");
  fuzz::require(loaded->restart.backoff <= loaded->restart.backoff_max, "backoff has its ceiling");
  for (const auto& word : loaded->command) {
    fuzz::require(word.find('\0') == std::string::npos, "execve(2) takes every word");
  }
  for (const auto& mount : loaded->mounts) {
    fuzz::require(mount.source.starts_with('/') && mount.destination.size() > 1 &&
                      mount.destination.find("/../") == std::string::npos,
                  "mounts stay inside");
  }
  return 0;
}
