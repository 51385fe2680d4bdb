#include "launcher/oci/signal_name.h"

#include <string.h>

#include <algorithm>
#include <cctype>
#include <csignal>

#include "base/text.h"

namespace cgwarden::launcher::oci {
namespace {

std::optional<int> realtime_number(const std::string& name) {
  const bool from_minimum = name.starts_with("RTMIN");
  if (!from_minimum && !name.starts_with("RTMAX")) return std::nullopt;
  const std::string rest = name.substr(5);
  const int base = from_minimum ? SIGRTMIN : SIGRTMAX;
  if (rest.empty()) return base;
  const auto offset = parse_integer<int>(rest.substr(1));
  if (!offset || rest.front() != (from_minimum ? '+' : '-')) return std::nullopt;
  const int number = from_minimum ? base + *offset : base - *offset;
  if (number < SIGRTMIN || number > SIGRTMAX) return std::nullopt;
  return number;
}

}  // namespace

std::optional<int> signal_number(const std::string& text) {
  if (const auto number = parse_integer<int>(text)) {
    // 0 asks whether the process is there (kill(2)).
    if (*number < 0 || *number > SIGRTMAX) return std::nullopt;
    return number;
  }
  std::string name = text;
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int number = 1; number < SIGRTMIN; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  if (name == "IOT") return SIGABRT;
  if (name == "CLD") return SIGCHLD;
  return realtime_number(name);
}

}  // namespace cgwarden::launcher::oci
