// The files of the io controller that only few kernels have.
#include <algorithm>
#include <array>
#include <variant>

#include "cgroup/device_lines.h"
#include "cgroup/grouped_format.h"
#include "cgroup/percent.h"
#include "cgroup/quote.h"

namespace cgwarden::cgroup {
namespace {

// A key with a number, or with a percentage of two decimals.
template <typename Device>
struct DeviceField {
  std::string_view key;
  std::variant<Count Device::*, std::optional<Percent> Device::*> member;
};

// block/blk-iocost.c ioc_pd_stat.
constexpr std::array kIoCost{
    DeviceField<IoCost>{"cost.vrate", &IoCost::vrate},
    DeviceField<IoCost>{"cost.usage", &IoCost::usage_usec},
    DeviceField<IoCost>{"cost.wait", &IoCost::wait_usec},
    DeviceField<IoCost>{"cost.indebt", &IoCost::indebt_usec},
    DeviceField<IoCost>{"cost.indelay", &IoCost::indelay_usec},
};

// block/blk-iocost.c ioc_qos_prfill.
constexpr std::array kIoCostQos{
    DeviceField<IoCostQos>{"enable", &IoCostQos::enable},
    DeviceField<IoCostQos>{"rpct", &IoCostQos::rpct},
    DeviceField<IoCostQos>{"rlat", &IoCostQos::rlat_usec},
    DeviceField<IoCostQos>{"wpct", &IoCostQos::wpct},
    DeviceField<IoCostQos>{"wlat", &IoCostQos::wlat_usec},
    DeviceField<IoCostQos>{"min", &IoCostQos::min},
    DeviceField<IoCostQos>{"max", &IoCostQos::max},
};

// block/blk-iocost.c ioc_cost_model_prfill.
constexpr std::array kIoCostModel{
    DeviceField<IoCostModel>{"rbps", &IoCostModel::rbps},
    DeviceField<IoCostModel>{"rseqiops", &IoCostModel::rseqiops},
    DeviceField<IoCostModel>{"rrandiops", &IoCostModel::rrandiops},
    DeviceField<IoCostModel>{"wbps", &IoCostModel::wbps},
    DeviceField<IoCostModel>{"wseqiops", &IoCostModel::wseqiops},
    DeviceField<IoCostModel>{"wrandiops", &IoCostModel::wrandiops},
};

// block/blk-iolatency.c iolatency_prfill_limit.
constexpr std::array kIoLatency{
    DeviceField<IoLatency>{"target", &IoLatency::target_usec},
};

// block/blk-ioprio.c policy_name[].
constexpr std::array<std::string_view, 5> kPrioClasses{"no-change", "promote-to-rt", "none-to-rt",
                                                       "restrict-to-be", "idle"};

template <typename Device, std::size_t Size>
Result<std::vector<Device>> parse_table(std::string_view text, std::string_view where,
                                        const std::array<DeviceField<Device>, Size>& table) {
  return parse_devices<Device>(text, where, [&](Device& device, const NestedPair& pair) {
    const auto* const row = std::ranges::find(table, pair.key, &DeviceField<Device>::key);
    if (row == table.end()) return true;
    if (const auto* const number = std::get_if<0>(&row->member)) {
      device.** number = parse_integer<std::uint64_t>(pair.value);
      return (device.**number).has_value();
    }
    const auto percent = std::get<1>(row->member);
    device.*percent = parse_hundredths(pair.value);
    return (device.*percent).has_value();
  });
}

}  // namespace

Result<std::vector<IoCost>> parse_io_cost(std::string_view text) {
  CGW_ASSIGN(auto devices, parse_table(text, "io.stat", kIoCost));
  std::erase_if(devices, [](const IoCost& device) {
    IoCost none;
    none.major = device.major;
    none.minor = device.minor;
    return device == none;
  });
  return devices;
}

Result<std::vector<IoLatency>> parse_io_latency(std::string_view text) {
  return parse_table(text, "io.latency", kIoLatency);
}

Result<std::vector<IoCostQos>> parse_io_cost_qos(std::string_view text) {
  return parse_table(text, "io.cost.qos", kIoCostQos);
}

Result<std::vector<IoCostModel>> parse_io_cost_model(std::string_view text) {
  return parse_table(text, "io.cost.model", kIoCostModel);
}

Result<std::string> parse_io_prio_class(std::string_view text) {
  const std::string_view name = text.substr(0, text.empty() ? 0 : text.size() - 1);
  if (!text.ends_with('\n') || std::ranges::find(kPrioClasses, name) == kPrioClasses.end()) {
    return fail(malformed("io.prio.class", quote(text) + " is no policy of I/O priorities"));
  }
  return std::string(name);
}

}  // namespace cgwarden::cgroup
