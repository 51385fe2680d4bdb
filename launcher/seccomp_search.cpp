#include "launcher/seccomp_search.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

namespace cgwarden::launcher {
namespace {

using Label = BackwardWriter::Label;
using Intervals = std::span<const LabelInterval>;

// Values that are tested one after the other before the rest of a group goes one way. One test is
// shorter than the two limits of an interval; a long row is slow.
constexpr std::size_t kTests = 3;
constexpr std::size_t kGroupIntervals = 2 * kTests + 1;

struct Group {
  std::size_t begin = 0;
  std::size_t end = 0;
  Label others = 0;       // where all values go that are not tested
  std::size_t tests = 0;  // how many values go elsewhere
};

// How many values the interval `at` has, at most kTests + 1.
std::size_t values(Intervals all, std::size_t at) {
  const std::uint64_t end = at + 1 < all.size() ? all[at + 1].first : std::uint64_t{1} << 32U;
  return std::min<std::uint64_t>(end - all[at].first, kTests + 1);
}

std::size_t tests(Intervals all, std::size_t begin, std::size_t end, Label others) {
  std::size_t count = 0;
  for (std::size_t i = begin; i < end; ++i) {
    if (all[i].label != others) count += values(all, i);
  }
  return count;
}

Group group(Intervals all, std::size_t begin, std::size_t end) {
  Group best{.begin = begin, .end = end, .tests = kTests + 1};
  for (std::size_t i = begin; i < end; ++i) {
    const std::size_t count = tests(all, begin, end, all[i].label);
    if (count < best.tests) best = {begin, end, all[i].label, count};
  }
  return best;
}

// The groups with the fewest steps: each has its tests, and one comparison parts it from the one
// before.
std::vector<Group> groups(Intervals all) {
  struct Best {
    std::size_t steps = std::numeric_limits<std::size_t>::max();
    Group last;
  };
  std::vector<Best> best(all.size() + 1);
  best[0].steps = 0;
  for (std::size_t end = 1; end <= all.size(); ++end) {
    for (std::size_t begin = end - std::min(end, kGroupIntervals); begin < end; ++begin) {
      const Group last = group(all, begin, end);
      if (last.tests > kTests) continue;
      const std::size_t steps = best[begin].steps + last.tests + 1;
      if (steps < best[end].steps) best[end] = {steps, last};
    }
  }
  std::vector<Group> result;
  for (std::size_t end = all.size(); end > 0; end = result.back().begin) {
    result.push_back(best[end].last);
  }
  std::ranges::reverse(result);
  return result;
}

Label write_tests(BackwardWriter& writer, Intervals all, const Group& group) {
  Label label = group.others;
  for (std::size_t i = group.end; i-- > group.begin;) {
    if (all[i].label == group.others) continue;
    for (std::size_t value = values(all, i); value-- > 0;) {
      label = writer.jump(BPF_JEQ, all[i].first + static_cast<std::uint32_t>(value), all[i].label,
                          label);
    }
  }
  return label;
}

Label write_tree(BackwardWriter& writer, Intervals all, std::span<const Group> groups) {
  if (groups.size() == 1) return write_tests(writer, all, groups.front());
  const std::size_t middle = groups.size() / 2;
  const Label above = write_tree(writer, all, groups.subspan(middle));
  const Label below = write_tree(writer, all, groups.first(middle));
  return writer.jump(BPF_JGE, all[groups[middle].begin].first, above, below);
}

}  // namespace

Label write_search(BackwardWriter& writer, Intervals intervals) {
  return write_tree(writer, intervals, groups(intervals));
}

}  // namespace cgwarden::launcher
