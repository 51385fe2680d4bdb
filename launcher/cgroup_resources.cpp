#include "launcher/cgroup_resources.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/text.h"

namespace cgwarden::launcher {
namespace {

using Writes = std::vector<ControlWrite>;

std::unexpected<LaunchError> bad(const std::string& property, const std::string& is,
                                 const std::string& rule) {
  return refused("resources", "linux.resources." + property + " is " + is + ", but " + rule);
}

// -1 is "no limit" in every limit of linux.resources.
std::string limit_text(std::int64_t limit) { return limit < 0 ? "max" : std::to_string(limit); }

Step check_limit(const std::string& property, const std::optional<std::int64_t>& limit) {
  if (!limit || *limit >= -1) return {};
  return bad(property, std::to_string(*limit), "only -1 (no limit), 0 and above have a meaning");
}

// memory.swap of OCI counts memory and swap together, memory.swap.max of the kernel swap alone.
Step add_swap(const Resources::Memory& memory, Writes& writes) {
  if (!memory.swap || *memory.swap == 0) {
    // A limit taken away takes that of memory and swap together with it.
    if (memory.limit == -1) writes.push_back({"memory.swap.max", "max"});
    return {};
  }
  if (*memory.swap == -1) {
    writes.push_back({"memory.swap.max", "max"});
    return {};
  }
  const std::string swap = std::to_string(*memory.swap);
  if (!memory.limit || *memory.limit <= 0) {
    return bad("memory.swap", swap,
               "it counts memory and swap together, so memory.limit must be set, too");
  }
  if (*memory.swap < *memory.limit) {
    return bad("memory.swap", swap,
               "it counts memory and swap together and must be at least memory.limit (" +
                   std::to_string(*memory.limit) + ")");
  }
  writes.push_back({"memory.swap.max", std::to_string(*memory.swap - *memory.limit)});
  return {};
}

Step add_memory(const Resources::Memory& memory, Writes& writes) {
  CGW_TRY(check_limit("memory.limit", memory.limit));
  CGW_TRY(check_limit("memory.reservation", memory.reservation));
  CGW_TRY(check_limit("memory.swap", memory.swap));
  constexpr std::int64_t kPage = 4096;
  if (memory.limit && *memory.limit > 0 && *memory.limit < kPage) {
    return bad("memory.limit", std::to_string(*memory.limit),
               "the kernel counts whole pages and would take it as 0; use at least 4096");
  }
  if (memory.limit && *memory.limit != 0) {
    writes.push_back({"memory.max", limit_text(*memory.limit)});
  }
  CGW_TRY(add_swap(memory, writes));
  if (memory.reservation) writes.push_back({"memory.low", limit_text(*memory.reservation)});
  return {};
}

// The ends of both ranges are given, 1024 is 100, and between them the curve is one that keeps
// small shares apart. Values outside the range are clamped, as v1 kernels do.
std::uint64_t weight_of_shares(std::uint64_t shares) {
  constexpr std::uint64_t kLeast = 2;
  constexpr std::uint64_t kMost = 262144;
  if (shares <= kLeast) return 1;
  if (shares >= kMost) return 10000;
  const double log = std::log2(static_cast<double>(shares));
  const double exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
  return static_cast<std::uint64_t>(std::ceil(std::pow(10.0, exponent)));
}

// kernel/sched/core.c tg_set_cfs_bandwidth.
Step check_bandwidth(const Resources::Cpu& cpu) {
  if (cpu.period_usec && *cpu.period_usec != 0 &&
      (*cpu.period_usec < 1000 || *cpu.period_usec > 1000000)) {
    return bad("cpu.period", std::to_string(*cpu.period_usec),
               "the kernel takes 1000 to 1000000 microseconds");
  }
  const bool limited = cpu.quota_usec && *cpu.quota_usec > 0;
  if (limited && *cpu.quota_usec < 1000) {
    return bad("cpu.quota", std::to_string(*cpu.quota_usec),
               "the kernel takes 1000 microseconds and more");
  }
  if (limited && cpu.burst_usec && *cpu.burst_usec > static_cast<std::uint64_t>(*cpu.quota_usec)) {
    return bad("cpu.burst", std::to_string(*cpu.burst_usec),
               "it may not exceed cpu.quota (" + std::to_string(*cpu.quota_usec) + ")");
  }
  return {};
}

Step add_cpu(const Resources::Cpu& cpu, Writes& writes) {
  CGW_TRY(check_bandwidth(cpu));
  if (cpu.shares && *cpu.shares != 0) {
    writes.push_back({"cpu.weight", std::to_string(weight_of_shares(*cpu.shares))});
  }
  const std::int64_t quota = cpu.quota_usec.value_or(0);
  const std::uint64_t period = cpu.period_usec.value_or(0);
  if (quota != 0 || period != 0) {
    writes.push_back({"cpu.max", (quota > 0 ? std::to_string(quota) : "max") + " " +
                                     std::to_string(period != 0 ? period : 100000)});
  }
  if (cpu.burst_usec) writes.push_back({"cpu.max.burst", std::to_string(*cpu.burst_usec)});
  if (cpu.idle) {
    if (*cpu.idle != 0 && *cpu.idle != 1) {
      return bad("cpu.idle", std::to_string(*cpu.idle), "it is 0 or 1");
    }
    writes.push_back({"cpu.idle", std::to_string(*cpu.idle)});
  }
  if (!cpu.cpus.empty()) writes.push_back({"cpuset.cpus", cpu.cpus});
  if (!cpu.mems.empty()) writes.push_back({"cpuset.mems", cpu.mems});
  return {};
}

StepResult<std::string> device_name(const std::string& property, std::int64_t major,
                                    std::int64_t minor) {
  const std::string name = std::to_string(major) + ":" + std::to_string(minor);
  // 12 and 20 bits, include/linux/kdev_t.h.
  if (major < 0 || major >= 1 << 12 || minor < 0 || minor >= 1 << 20) {
    return bad(property, "for the device " + name, "device numbers are 0 to 4095 and 0 to 1048575");
  }
  return name;
}

StepResult<std::string> weight_of_block_io(const std::string& property, std::uint16_t weight) {
  if (weight < 10 || weight > 1000) {
    return bad(property, std::to_string(weight), "a weight is 10 to 1000");
  }
  return std::to_string(1 + (std::uint32_t{weight} - 10) * 9999 / 990);
}

Step add_rates(const std::string& property, const char* key, const std::vector<DeviceRate>& rates,
               Writes& writes) {
  for (const DeviceRate& rate : rates) {
    CGW_ASSIGN(const std::string device,
               device_name("blockIO." + property, rate.major, rate.minor));
    const std::string value = rate.rate == 0 ? "max" : std::to_string(rate.rate);
    writes.push_back({"io.max", device + " " + key + "=" + value});
  }
  return {};
}

Step add_block_io(const Resources::BlockIo& io, Writes& writes) {
  if (io.weight && *io.weight != 0) {
    CGW_ASSIGN(const std::string weight, weight_of_block_io("blockIO.weight", *io.weight));
    writes.push_back({"io.weight", "default " + weight, "default " + std::to_string(*io.weight)});
  }
  for (const DeviceWeight& one : io.weight_device) {
    if (!one.weight || *one.weight == 0) continue;
    const std::string property = "blockIO.weightDevice";
    CGW_ASSIGN(const std::string device, device_name(property, one.major, one.minor));
    CGW_ASSIGN(const std::string weight, weight_of_block_io(property, *one.weight));
    writes.push_back(
        {"io.weight", device + " " + weight, device + " " + std::to_string(*one.weight)});
  }
  CGW_TRY(add_rates("throttleReadBpsDevice", "rbps", io.read_bps, writes));
  CGW_TRY(add_rates("throttleWriteBpsDevice", "wbps", io.write_bps, writes));
  CGW_TRY(add_rates("throttleReadIOPSDevice", "riops", io.read_iops, writes));
  return add_rates("throttleWriteIOPSDevice", "wiops", io.write_iops, writes);
}

// "64KB", "2MB", "1GB": the names of mm/hugetlb_cgroup.c.
bool is_page_size(std::string_view name) {
  const std::size_t digits = name.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos || digits > 4) return false;
  const std::string_view unit = name.substr(digits);
  return unit == "KB" || unit == "MB" || unit == "GB";
}

Step add_huge_pages(const std::map<std::string, std::uint64_t>& limits, Writes& writes) {
  for (const auto& [size, bytes] : limits) {
    if (!is_page_size(size)) {
      return bad("hugepageLimits.pageSize", '"' + printable(size) + '"',
                 "a page size is written as 64KB, 2MB or 1GB");
    }
    // Reservations are what mmap(2) makes; without the second limit they could exceed the first.
    writes.push_back({"hugetlb." + size + ".max", std::to_string(bytes)});
    writes.push_back({"hugetlb." + size + ".rsvd.max", std::to_string(bytes)});
  }
  return {};
}

Step add_rdma(const std::map<std::string, Resources::Rdma>& devices, Writes& writes) {
  for (const auto& [device, limits] : devices) {
    if (device.empty() || device.find_first_of(" \t\n") != std::string::npos) {
      return bad("rdma", "for the device \"" + printable(device) + '"',
                 "that is not the name of a device");
    }
    std::string value = device;
    if (limits.hca_handles) value += " hca_handle=" + std::to_string(*limits.hca_handles);
    if (limits.hca_objects) value += " hca_object=" + std::to_string(*limits.hca_objects);
    if (value != device) writes.push_back({"rdma.max", std::move(value)});
  }
  return {};
}

// Files in which every write is about one device only.
bool is_keyed(std::string_view file) {
  constexpr std::array<std::string_view, 3> kKeyed{"io.max", "io.weight", "rdma.max"};
  return std::find(kKeyed.begin(), kKeyed.end(), file) != kKeyed.end();
}

Step add_unified(const std::map<std::string, std::string>& unified, Writes& writes) {
  for (const auto& [file, value] : unified) {
    const std::size_t dot = file.find('.');
    if (dot == 0 || dot == std::string::npos || file.find('/') != std::string::npos ||
        file.find('\0') != std::string::npos) {
      return bad("unified", "for \"" + printable(file) + '"',
                 "a control file is a plain name like memory.high");
    }
    if (!is_keyed(file)) {
      std::erase_if(writes, [&](const ControlWrite& write) { return write.file == file; });
    }
    writes.push_back({file, value});
  }
  return {};
}

}  // namespace

