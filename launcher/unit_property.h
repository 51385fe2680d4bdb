#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "launcher/cgroup_resources.h"
#include "launcher/launch_step.h"

// Properties of a transient unit (org.freedesktop.systemd1(5)), without D-Bus: values of the few
// types they have.
namespace cgwarden::launcher {

// D-Bus types b, i, u, x, t, d, s, as, au, ay.
using UnitValue = std::variant<bool, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t,
                               double, std::string, std::vector<std::string>,
                               std::vector<std::uint32_t>, std::vector<std::uint8_t>>;

struct UnitProperty {
  std::string name;  // "MemoryMax"
  UnitValue value;
  bool operator==(const UnitProperty&) const = default;
};

// The properties that systemd has for the files; the others, and values that only the kernel
// understands, are left out. systemd must know them, or it would write its own over ours at the
// next daemon-reload. CPUQuotaPerSecUSec is rounded up to 10 ms (1 %), as systemd takes it.
[[nodiscard]] std::vector<UnitProperty> unit_properties(const std::vector<ControlWrite>& writes);

// The same writes with the quota of cpu.max rounded up to what systemd will write for
// CPUQuotaPerSecUSec, so that it stays what it is.
[[nodiscard]] std::vector<ControlWrite> with_whole_percents(std::vector<ControlWrite> writes);

// OOMPolicy for memory.oom.group, which systemd takes only when it makes the scope (since 253);
// nullopt when the file is not written.
[[nodiscard]] std::optional<UnitProperty> oom_policy(const std::vector<ControlWrite>& writes);

// Annotations "org.systemd.property.NAME" with a value in GVariant text format: true, 5, uint64 5,
// 'text', ['a', 'b']. NAME ending in Sec is NAME ending in USec in seconds. Stage "cgroup", naming
// the annotation, for anything else.
[[nodiscard]] StepResult<std::vector<UnitProperty>> unit_properties(
    const std::map<std::string, std::string>& annotations);

// "0-2,8" (cpuset(7) "List format") as a bit mask, the lowest byte first; nullopt when it is not
// such a list.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> cpu_mask(std::string_view list);

}  // namespace cgwarden::launcher
