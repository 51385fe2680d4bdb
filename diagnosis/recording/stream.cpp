#include "diagnosis/recording/stream.h"

namespace cgwarden::diagnosis::recording {

identity::Kind kind_of(std::string_view name) {
  using identity::Kind;
  for (auto i = std::uint8_t{0}; i <= static_cast<std::uint8_t>(Kind::workload); ++i) {
    if (identity::to_string(static_cast<Kind>(i)) == name) return static_cast<Kind>(i);
  }
  return Kind::group;
}

}  // namespace cgwarden::diagnosis::recording
