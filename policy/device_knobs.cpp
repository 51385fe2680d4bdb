#include "policy/device_knobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <utility>

#include "base/text.h"
#include "cgroup/grouped_files.h"

namespace cgwarden::policy {
namespace {

const std::vector<DeviceSetting>* settings_of(const Resources& resources, std::string_view file) {
  const auto found = resources.devices.find(file);
  return found == resources.devices.end() ? nullptr : &found->second;
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

bool can_be_written(const DeviceSetting& setting) {
  return is_device_number(setting.device) && setting.partition_of.empty();
}

template <typename Device>
std::string number_of(const Device& device) {
  return std::to_string(device.major) + ":" + std::to_string(device.minor);
}

std::string limit_text(const std::optional<LimitOf<std::uint64_t>>& limit) {
  if (!limit || is_max(*limit)) return "max";
  return std::to_string(std::get<std::uint64_t>(*limit));
}

// "rbps=1 wbps=max" by key; a bare word is the value of "".
std::map<std::string_view, std::string_view> pairs_of(std::string_view words) {
  std::map<std::string_view, std::string_view> pairs;
  for (const std::string_view word : split(words, ' ')) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      pairs[""] = word;
    } else {
      pairs[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  return pairs;
}

// What two names of one device say together; what both say is as the later has it.
std::string both_values(std::string_view earlier, std::string_view later) {
  // In the order of the kernel's line of io.max; the other files have one value.
  static constexpr std::array<std::string_view, 6> kKeys{"",      "rbps",  "wbps",
                                                         "riops", "wiops", "target"};
  auto pairs = pairs_of(earlier);
  for (const auto& [key, value] : pairs_of(later)) pairs[key] = value;
  std::string text;
  for (const std::string_view key : kKeys) {
    const auto found = pairs.find(key);
    if (found == pairs.end()) continue;
    if (!text.empty()) text += " ";
    if (!key.empty()) text += std::string(key) + "=";
    text += found->second;
  }
  return text;
}

std::optional<std::vector<std::string>> numbered_lines(const std::vector<DeviceSetting>& settings) {
  std::map<std::string, std::string> values;
  for (const DeviceSetting& setting : settings) {
    if (!can_be_written(setting)) return std::nullopt;
    const auto [at, is_new] = values.try_emplace(setting.device, setting.value);
    if (!is_new) at->second = both_values(at->second, setting.value);
  }
  std::vector<std::string> lines;
  for (const auto& [device, value] : values) lines.push_back(device + " " + value);
  return lines;
}

std::optional<KnobValue> wanted_lines(const Resources& resources, std::string_view file) {
  const auto* settings = settings_of(resources, file);
  if (settings == nullptr) return std::nullopt;
  const auto lines = numbered_lines(*settings);
  return lines ? KnobValue{join_lines(*lines), 0} : KnobValue{};
}

std::string_view without_a_line(std::string_view file) {
  if (file == "io.max") return "max";
  return file == "io.latency" ? "0" : "default";
}

// One line of `wanted`, with the values of `now`.
std::string line_as_wanted(std::string_view file, std::string_view wanted, std::string_view now) {
  const std::size_t blank = wanted.find(' ');
  std::string line(wanted.substr(0, blank));
  if (blank == std::string_view::npos) return line;
  const auto current = now.empty() ? std::map<std::string_view, std::string_view>{} : pairs_of(now);
  for (const std::string_view word : split(wanted.substr(blank + 1), ' ')) {
    const std::size_t equals = word.find('=');
    const std::string_view key = equals == std::string_view::npos ? "" : word.substr(0, equals);
    const auto found = current.find(key);
    line += " ";
    if (!key.empty()) line += std::string(key) + "=";
    line += found == current.end() ? without_a_line(file) : found->second;
  }
  return line;
}

// A line in parts: "rbps" and "1" of "8:0 rbps=1", "" and "100" of "default 100".
struct DeviceParts {
  std::string_view device;
  std::vector<std::pair<std::string_view, std::string_view>> values;
};

std::vector<DeviceParts> parts_of(std::string_view lines) {
  std::vector<DeviceParts> parts;
  for (const std::string_view line : split(lines, '\n')) {
    const auto words = split(line, ' ');
    if (words.size() < 2) continue;
    auto device = std::ranges::find(parts, words[0], &DeviceParts::device);
    if (device == parts.end()) device = parts.insert(parts.end(), {words[0], {}});
    for (const std::string_view word : std::span(words).subspan(1)) {
      const std::size_t equals = word.find('=');
      const bool bare = equals == std::string_view::npos;
      device->values.emplace_back(bare ? std::string_view() : word.substr(0, equals),
                                  bare ? word : word.substr(equals + 1));
    }
  }
  return parts;
}

const std::string_view* find_value(const std::vector<DeviceParts>& parts, std::string_view device,
                                   std::string_view key) {
  const auto found = std::ranges::find(parts, device, &DeviceParts::device);
  if (found == parts.end()) return nullptr;
  const auto value =
      std::ranges::find(found->values, key, &std::pair<std::string_view, std::string_view>::first);
  return value == found->values.end() ? nullptr : &value->second;
}

std::string lines_of(const std::vector<DeviceParts>& parts) {
  std::vector<std::string> lines;
  for (const DeviceParts& device : parts) {
    if (device.values.empty()) continue;
    std::string& line = lines.emplace_back(device.device);
    for (const auto& [key, value] : device.values) {
      line += " " + (key.empty() ? "" : std::string(key) + "=") + std::string(value);
    }
  }
  return join_lines(lines);
}

}  // namespace

bool has_devices(std::string_view file) {
  return file == "io.max" || file == "io.latency" || file == "io.weight";
}

std::string laid_over(const std::string& below, const std::string& above) {
  auto parts = parts_of(below);
  const auto over = parts_of(above);
  for (DeviceParts& device : parts) {
    for (auto& [key, value] : device.values) {
      const auto* const found = find_value(over, device.device, key);
      if (found != nullptr) value = *found;
    }
  }
  const std::string added = unnamed(above, below);
  for (const DeviceParts& device : parts_of(added)) {
    auto known = std::ranges::find(parts, device.device, &DeviceParts::device);
    if (known == parts.end()) known = parts.insert(parts.end(), {device.device, {}});
    known->values.insert(known->values.end(), device.values.begin(), device.values.end());
  }
  return lines_of(parts);
}

std::string unnamed(const std::string& lines, const std::string& named) {
  auto parts = parts_of(lines);
  const auto names = parts_of(named);
  for (DeviceParts& device : parts) {
    std::erase_if(device.values, [&](const auto& value) {
      return find_value(names, device.device, value.first) != nullptr;
    });
  }
  return lines_of(parts);
}

bool is_device_number(std::string_view text) {
  const auto parts = split(text, ':');
  return parts.size() == 2 && parse_integer<std::uint32_t>(parts[0]) &&
         parse_integer<std::uint32_t>(parts[1]);
}

std::string normal_device_number(std::string_view number) {
  const auto parts = split(number, ':');
  return std::to_string(parse_integer<std::uint32_t>(parts.at(0)).value_or(0)) + ":" +
         std::to_string(parse_integer<std::uint32_t>(parts.at(1)).value_or(0));
}

std::string_view disk_of_partition(std::string_view name) {
  static constexpr std::string_view kDigits = "0123456789";
  const std::size_t end = name.find_last_not_of(kDigits);
  if (end == std::string_view::npos || end + 1 == name.size()) return {};
  const std::string_view stem = name.substr(0, end + 1);
  if (stem.starts_with("/dev/disk/")) {
    return stem.ends_with("-part") ? stem.substr(0, stem.size() - 5) : std::string_view{};
  }
  std::string_view word = stem;
  if (word.starts_with("/dev/")) word.remove_prefix(5);
  const auto begins = [&](std::string_view with) { return word.starts_with(with); };
  // Xen's xvda1 may be a whole disk.
  static constexpr std::array<std::string_view, 3> kLetters{"sd", "hd", "vd"};
  if (std::ranges::any_of(kLetters, begins)) {
    const bool letters = word.size() > 2 && std::ranges::all_of(word.substr(2), [](char c) {
                           return c >= 'a' && c <= 'z';
                         });
    return letters ? stem : std::string_view{};
  }
  static constexpr std::array<std::string_view, 5> kNumbers{"nvme", "mmcblk", "loop", "nbd", "md"};
  const bool numbered = std::ranges::any_of(kNumbers, begins) && word.size() > 2 &&
                        word.back() == 'p' && kDigits.contains(word[word.size() - 2]);
  return numbered ? stem.substr(0, stem.size() - 1) : std::string_view{};
}

std::optional<KnobValue> wanted_io_weight(const Resources& resources) {
  const auto devices = wanted_lines(resources, "io.weight");
  if (!resources.io_weight) return devices;
  KnobValue value{"default " + std::to_string(*resources.io_weight), *resources.io_weight};
  if (!devices) return value;
  if (devices->text.empty()) return KnobValue{};
  value.text += "\n" + devices->text;
  return value;
}

std::optional<KnobValue> wanted_io_max(const Resources& resources) {
  return wanted_lines(resources, "io.max");
}

std::optional<KnobValue> wanted_io_latency(const Resources& resources) {
  return wanted_lines(resources, "io.latency");
}

std::optional<KnobValue> current_io_weight(const cgroup::Sample& sample) {
  if (!sample.io_weight || !sample.io_weight->default_weight) return std::nullopt;
  std::vector<std::string> lines{"default " + std::to_string(*sample.io_weight->default_weight)};
  for (const auto& device : sample.io_weight->devices) {
    lines.push_back(number_of(device) + " " + std::to_string(device.weight));
  }
  return KnobValue{join_lines(lines), *sample.io_weight->default_weight};
}

std::optional<KnobValue> current_io_max(const cgroup::Sample& sample) {
  if (!sample.io_max) return std::nullopt;
  std::vector<std::string> lines;
  for (const auto& device : *sample.io_max) {
    lines.push_back(number_of(device) + " rbps=" + limit_text(device.rbps) +
                    " wbps=" + limit_text(device.wbps) + " riops=" + limit_text(device.riops) +
                    " wiops=" + limit_text(device.wiops));
  }
  return KnobValue{join_lines(lines), 0};
}

std::optional<KnobValue> current_io_latency(const cgroup::Sample& sample) {
  if (!sample.grouped || !sample.grouped->io_latency) return std::nullopt;
  std::vector<std::string> lines;
  for (const auto& device : *sample.grouped->io_latency) {
    lines.push_back(number_of(device) +
                    " target=" + std::to_string(device.target_usec.value_or(0)));
  }
  return KnobValue{join_lines(lines), 0};
}

std::string as_wanted(std::string_view file, const std::string& wanted,
                      const std::string& current) {
  if (!has_devices(file) || wanted.empty()) return current;
  std::map<std::string_view, std::string_view> now;
  for (const std::string_view line : split(current, '\n')) {
    const std::size_t blank = line.find(' ');
    if (blank != std::string_view::npos) now[line.substr(0, blank)] = line.substr(blank + 1);
  }
  std::vector<std::string> lines;
  for (const std::string_view line : split(wanted, '\n')) {
    const auto found = now.find(line.substr(0, line.find(' ')));
    lines.push_back(line_as_wanted(file, line, found == now.end() ? "" : found->second));
  }
  return join_lines(lines);
}

std::optional<std::vector<Policy>> with_device_numbers(const std::vector<Policy>& policies,
                                                       const NodeFacts& facts) {
  if (std::ranges::all_of(policies,
                          [](const Policy& policy) { return policy.resources.devices.empty(); })) {
    return std::nullopt;
  }
  std::vector<Policy> made = policies;
  for (Policy& policy : made) {
    for (auto& [file, settings] : policy.resources.devices) {
      for (DeviceSetting& setting : settings) {
        std::optional<std::string> number = setting.device;
        if (!is_device_number(setting.device)) {
          number = facts.device_number ? facts.device_number(setting.device) : std::nullopt;
        }
        if (!number) continue;
        if (facts.disk_of_partition) {
          setting.partition_of = facts.disk_of_partition(*number).value_or("");
        }
        if (setting.partition_of.empty()) setting.device = *number;
      }
    }
  }
  return made;
}

std::string device_fault(const Resources& resources, std::string_view file) {
  const auto* settings = settings_of(resources, file);
  if (settings == nullptr) return {};
  for (const DeviceSetting& setting : *settings) {
    if (!setting.partition_of.empty()) {
      return fmt::format("{} is a partition of {}: the kernel limits whole disks only",
                         setting.device, setting.partition_of);
    }
    if (!can_be_written(setting)) {
      return fmt::format("no block device is called {} here", setting.device);
    }
  }
  return {};
}

}  // namespace cgwarden::policy
