#include <algorithm>
#include <array>

#include "base/text.h"
#include "cgroup/grouped_format.h"
#include "cgroup/quote.h"

namespace cgwarden::cgroup {
namespace {

// kernel/cgroup/cpuset.c sched_partition_show. The reason stands behind "invalid" in parentheses.
constexpr std::array<std::string_view, 5> kPartitions{"member", "root", "isolated", "root invalid",
                                                      "isolated invalid"};

// Takes "N" or "N-M" off `text`, above `least`; false when it does not begin with one.
bool take_range(std::string_view piece, std::uint64_t& next, std::uint64_t& count) {
  const std::size_t dash = piece.find('-');
  const auto first = parse_integer<std::uint32_t>(piece.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : parse_integer<std::uint32_t>(piece.substr(dash + 1));
  if (!first || !last || *first < next || *last < *first) return false;
  if (dash != std::string_view::npos && *last == *first) return false;
  count += std::uint64_t{*last} - *first + 1;
  next = std::uint64_t{*last} + 1;
  return true;
}

}  // namespace

// kernel/cgroup/cpuset.c cpuset_common_seq_show ("%*pbl").
Result<IdList> parse_id_list(std::string_view text, std::string_view where) {
  if (!text.ends_with('\n')) return fail(malformed(where, "the line has no end"));
  text.remove_suffix(1);
  IdList list{std::string(text), 0};
  if (text.empty()) return list;
  std::uint64_t next = 0;
  for (const std::string_view piece : split(text, ',')) {
    if (!take_range(piece, next, list.count)) {
      return fail(malformed(where, quote(text) + " is not a list of ids in ascending order"));
    }
  }
  return list;
}

Result<std::string> parse_partition(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::size_t reason = line.find(" (");
  const std::string_view state = line.substr(0, reason);
  const bool whole = line.size() + 1 == text.size() && text.ends_with('\n') &&
                     (reason == std::string_view::npos || line.ends_with(')'));
  if (!whole || std::ranges::find(kPartitions, state) == kPartitions.end()) {
    return fail(malformed("cpuset.cpus.partition", quote(text) + " is no state of a partition"));
  }
  return std::string(state);
}

}  // namespace cgwarden::cgroup
