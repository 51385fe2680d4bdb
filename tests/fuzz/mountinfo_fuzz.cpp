#include "cgroup/mount.h"
#include "cgroup/mountinfo.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string_view text = fuzz::text_of(data, size);
  const auto mounts = cgroup::parse_mountinfo(text);
  const std::string found = cgroup::find_cgroup2_mount(text);
  const auto report = cgroup::interpret_mounts(text, "cpu io\n", true);
  fuzz::require(mounts.has_value() == report.has_value(), "both read the same lines");
  if (!mounts) {
    fuzz::require_clean_error(mounts.error());
    fuzz::require(found.empty(), "damaged text names no mount point");
    return 0;
  }
  fuzz::require(text.empty() || text.ends_with('\n'), "a half line is rejected");
  fuzz::require(report->cgroup2_mount_point == found, "one answer to where cgroup2 is");
  fuzz::require(found.empty() || found.starts_with('/'), "a mount point is absolute");
  fuzz::require(report->usable() == report->explanation.empty(), "unusable is explained");
  return 0;
}
