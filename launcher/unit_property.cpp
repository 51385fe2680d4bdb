#include "launcher/unit_property.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::launcher {
namespace {

constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kUsecPerSec = 1'000'000;

std::optional<std::uint64_t> parse_limit(std::string_view text) {
  if (text == "max") return kInfinity;
  return parse_integer<std::uint64_t>(text);
}

struct Named {
  std::string_view file;
  std::string_view property;
};
// Files with one number or "max", and the property of the same meaning.
constexpr std::array kLimits{
    Named{"memory.max", "MemoryMax"},
    Named{"memory.high", "MemoryHigh"},
    Named{"memory.low", "MemoryLow"},
    Named{"memory.min", "MemoryMin"},
    Named{"memory.swap.max", "MemorySwapMax"},
    Named{"cpu.weight", "CPUWeight"},
    Named{"pids.max", "TasksMax"},
};

void add_limit(const ControlWrite& write, std::vector<UnitProperty>& properties) {
  for (const Named& row : kLimits) {
    if (row.file != write.file) continue;
    auto limit = parse_limit(trim(write.value));
    if (!limit) continue;
    // systemd refuses none at all.
    if (row.property == "TasksMax") limit = std::max<std::uint64_t>(*limit, 1);
    properties.push_back({std::string(row.property), *limit});
  }
}

struct Bandwidth {
  std::uint64_t quota = kInfinity;
  std::uint64_t period = 100'000;
  // Per second and rounded up to a percent, which is how systemd keeps it.
  [[nodiscard]] std::uint64_t per_second() const;
};

std::uint64_t Bandwidth::per_second() const {
  constexpr std::uint64_t kStep = 10'000;
  if (quota >= kInfinity / kUsecPerSec) return kInfinity;
  return (quota * kUsecPerSec / period + kStep - 1) / kStep * kStep;
}

// "50000 100000"; nullopt for what only the kernel can judge.
std::optional<Bandwidth> parse_bandwidth(std::string_view text) {
  const auto words = split(trim(text), ' ');
  const auto quota = parse_limit(words[0]);
  if (!quota || words.size() > 2) return std::nullopt;
  Bandwidth bandwidth{.quota = *quota};
  if (words.size() == 2) {
    const auto period = parse_integer<std::uint64_t>(words[1]);
    if (!period || *period == 0) return std::nullopt;
    bandwidth.period = *period;
  }
  return bandwidth;
}

void add_cpu_max(std::string_view text, std::vector<UnitProperty>& properties) {
  const auto bandwidth = parse_bandwidth(text);
  if (!bandwidth) return;
  properties.push_back({"CPUQuotaPerSecUSec", bandwidth->per_second()});
  properties.push_back({"CPUQuotaPeriodUSec", bandwidth->period});
}

void add_io_weight(std::string_view text, std::vector<UnitProperty>& properties) {
  if (text.starts_with("default ")) text.remove_prefix(8);
  if (const auto weight = parse_integer<std::uint64_t>(text)) {
    properties.push_back({"IOWeight", *weight});
  }
}

// systemd writes cpu.idle itself, from a weight of 0 (since 252; systemd.resource-control(5)
// "idle"). One that is no longer idle has the default weight unless another is given.
void add_idle(std::string_view text, std::vector<UnitProperty>& properties) {
  const auto weight = std::ranges::find(properties, "CPUWeight", &UnitProperty::name);
  if (text == "1") {
    if (weight != properties.end()) properties.erase(weight);
    properties.push_back({"CPUWeight", std::uint64_t{0}});
  } else if (text == "0" && weight == properties.end()) {
    properties.push_back({"CPUWeight", std::uint64_t{100}});
  }
}

void add_mask(const char* property, std::string_view list, std::vector<UnitProperty>& properties) {
  if (auto mask = cpu_mask(list)) properties.push_back({property, *std::move(mask)});
}

// Texts in quotes, GVariant's way; nullopt when `text` is not one.
std::optional<std::string> quoted(std::string_view text) {
  if (text.size() < 2 || (text.front() != '\'' && text.front() != '"')) return std::nullopt;
  if (text.back() != text.front()) return std::nullopt;
  const char quote = text.front();
  std::string result;
  text = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == quote) return std::nullopt;
    if (text[i] == '\\') {
      if (++i == text.size()) return std::nullopt;
    }
    result += text[i];
  }
  return result;
}

std::optional<UnitValue> text_array(std::string_view inside) {
  std::vector<std::string> texts;
  if (trim(inside).empty()) return texts;
  for (const std::string_view piece : split(inside, ',')) {
    auto text = quoted(trim(piece));
    if (!text) return std::nullopt;
    texts.push_back(*std::move(text));
  }
  return texts;
}

template <typename Integer>
std::optional<UnitValue> number(std::string_view text) {
  const auto value = parse_integer<Integer>(text);
  return value ? std::optional<UnitValue>(*value) : std::nullopt;
}

std::optional<UnitValue> parse_value(std::string_view text) {
  text = trim(text);
  if (text == "true" || text == "false") return text == "true";
  if (text.starts_with('[') && text.ends_with(']')) {
    return text_array(text.substr(1, text.size() - 2));
  }
  if (auto word = quoted(text)) return *std::move(word);
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return number<std::int32_t>(text);
  const std::string_view type = text.substr(0, space);
  const std::string_view rest = trim(text.substr(space));
  if (type == "int32") return number<std::int32_t>(rest);
  if (type == "uint32") return number<std::uint32_t>(rest);
  if (type == "int64") return number<std::int64_t>(rest);
  if (type == "uint64") return number<std::uint64_t>(rest);
  return std::nullopt;
}

