#include "cli/process_text.h"
#include "diagnosis/audit/container_origin.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string_view text = fuzz::text_of(data, size);
  const auto status = cli::parse_status(text, "/proc/1/status");
  if (status) {
    fuzz::require(text.find("CapEff:") != std::string_view::npos, "a lack is no empty set");
    fuzz::require(text.find("NoNewPrivs:") != std::string_view::npos, "a lack is no good value");
  } else {
    fuzz::require_clean_error(status.error());
  }
  const auto map = cli::parse_id_map(text, "/proc/1/uid_map");
  if (!map) fuzz::require_clean_error(map.error());
  const auto cgroup = cli::parse_process_cgroup(text);
  fuzz::require(cgroup.unified.size() <= text.size(), "a path is part of the text");
  for (const auto& path : {std::string(text), cgroup.unified}) {
    const auto origin = diagnosis::audit::container_origin(path);
    fuzz::require(!origin || (!origin->name.empty() && !origin->runtime.empty()),
                  "what is a container has a name");
  }
  return 0;
}
