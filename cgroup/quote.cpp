#include "cgroup/quote.h"

#include <cstddef>

#include "base/text.h"

namespace cgwarden::cgroup {

std::string quote(std::string_view text) {
  static constexpr std::size_t kShown = 64;
  const bool cut = text.size() > kShown;
  return "\"" + printable(text.substr(0, kShown)) + (cut ? "...\"" : "\"");
}

Error malformed(std::string_view where, std::string detail) {
  return Error::malformed("parse", std::string(where), std::move(detail));
}

}  // namespace cgwarden::cgroup
