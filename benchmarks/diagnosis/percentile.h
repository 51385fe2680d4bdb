#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace cgwarden::benchmarks {

// The value that `percent` of them do not exceed (nearest rank); 0 of none.
inline double percentile(std::vector<double> values, double percent) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto rank =
      static_cast<std::size_t>(std::ceil(percent / 100.0 * static_cast<double>(values.size())));
  return values[std::min(values.size(), std::max<std::size_t>(rank, 1)) - 1];
}

}  // namespace cgwarden::benchmarks
