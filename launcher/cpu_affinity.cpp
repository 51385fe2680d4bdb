#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <optional>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "launcher/process_attributes.h"

namespace cgwarden::launcher {
namespace {

// NR_CPUS of the largest kernel configurations is 8192.
constexpr unsigned kMostCpus = 8192;
constexpr unsigned kWordBits = sizeof(unsigned long) * CHAR_BIT;

struct Range {
  unsigned first = 0;
  unsigned last = 0;
};

std::optional<Range> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_integer<unsigned>(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : parse_integer<unsigned>(text.substr(dash + 1));
  if (!first || !last || *last < *first || *last >= kMostCpus) return std::nullopt;
  return Range{.first = *first, .last = *last};
}

}  // namespace

Step set_cpu_affinity(const std::string& cpus) {
  if (trim(cpus).empty()) return {};
  std::vector<unsigned long> mask(kMostCpus / kWordBits);
  for (const auto piece : split(trim(cpus), ',')) {
    const auto range = parse_range(trim(piece));
    if (!range) {
      return refused("execCPUAffinity", "\"" + printable(cpus) + "\" is not a list of CPUs below " +
                                            std::to_string(kMostCpus));
    }
    for (unsigned cpu = range->first; cpu <= range->last; ++cpu) {
      mask[cpu / kWordBits] |= 1UL << (cpu % kWordBits);
    }
  }
  if (::syscall(SYS_sched_setaffinity, 0, mask.size() * sizeof(mask.front()), mask.data()) != 0) {
    return failed("execCPUAffinity",
                  cpus + (errno == EINVAL ? " (none of them is online and in the cpuset)" : ""));
  }
  return {};
}

}  // namespace cgwarden::launcher
