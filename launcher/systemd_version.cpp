#include "launcher/systemd_version.h"

#include <array>
#include <cstdint>
#include <string>

#include "base/text.h"

namespace cgwarden::launcher {
namespace {

struct Since {
  std::string_view property;
  unsigned version;
};
// No host with cgroup v2 alone has a systemd before 226.
constexpr std::array kSince{
    Since{"TasksMax", 227},           Since{"IOWeight", 230},    Since{"MemoryLow", 231},
    Since{"MemoryHigh", 231},         Since{"MemoryMax", 231},   Since{"MemorySwapMax", 232},
    Since{"CPUWeight", 232},          Since{"CollectMode", 236}, Since{"MemoryMin", 240},
    Since{"CPUQuotaPeriodUSec", 242}, Since{"AllowedCPUs", 244}, Since{"AllowedMemoryNodes", 244},
    Since{"OOMPolicy", 253},  // of scopes; in some later 252, too
};
// CPUWeight 0 is cpu.idle; before, it is out of range.
constexpr unsigned kIdleSince = 252;

bool is_known(unsigned version, const UnitProperty& property) {
  if (property.name == "CPUWeight" && property.value == UnitValue(std::uint64_t{0})) {
    return version >= kIdleSince;
  }
  for (const Since& row : kSince) {
    if (row.property == property.name) return version >= row.version;
  }
  return true;
}

}  // namespace

std::optional<unsigned> systemd_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  return parse_integer<unsigned>(text.substr(0, text.find_first_not_of("0123456789")));
}

std::vector<UnitProperty> known_to(unsigned version, const std::vector<UnitProperty>& properties) {
  std::vector<UnitProperty> known;
  for (const UnitProperty& property : properties) {
    if (is_known(version, property)) known.push_back(property);
  }
  return known;
}

}  // namespace cgwarden::launcher
