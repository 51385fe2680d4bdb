#include "policy/values.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <optional>

#include "base/text.h"

namespace cgwarden::policy {
namespace {

std::unexpected<ValueFault> refuse(std::string problem, std::string hint = {},
                                   std::string_view rule = {}) {
  return std::unexpected(ValueFault{std::move(problem), std::move(hint), rule});
}

constexpr std::string_view kDigits = "0123456789";

// What is wrong with a text of which a number was expected; nullopt when it may be one.
std::optional<std::string> number_fault(std::string_view text) {
  if (text.empty()) return "it is empty";
  if (text.front() == '-') return "it is negative";
  if (text.front() == '+') return "a sign is not allowed";
  if (text.find_first_not_of("0123456789.") != std::string_view::npos ||
      text.find_first_of(kDigits) == std::string_view::npos) {
    return "it is not a number";
  }
  if (text.size() > 1 && text[0] == '0' && text[1] != '.') {
    return "a leading zero could mean octal";
  }
  return std::nullopt;
}

// value * 10^digits of a decimal number with at most `digits` places, exactly.
Parsed<std::uint64_t> parse_scaled(std::string_view text, std::size_t digits) {
  if (auto fault = number_fault(text)) return refuse(std::move(*fault));
  const std::size_t point = text.find('.');
  std::string number(text.substr(0, point));
  std::string places;
  if (point != std::string_view::npos) places = text.substr(point + 1);
  if (number.empty() || (point != std::string_view::npos && places.empty()) ||
      places.find('.') != std::string::npos) {
    return refuse("it is not a number");
  }
  if (places.size() > digits) {
    return refuse(fmt::format("it has more than {} decimal places", digits));
  }
  places.resize(digits, '0');
  const auto value = parse_integer<std::uint64_t>(number + places);
  if (!value) return refuse("it is too large");
  return *value;
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Number and unit of "512MiB".
std::pair<std::string_view, std::string_view> split_unit(std::string_view text) {
  const std::size_t end = text.find_last_of("0123456789.");
  if (text.find_first_of(kDigits) > end || end == std::string_view::npos) return {text, {}};
  return {text.substr(0, end + 1), text.substr(end + 1)};
}

template <std::size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

constexpr std::array kTimeUnits{
    Unit{"us", 1},
    Unit{"ms", 1000},
    Unit{"s", 1000000},
    Unit{"min", 60000000ULL},
    Unit{"h", 3600000000ULL},
};
constexpr std::array kSizeUnits{
    Unit{"KiB", 1ULL << 10},
    Unit{"MiB", 1ULL << 20},
    Unit{"GiB", 1ULL << 30},
    Unit{"TiB", 1ULL << 40},
};

constexpr std::uint64_t kMaxUsec = 10ULL * 365 * 24 * 3600 * 1000000;
// CONFIG_NR_CPUS of x86-64 ends there; more is a quota in microseconds taken for cores.
constexpr std::uint64_t kMaxCores = 8192;
constexpr std::uint64_t kMinQuotaUsec = 1000;
constexpr std::uint64_t kMaxPeriodUsec = 1000000;
// include/linux/page_counter.h PAGE_COUNTER_MAX: from here on the kernel shows "max".
constexpr std::uint64_t kMaxMemory =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / kPageBytes * kPageBytes;
constexpr std::uint64_t kMaxPids = 4194304;

Parsed<cgroup::CpuMax> checked(std::uint64_t quota, std::uint64_t period) {
  if (period < kMinQuotaUsec || period > kMaxPeriodUsec) {
    return refuse("the kernel refuses a period outside 1ms to 1s (EINVAL)",
                  "for example: 50ms/100ms", "L01");
  }
  if (quota < kMinQuotaUsec) {
    return refuse("the kernel refuses a quota below 1ms (EINVAL)",
                  "a longer period allows a smaller share: 1ms/1s is a thousandth of a CPU", "L01");
  }
  if (quota > kMaxCores * period) {
    return refuse(fmt::format("it is more than the {} CPUs that Linux supports", kMaxCores),
                  "a number alone is cores; microseconds are written 50ms/100ms", "L02");
  }
  return cgroup::CpuMax{Usec{quota}, Usec{period}};
}

Parsed<cgroup::CpuMax> parse_quota_per_period(std::string_view text, std::size_t slash) {
  const auto quota = parse_duration(trim(text.substr(0, slash)));
  const auto period = parse_duration(trim(text.substr(slash + 1)));
  if (!quota) return refuse("of the quota, " + quota.error().problem, "for example: 50ms/100ms");
  if (!period) return refuse("of the period, " + period.error().problem, "for example: 50ms/100ms");
  return checked(quota->count(), period->count());
}

// The words of other tools, each with the way to say it here.
std::optional<ValueFault> size_unit_fault(std::string_view number, std::string_view unit) {
  if (unit == "%") {
    return ValueFault{
        "a percentage needs a named base: of node or of parent",
        fmt::format("write {}% of node, {}% of parent, or a size: 512MiB", number, number), "L39"};
  }
  static constexpr std::string_view kLetters = "KMGT";
  const std::string_view stem = trim(unit);
  if (stem.empty()) return std::nullopt;
  const char letter = stem[0] == 'k'   ? 'K'
                      : stem[0] == 'm' ? 'M'
                      : stem[0] == 'g' ? 'G'
                      : stem[0] == 't' ? 'T'
                                       : stem[0];
  const std::size_t power = kLetters.find(letter);
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = stem.substr(1);
  std::uint64_t decimal = 1000;
  for (std::size_t i = 0; i < power; ++i) decimal *= 1000;
  const std::string hint = fmt::format("write {}{}iB, or the number of bytes", number, letter);
  const std::uint64_t binary = 1ULL << (10 * (power + 1));
  if (rest.empty() && (stem[0] == letter || letter == 'K')) {
    return ValueFault{
        fmt::format("{} is {} bytes to Kubernetes and {} bytes to systemd", stem, decimal, binary),
        hint, "L40"};
  }
  if (rest == "B" && stem[0] == letter) {
    return ValueFault{
        fmt::format("{} is {} bytes to some tools and {} bytes to others", stem, decimal, binary),
        hint, "L40"};
  }
  return ValueFault{fmt::format("\"{}\" is not a unit", unit),
                    fmt::format("write {}{}iB", number, letter), "L40"};
}

}  // namespace

Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t low, std::uint64_t high) {
  const std::string range = fmt::format("a whole number from {} to {}", low, high);
  if (auto fault = number_fault(text)) return refuse(std::move(*fault), "write " + range);
  if (text.find('.') != std::string_view::npos) {
    return refuse("it is not a whole number", "write " + range);
  }
  const auto value = parse_integer<std::uint64_t>(text);
  if (!value || *value < low || *value > high) {
    return refuse(fmt::format("it is outside {} to {}", low, high));
  }
  return *value;
}

Parsed<bool> parse_truth(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return refuse("it is neither true nor false", "write true or false");
}

Parsed<Usec> parse_duration(std::string_view text) {
  if (text == "0") return Usec{0};
  const auto [number, unit] = split_unit(text);
  if (auto fault = number_fault(number)) return refuse(std::move(*fault), "for example: 50ms");
  const Unit* found = find_unit(kTimeUnits, unit);
  if (found == nullptr) {
    return refuse(
        unit.empty() ? "it has no unit" : fmt::format("\"{}\" is not a unit of time", unit),
        fmt::format("write {0}us, {0}ms or {0}s", number));
  }
  // Six places and the unit in microseconds: exact in 64 bits up to 10 years.
  const auto millionths = parse_scaled(number, 6);
  if (!millionths) return refuse(millionths.error().problem, "for example: 50ms");
  const std::uint64_t whole = *millionths / 1000000;
  const std::uint64_t part = *millionths % 1000000;
  if (whole > kMaxUsec / found->factor) return refuse("it is longer than 10 years");
  if (part * found->factor % 1000000 != 0) return refuse("it is not whole microseconds");
  return Usec{whole * found->factor + part * found->factor / 1000000};
}

Parsed<cgroup::CpuMax> parse_cpu_quota(std::string_view text) {
  static constexpr const char* kExample = "for example: 1.5 (cores), 500m, 250ms/100ms or max";
  if (text == "max") return cgroup::CpuMax{Max{}, kDefaultCpuPeriod};
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    return parse_quota_per_period(text, slash);
  }
  const auto [number, unit] = split_unit(text);
  if (unit == "%") {
    return refuse(
        "a percentage could be of one CPU or of all",
        "write cores: 2 is what systemd calls 200%, 0.5 is 50%; or a percentage of node or "
        "parent: 50% of node",
        "L39");
  }
  if (text.find(' ') != std::string_view::npos) {
    return refuse("it is neither cores nor QUOTA/PERIOD", kExample);
  }
  if (find_unit(kTimeUnits, unit) != nullptr) {
    return refuse("a quota needs its period", fmt::format("for example: {}/100ms", text), "L02");
  }
  if (!unit.empty() && unit != "m") return refuse("it is neither cores nor QUOTA/PERIOD", kExample);
  // Quota in microseconds of a period of 100,000: a core has five places, a millicore two.
  const auto quota = parse_scaled(number, unit == "m" ? 2 : 5);
  if (!quota) return refuse(quota.error().problem, kExample);
  return checked(*quota, kDefaultCpuPeriod.count());
}