StepResult<std::vector<ControlWrite>> control_writes(const Resources& resources) {
  Writes writes;
  CGW_TRY(add_memory(resources.memory, writes));
  CGW_TRY(add_cpu(resources.cpu, writes));
  if (resources.pids_limit) {
    const std::int64_t limit = *resources.pids_limit;
    // None at all could not be entered, and systemd has no TasksMax=0: the least is one, as in
    // runc.
    writes.push_back(
        {"pids.max", limit < 0 ? "max" : std::to_string(std::max<std::int64_t>(limit, 1))});
  }
  CGW_TRY(add_block_io(resources.block_io, writes));
  CGW_TRY(add_huge_pages(resources.hugepage_limits, writes));
  CGW_TRY(add_rdma(resources.rdma, writes));
  CGW_TRY(add_unified(resources.unified, writes));
  return writes;
}

std::vector<std::string> needed_controllers(const std::vector<ControlWrite>& writes) {
  std::vector<std::string> controllers;
  for (const ControlWrite& write : writes) {
    std::string controller = write.file.substr(0, write.file.find('.'));
    if (controller == "cgroup") continue;  // the core's own files are always there
    if (std::find(controllers.begin(), controllers.end(), controller) == controllers.end()) {
      controllers.push_back(std::move(controller));
    }
  }
  return controllers;
}

}  // namespace cgwarden::launcher
