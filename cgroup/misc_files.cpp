#include "base/text.h"
#include "cgroup/format.h"
#include "cgroup/grouped_format.h"

// kernel/cgroup/misc.c: flat keyed by the names of misc_res_name[], "sev" and "sev_es" so far.
namespace cgwarden::cgroup {

Result<std::vector<Named<std::uint64_t>>> parse_misc(std::string_view text,
                                                     std::string_view where) {
  std::vector<Named<std::uint64_t>> all;
  CGW_TRY(parse_flat_keyed(text, where, [&](std::string_view key, std::string_view value) {
    const auto number = parse_integer<std::uint64_t>(value);
    if (number) all.push_back({std::string(key), *number});
    return number.has_value();
  }));
  return all;
}

Result<std::vector<Named<LimitOf<std::uint64_t>>>> parse_misc_max(std::string_view text) {
  std::vector<Named<LimitOf<std::uint64_t>>> all;
  CGW_TRY(parse_flat_keyed(text, "misc.max", [&](std::string_view key, std::string_view value) {
    if (value == "max") {
      all.push_back({std::string(key), Max{}});
      return true;
    }
    const auto number = parse_integer<std::uint64_t>(value);
    if (number) all.push_back({std::string(key), *number});
    return number.has_value();
  }));
  return all;
}

Result<std::vector<Named<std::uint64_t>>> parse_misc_events(std::string_view text,
                                                            std::string_view where) {
  static constexpr std::string_view kEvent = ".max";
  std::vector<Named<std::uint64_t>> all;
  CGW_TRY(parse_flat_keyed(text, where, [&](std::string_view key, std::string_view value) {
    if (!key.ends_with(kEvent) || key.size() == kEvent.size()) return true;
    key.remove_suffix(kEvent.size());
    const auto number = parse_integer<std::uint64_t>(value);
    if (number) all.push_back({std::string(key), *number});
    return number.has_value();
  }));
  return all;
}

}  // namespace cgwarden::cgroup
