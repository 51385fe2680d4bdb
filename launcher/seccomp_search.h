#pragma once

#include <compare>
#include <cstdint>
#include <span>

#include "launcher/seccomp_writer.h"

namespace cgwarden::launcher {

struct LabelInterval {
  std::uint32_t first = 0;  // up to the next one's; the first one begins at 0
  BackwardWriter::Label label = 0;
  auto operator<=>(const LabelInterval&) const = default;
};

// Writes a search for the interval of the accumulator: a binary tree of few comparisons, in
// logarithmic depth. Neighbours have different labels; there is at least one.
[[nodiscard]] BackwardWriter::Label write_search(BackwardWriter& writer,
                                                 std::span<const LabelInterval> intervals);

}  // namespace cgwarden::launcher
