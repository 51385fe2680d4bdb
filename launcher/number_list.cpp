#include "launcher/number_list.h"

#include <climits>

#include "base/text.h"

namespace cgwarden::launcher {
namespace {

constexpr unsigned kWordBits = sizeof(unsigned long) * CHAR_BIT;

struct Range {
  unsigned first = 0;
  unsigned last = 0;
};

std::optional<Range> parse_range(std::string_view text, unsigned count) {
  const std::size_t dash = text.find('-');
  const auto first = parse_integer<unsigned>(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : parse_integer<unsigned>(text.substr(dash + 1));
  if (!first || !last || *last < *first || *last >= count) return std::nullopt;
  return Range{.first = *first, .last = *last};
}

}  // namespace

std::optional<std::vector<unsigned long>> bit_mask_of(std::string_view list, unsigned count) {
  std::vector<unsigned long> mask((count + kWordBits - 1) / kWordBits);
  for (const auto piece : split(trim(list), ',')) {
    const auto range = parse_range(trim(piece), count);
    if (!range) return std::nullopt;
    for (unsigned bit = range->first; bit <= range->last; ++bit) {
      mask[bit / kWordBits] |= 1UL << (bit % kWordBits);
    }
  }
  return mask;
}

}  // namespace cgwarden::launcher
