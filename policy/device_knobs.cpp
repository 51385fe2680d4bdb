#include "policy/device_knobs.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "cgroup/grouped_files.h"

namespace cgwarden::policy {
namespace {

bool has_devices(std::string_view file) {
  return file == "io.max" || file == "io.latency" || file == "io.weight";
}

const std::vector<DeviceSetting>* settings_of(const Resources& resources, std::string_view file) {
  const auto found = resources.devices.find(file);
  return found == resources.devices.end() ? nullptr : &found->second;
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

// Of one device by two names the later counts.
std::optional<std::vector<std::string>> numbered_lines(const std::vector<DeviceSetting>& settings) {
  std::map<std::string, std::string> lines;
  for (const DeviceSetting& setting : settings) {
    if (!is_device_number(setting.device)) return std::nullopt;
    lines[setting.device] = setting.device + " " + setting.value;
  }
  std::vector<std::string> sorted;
  for (const auto& [device, line] : lines) sorted.push_back(line);
  return sorted;
}

std::optional<KnobValue> wanted_lines(const Resources& resources, std::string_view file) {
  const auto* settings = settings_of(resources, file);
  if (settings == nullptr) return std::nullopt;
  const auto lines = numbered_lines(*settings);
  return lines ? KnobValue{join_lines(*lines), 0} : KnobValue{};
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

}  // namespace

bool is_device_number(std::string_view text) {
  const auto parts = split(text, ':');
  return parts.size() == 2 && parse_integer<std::uint32_t>(parts[0]) &&
         parse_integer<std::uint32_t>(parts[1]);
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
        if (is_device_number(setting.device) || !facts.device_number) continue;
        if (const auto number = facts.device_number(setting.device)) setting.device = *number;
      }
    }
  }
  return made;
}

std::string unknown_device(const Resources& resources, std::string_view file) {
  const auto* settings = settings_of(resources, file);
  if (settings == nullptr) return {};
  for (const DeviceSetting& setting : *settings) {
    if (!is_device_number(setting.device)) return setting.device;
  }
  return {};
}

}  // namespace cgwarden::policy
