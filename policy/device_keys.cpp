#include "policy/device_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "policy/device_knobs.h"

namespace cgwarden::policy {
namespace {

Parsed<std::uint64_t> parse_device_weight(std::string_view text) {
  auto weight = parse_count(text, 1, 10000);
  if (!weight) weight.error().rule = "L11";
  return weight;
}

bool is_device_name(std::string_view name) {
  if (is_device_number(name)) return true;
  if (name.starts_with("/dev/")) name.remove_prefix(5);
  return !name.empty() && !name.starts_with('/') && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.+:!/@").contains(c);
  });
}

// "008:0" is what the kernel prints as 8:0.
std::string device_of(const Node& node) {
  return is_device_number(node.key) ? normal_device_number(node.key) : node.key;
}

bool check_device(const Node& node, std::string_view name, Findings& findings) {
  if (const std::string_view disk = disk_of_partition(node.key); !disk.empty()) {
    findings.error(
        node.key_place,
        fmt::format("{} is a partition: the kernel limits whole disks only (ENODEV)", name),
        fmt::format("name the disk: {}", disk), "L37");
    return false;
  }
  if (is_device_name(node.key)) return true;
  findings.error(node.key_place, fmt::format("{} is not the name of a block device", name),
                 "as the kernel has it (sda), a path below /dev, or its number in quotes: \"8:0\"");
  return false;
}

bool is_map_of_devices(const Node& node, std::string_view name, const char* example,
                       Findings& findings) {
  if (node.kind != NodeKind::map) {
    report_kind(node, name, "a map of devices", example, findings);
    return false;
  }
  if (!node.children.empty()) return true;
  findings.error(node.place, fmt::format("{} names no device", name), example);
  return false;
}

// A rate: bytes or operations a second, or max; 0 would stop everything.
std::optional<std::string> read_rate(const Node& node, const std::string& name, bool bytes,
                                     Findings& findings) {
  const auto text = read_text(node, name, findings);
  if (!text) return std::nullopt;
  if (*text == "max") return text;
  if (bytes) {
    // Bytes as they are: blk-throttle knows no pages.
    const auto size = read_value(node, name, findings, parse_size);
    if (!size) return std::nullopt;
    if (size->value > 0) return std::to_string(size->value);
    findings.error(node.place, fmt::format("{} of 0 lets nothing through", name), "write max");
    return std::nullopt;
  }
  const auto count = read_value(node, name, findings, [](std::string_view value) {
    return parse_count(value, 1, std::numeric_limits<std::uint32_t>::max());
  });
  if (!count) return std::nullopt;
  return std::to_string(*count);
}

struct Rate {
  const char* key;
  bool bytes;
};
// In the order of the kernel's line.
constexpr std::array kRates{Rate{"rbps", true}, Rate{"wbps", true}, Rate{"riops", false},
                            Rate{"wiops", false}};

std::optional<std::string> read_rates(const Node& node, const std::string& name,
                                      Findings& findings) {
  static constexpr const char* kExample = "max: {sda: {rbps: 10MiB, wiops: 100}}";
  if (node.kind != NodeKind::map) {
    report_kind(node, name, "a map of rates", kExample, findings);
    return std::nullopt;
  }
  MapReader rates(node, name + ".", findings);
  std::string line;
  bool good = true;
  for (const Rate& rate : kRates) {
    const Node* value = rates.find(rate.key);
    if (value == nullptr) continue;
    const auto text = read_rate(*value, rates.name(rate.key), rate.bytes, findings);
    good = good && text;
    if (text) line += (line.empty() ? "" : " ") + std::string(rate.key) + "=" + *text;
  }
  rates.refuse_unknown();
  if (node.children.empty()) {
    findings.error(node.place, fmt::format("{} has no rate", name), kExample);
    return std::nullopt;
  }
  return good ? std::optional(line) : std::nullopt;
}

}  // namespace

bool read_io_weight(const Node& node, std::string_view name, Resources& out, Findings& findings) {
  if (node.kind != NodeKind::map) {
    const auto weight = read_value(node, name, findings, parse_device_weight);
    if (weight) out.io_weight = static_cast<std::uint32_t>(*weight);
    return weight.has_value();
  }
  if (!is_map_of_devices(node, name, "weight: {default: 100, sda: 50}", findings)) return false;
  std::vector<DeviceSetting> settings;
  bool good = true;
  for (const Node& child : node.children) {
    const std::string of = std::string(name) + "." + child.key;
    const auto weight = read_value(child, of, findings, parse_device_weight);
    good = good && weight && (child.key == "default" || check_device(child, of, findings));
    if (!weight) continue;
    if (child.key == "default") {
      out.io_weight = static_cast<std::uint32_t>(*weight);
    } else {
      settings.push_back({device_of(child), std::to_string(*weight)});
    }
  }
  if (!settings.empty()) out.devices["io.weight"] = std::move(settings);
  return good;
}

bool read_io_max(const Node& node, std::string_view name, Resources& out, Findings& findings) {
  if (!is_map_of_devices(node, name, "max: {sda: {rbps: 10MiB, wiops: 100}}", findings)) {
    return false;
  }
  std::vector<DeviceSetting> settings;
  bool good = true;
  for (const Node& child : node.children) {
    const std::string of = std::string(name) + "." + child.key;
    const auto rates = read_rates(child, of, findings);
    good = check_device(child, of, findings) && good && rates;
    if (rates) settings.push_back({device_of(child), *rates});
  }
  out.devices["io.max"] = std::move(settings);
  return good;
}

bool read_io_latency(const Node& node, std::string_view name, Resources& out, Findings& findings) {
  if (!is_map_of_devices(node, name, "latency: {sda: 10ms}", findings)) return false;
  std::vector<DeviceSetting> settings;
  bool good = true;
  for (const Node& child : node.children) {
    const std::string of = std::string(name) + "." + child.key;
    const auto target = read_value(child, of, findings, parse_duration);
    good = check_device(child, of, findings) && good && target;
    if (target) settings.push_back({device_of(child), "target=" + std::to_string(target->count())});
  }
  out.devices["io.latency"] = std::move(settings);
  return good;
}

}  // namespace cgwarden::policy
