#include "cgroup/device_lines.h"
#include "cgroup/field_table.h"

namespace cgwarden::cgroup {
namespace {

std::optional<std::uint32_t> parse_device_part(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return parse_integer<std::uint32_t>(text);
}

// block/blk-cgroup.c blkcg_print_one_stat. A device line may have no pair at all (5.15 and later
// print the device before they know of any traffic); policies append their own (cost.usage).
constexpr std::array kIoStat{
    CountField<IoStat>{"rbytes", &IoStat::rbytes}, CountField<IoStat>{"wbytes", &IoStat::wbytes},
    CountField<IoStat>{"rios", &IoStat::rios},     CountField<IoStat>{"wios", &IoStat::wios},
    CountField<IoStat>{"dbytes", &IoStat::dbytes}, CountField<IoStat>{"dios", &IoStat::dios},
};

struct LimitField {
  std::string_view key;
  std::optional<LimitOf<std::uint64_t>> IoMax::* member;
};

// block/blk-throttle.c tg_prfill_limit.
constexpr std::array kIoMax{
    LimitField{"rbps", &IoMax::rbps},
    LimitField{"wbps", &IoMax::wbps},
    LimitField{"riops", &IoMax::riops},
    LimitField{"wiops", &IoMax::wiops},
};

bool store_stat(IoStat& stat, const NestedPair& pair) {
  for (const auto& row : kIoStat) {
    if (row.key != pair.key) continue;
    stat.*row.member = parse_integer<std::uint64_t>(pair.value);
    return (stat.*row.member).has_value();
  }
  return true;
}

bool store_limit(IoMax& limit, const NestedPair& pair) {
  for (const LimitField& row : kIoMax) {
    if (row.key != pair.key) continue;
    if (pair.value == "max") {
      limit.*row.member = Max{};
      return true;
    }
    const auto value = parse_integer<std::uint64_t>(pair.value);
    if (!value) return false;
    limit.*row.member = *value;
  }
  return true;
}

}  // namespace

std::optional<DeviceNumber> parse_device(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto major = parse_device_part(text.substr(0, colon));
  const auto minor = parse_device_part(text.substr(colon + 1));
  if (!major || !minor) return std::nullopt;
  return DeviceNumber{*major, *minor};
}

std::span<const CountField<IoStat>> io_stat_fields() { return kIoStat; }

Result<std::vector<IoStat>> parse_io_stat(std::string_view text) {
  return parse_devices<IoStat>(text, "io.stat", store_stat);
}

Result<std::vector<IoMax>> parse_io_max(std::string_view text) {
  return parse_devices<IoMax>(text, "io.max", store_limit);
}

// cgroup-v2.rst "io.weight": 1..10000; block/blk-iocost.c ioc_weight_show.
Result<IoWeight> parse_io_weight(std::string_view text) {
  IoWeight weights;
  CGW_TRY(parse_flat_keyed(text, "io.weight", [&](std::string_view key, std::string_view value) {
    const auto number = parse_device(key);
    if (!number && key != "default") return true;
    const auto weight = parse_integer<std::uint32_t>(value);
    if (!weight || *weight < 1 || *weight > 10000) return false;
    if (number) {
      weights.devices.push_back({number->major, number->minor, *weight});
    } else {
      weights.default_weight = *weight;
    }
    return true;
  }));
  return weights;
}

}  // namespace cgwarden::cgroup
