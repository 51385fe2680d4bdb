#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/samples.h"
#include "policy/knob.h"
#include "policy/node_facts.h"
#include "policy/policy.h"
#include "policy/resources.h"

// Knobs with a line for each block device: io.max, io.latency, io.weight. A value is the lines of
// the devices that a policy names, by number, each as the kernel prints it.
namespace cgwarden::policy {

// Text empty: some device is not known here.
[[nodiscard]] std::optional<KnobValue> wanted_io_weight(const Resources& resources);
[[nodiscard]] std::optional<KnobValue> wanted_io_max(const Resources& resources);
[[nodiscard]] std::optional<KnobValue> wanted_io_latency(const Resources& resources);

// All lines of the file.
[[nodiscard]] std::optional<KnobValue> current_io_weight(const cgroup::Sample& sample);
[[nodiscard]] std::optional<KnobValue> current_io_max(const cgroup::Sample& sample);
[[nodiscard]] std::optional<KnobValue> current_io_latency(const cgroup::Sample& sample);

// Of the current text of a file what `wanted` speaks of, in its form; a device without a line has
// no limit. Of other files: the current text.
[[nodiscard]] std::string as_wanted(std::string_view file, const std::string& wanted,
                                    const std::string& current);

// io.max, io.latency and io.weight: an original has what each device had.
[[nodiscard]] bool has_devices(std::string_view file);
// The lines of `below` with what `above` says over them, by device and key.
[[nodiscard]] std::string laid_over(const std::string& below, const std::string& above);
// What `lines` have of the devices and keys that `named` does not name.
[[nodiscard]] std::string unnamed(const std::string& lines, const std::string& named);

// "8:0", also as "008:0".
[[nodiscard]] bool is_device_number(std::string_view text);
// Such a number as the kernel prints it: without leading zeros.
[[nodiscard]] std::string normal_device_number(std::string_view number);

// The disk of a partition that the name shows to be one: "sda" of "sda1", "/dev/nvme0n1" of
// "/dev/nvme0n1p1", also of udev's links ("...-part1"). Empty: it may be a whole disk.
[[nodiscard]] std::string_view disk_of_partition(std::string_view name);

// The policies with the numbers of the devices that they name; nullopt: none names any. A device
// that is not known, or is a partition, keeps its name.
[[nodiscard]] std::optional<std::vector<Policy>> with_device_numbers(
    const std::vector<Policy>& policies, const NodeFacts& facts);

// Why the first device that cannot be limited is none, for a person; empty: all can.
[[nodiscard]] std::string device_fault(const Resources& resources, std::string_view file);

}  // namespace cgwarden::policy