Parsed<Bytes> parse_size(std::string_view text) {
  const auto [number, unit] = split_unit(text);
  if (auto fault = number_fault(number)) {
    return refuse(std::move(*fault), "for example: 512MiB, 1.5GiB, 1073741824 or max");
  }
  const Unit* found = find_unit(kSizeUnits, unit);
  if (!unit.empty() && found == nullptr) {
    if (auto fault = size_unit_fault(number, unit)) return std::unexpected(std::move(*fault));
    return refuse(fmt::format("\"{}\" is not a unit", unit),
                  "write KiB, MiB, GiB or TiB, or the number of bytes alone");
  }
  if (unit.empty() && number.find('.') != std::string_view::npos) {
    return refuse("bytes are whole", "a size in MiB ends in MiB");
  }
  const std::uint64_t factor = unit.empty() ? 1 : found->factor;
  const std::uint64_t scale = unit.empty() ? 1 : 1000;
  const auto scaled = parse_scaled(number, unit.empty() ? 0 : 3);
  if (!scaled) return refuse(scaled.error().problem, "for example: 512MiB, or max for no limit");
  const std::uint64_t whole = *scaled / scale;
  const std::uint64_t part = *scaled % scale;
  if (whole >= kMaxMemory / factor) {
    return refuse("it is more than the kernel can count (8 EiB)", "write max for no limit");
  }
  return Bytes{whole * factor + part * factor / scale};
}

