#include "cgroup/field_table.h"
#include "cgroup/grouped_format.h"
#include "cgroup/quote.h"

namespace cgwarden::cgroup {
namespace {

struct HugetlbEvents {
  Count max;
};

// mm/hugetlb_cgroup.c __hugetlb_events_show.
constexpr std::array kHugetlbEvents{
    CountField<HugetlbEvents>{"max", &HugetlbEvents::max},
};

}  // namespace

Result<std::uint64_t> parse_hugetlb_events(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const HugetlbEvents events, parse_counts(text, where, kHugetlbEvents));
  if (!events.max) return fail(malformed(where, "there is no key max"));
  return *events.max;
}

// mm/hugetlb_cgroup.c mem_fmt: "%luGB", "%luMB" or "%luKB".
std::string_view hugetlb_size(std::string_view file) {
  static constexpr std::string_view kPrefix = "hugetlb.";
  if (!file.starts_with(kPrefix)) return {};
  file.remove_prefix(kPrefix.size());
  const std::string_view size = file.substr(0, file.find('.'));
  const std::size_t digits = size.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos || size.size() == file.size()) return {};
  const std::string_view unit = size.substr(digits);
  return unit == "KB" || unit == "MB" || unit == "GB" ? size : std::string_view();
}

}  // namespace cgwarden::cgroup
