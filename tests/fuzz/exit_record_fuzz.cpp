// exit.json and status.json: as config.json.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "launcher/state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden::launcher;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto record = parse_exit_record(text, "fuzz")) {
    const std::string written = to_json(*record);
    const auto again = parse_exit_record(written, "fuzz");
    if (!again || again->cgroups.size() != record->cgroups.size()) std::abort();
  }
  if (const auto status = parse_running_status(text, "fuzz")) {
    const auto again = parse_running_status(to_json(*status), "fuzz");
    if (!again || again->shim_start_time != status->shim_start_time) std::abort();
  }
  return 0;
}