Parsed<LimitOf<Bytes>> parse_memory_limit(std::string_view text) {
  if (text == "max") return Max{};
  auto size = parse_size(text);
  if (!size) return std::unexpected(std::move(size).error());
  if (size->value > 0 && size->value < kPageBytes) {
    return refuse(fmt::format("the kernel counts pages of {} bytes and would store 0", kPageBytes),
                  "a size without a unit is in bytes; 512 MiB are written 512MiB", "L16");
  }
  return Bytes{size->value / kPageBytes * kPageBytes};
}

Parsed<LimitOf<Bytes>> parse_huge_page_limit(std::string_view text, std::uint64_t page) {
  if (text == "max") return Max{};
  auto size = parse_size(text);
  if (!size) return std::unexpected(std::move(size).error());
  if (size->value > 0 && size->value < page) {
    return refuse(fmt::format("the kernel counts huge pages of {} bytes and would store 0", page),
                  "write 0 for none, or a size of whole huge pages", "L16");
  }
  return Bytes{size->value / page * page};
}

Parsed<LimitOf<std::uint64_t>> parse_pids_limit(std::string_view text) {
  if (text == "max") return Max{};
  if (text == "0") {
    return refuse("the kernel accepts it and then every fork fails (EAGAIN)",
                  "write at least 1, or max for no limit", "L38");
  }
  if (text.ends_with('%')) {
    return refuse("a percentage needs a named base: of node or of parent",
                  fmt::format("write {0} of node, {0} of parent, or a number", text), "L39");
  }
  auto count = parse_count(text, 1, kMaxPids);
  if (!count && text.starts_with('-')) return refuse("it is negative", "write max for no limit");
  if (!count) return std::unexpected(std::move(count).error());
  return *count;
}

Parsed<Percentage> parse_percentage(std::string_view text) {
  static constexpr const char* kExample = "for example: 80% of node, 50% of parent";
  const std::size_t sign = text.find('%');
  if (sign == std::string_view::npos) return refuse("it is not a percentage", kExample);
  const std::string_view base = trim(text.substr(sign + 1));
  if (base.empty()) return refuse("a percentage needs a named base", kExample, "L39");
  if (base != "of node" && base != "of parent") {
    return refuse("a percentage is of node or of parent", kExample, "L39");
  }
  const auto hundredths = parse_scaled(trim(text.substr(0, sign)), 2);
  if (!hundredths) return refuse(hundredths.error().problem, kExample);
  if (*hundredths == 0 || *hundredths > 10000) {
    return refuse("a percentage is above 0 and at most 100", kExample);
  }
  return Percentage{*hundredths, base == "of node" ? PercentBase::node : PercentBase::parent};
}

Parsed<std::string> parse_id_list(std::string_view text) {
  static constexpr const char* kExample = "for example: 0-3,7";
  if (trim(text).empty()) {
    return refuse("the kernel ignores an empty list and keeps the old one",
                  "remove the key, or list ids: 0-3,7", "L35");
  }
  std::array<bool, kMaxCores> chosen{};
  for (const std::string_view part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = parse_integer<std::uint64_t>(part.substr(0, dash));
    const auto last = dash == std::string_view::npos
                          ? first
                          : parse_integer<std::uint64_t>(part.substr(dash + 1));
    if (!first || !last || *first > *last) {
      return refuse("it is not a list of ids and ranges", kExample);
    }
    if (*last >= kMaxCores) {
      return refuse(fmt::format("Linux has ids up to {}", kMaxCores - 1), kExample, "L34");
    }
    for (std::uint64_t id = *first; id <= *last; ++id) chosen.at(id) = true;
  }
  std::string out;
  for (std::size_t id = 0; id < chosen.size(); ++id) {
    if (!chosen.at(id)) continue;
    std::size_t last = id;
    while (last + 1 < chosen.size() && chosen.at(last + 1)) ++last;
    out += (out.empty() ? "" : ",") + std::to_string(id);
    if (last > id) out += "-" + std::to_string(last);
    id = last;
  }
  return out;
}

}  // namespace cgwarden::policy