bool is_property_name(std::string_view name) {
  if (name.size() < 3 || name[0] < 'A' || name[0] > 'Z') return false;
  for (const char c : name) {
    if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')) return false;
  }
  return true;
}

// Seconds of any integer type; nullopt when negative, too many or no number.
std::optional<std::uint64_t> as_microseconds(const UnitValue& value) {
  return std::visit(
      [](const auto& number) -> std::optional<std::uint64_t> {
        using Type = std::decay_t<decltype(number)>;
        if constexpr (std::is_integral_v<Type> && !std::is_same_v<Type, bool>) {
          if (number < 0) return std::nullopt;
          const auto seconds = static_cast<std::uint64_t>(number);
          if (seconds > kInfinity / 1'000'000) return std::nullopt;
          return seconds * 1'000'000;
        } else {
          return std::nullopt;
        }
      },
      value);
}

std::optional<UnitProperty> parse_annotation(std::string name, const std::string& text) {
  auto value = parse_value(text);
  if (!value || !is_property_name(name)) return std::nullopt;
  if (!name.ends_with("Sec") || name.ends_with("USec")) {
    return UnitProperty{std::move(name), *std::move(value)};
  }
  const auto microseconds = as_microseconds(*value);
  if (!microseconds) return std::nullopt;
  return UnitProperty{name.substr(0, name.size() - 3) + "USec", *microseconds};
}

}  // namespace

std::vector<UnitProperty> unit_properties(const std::vector<ControlWrite>& writes) {
  std::vector<UnitProperty> properties;
  for (const ControlWrite& write : writes) {
    const std::string_view value = trim(write.value);
    add_limit(write, properties);
    if (write.file == "cpu.max") add_cpu_max(value, properties);
    if (write.file == "io.weight") add_io_weight(value, properties);
    if (write.file == "cpuset.cpus") add_mask("AllowedCPUs", value, properties);
    if (write.file == "cpuset.mems") add_mask("AllowedMemoryNodes", value, properties);
  }
  // Last, as it takes the weight's place whatever the order of the files.
  const auto idle = std::ranges::find(writes, "cpu.idle", &ControlWrite::file);
  if (idle != writes.end()) add_idle(trim(idle->value), properties);
  return properties;
}

std::vector<ControlWrite> with_whole_percents(std::vector<ControlWrite> writes) {
  for (ControlWrite& write : writes) {
    if (write.file != "cpu.max") continue;
    const auto bandwidth = parse_bandwidth(write.value);
    if (!bandwidth) continue;
    const std::uint64_t per_second = bandwidth->per_second();
    if (per_second >= kInfinity / bandwidth->period) continue;
    const std::uint64_t quota = per_second * bandwidth->period / kUsecPerSec;
    // Not lower by what integers cut off.
    if (quota <= bandwidth->quota) continue;
    write.value = std::to_string(quota) + " " + std::to_string(bandwidth->period);
  }
  return writes;
}

std::optional<UnitProperty> oom_policy(const std::vector<ControlWrite>& writes) {
  const auto write = std::ranges::find(writes, "memory.oom.group", &ControlWrite::file);
  if (write == writes.end()) return std::nullopt;
  const std::string_view value = trim(write->value);
  if (value == "1") return UnitProperty{"OOMPolicy", std::string("kill")};
  if (value == "0") return UnitProperty{"OOMPolicy", std::string("continue")};
  return std::nullopt;
}

StepResult<std::vector<UnitProperty>> unit_properties(
    const std::map<std::string, std::string>& annotations) {
  constexpr std::string_view kPrefix = "org.systemd.property.";
  std::vector<UnitProperty> properties;
  for (const auto& [key, text] : annotations) {
    if (!key.starts_with(kPrefix)) continue;
    auto property = parse_annotation(key.substr(kPrefix.size()), text);
    if (!property) {
      return refused("cgroup", "annotation " + printable(key) + " is \"" + printable(text) +
                                   "\": it takes the name of a property and a boolean, a number, "
                                   "a text in quotes or an array of such texts");
    }
    properties.push_back(*std::move(property));
  }
  return properties;
}

std::optional<std::vector<std::uint8_t>> cpu_mask(std::string_view list) {
  std::vector<std::uint8_t> mask;
  for (const std::string_view piece : split(trim(list), ',')) {
    const auto ends = split(piece, '-');
    if (ends.size() > 2) return std::nullopt;
    const auto first = parse_integer<unsigned>(ends[0]);
    const auto last = parse_integer<unsigned>(ends.back());
    if (!first || !last || *first > *last || *last >= limits::kProcessors) return std::nullopt;
    if (mask.size() <= *last / 8) mask.resize(*last / 8 + 1);
    for (unsigned cpu = *first; cpu <= *last; ++cpu) {
      mask[cpu / 8] = static_cast<std::uint8_t>(mask[cpu / 8] | 1U << cpu % 8);
    }
  }
  return mask;
}

}  // namespace cgwarden::launcher
