// mounts[].type and options, one a line: what goes to mount_setattr(2) keeps the kernel's rules.
#include "base/text.h"
#include "launcher/mount_options.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  constexpr std::uint64_t kAtimeField = 0x70;  // MOUNT_ATTR__ATIME
  launcher::Mount mount;
  const auto lines = split(fuzz::text_of(data, size), '\n');
  mount.type = std::string(lines.front());
  for (std::size_t i = 1; i < lines.size(); ++i) mount.options.emplace_back(lines[i]);
  const auto sorted = launcher::sort_options(mount);
  const auto check = [](std::uint64_t set, std::uint64_t clear) {
    fuzz::require((set & clear & ~kAtimeField) == 0, "nothing is set and cleared");
    fuzz::require((set & kAtimeField) == 0 || (clear & kAtimeField) == kAtimeField,
                  "the access time is set as a whole");
    fuzz::require((clear & kAtimeField) == 0 || (clear & kAtimeField) == kAtimeField,
                  "the access time is cleared as a whole");
    fuzz::require((set & kAtimeField) != kAtimeField, "the access time has one value");
  };
  check(sorted.attributes_set, sorted.attributes_clear);
  check(sorted.recursive_set, sorted.recursive_clear);
  fuzz::require(sorted.data.size() <= mount.options.size(), "no option is made up");
  return 0;
}
