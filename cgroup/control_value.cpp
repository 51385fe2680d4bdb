#include "cgroup/control_value.h"

#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "base/text.h"
#include "cgroup/format.h"
#include "cgroup/grouped_format.h"
#include "cgroup/quote.h"

namespace cgwarden::cgroup {
namespace {

enum class Kind { number, limit, bytes, flag, cpu_max, io_max, io_weight, io_latency, ids, line };

struct KindOfFile {
  std::string_view file;
  Kind kind;
};

constexpr std::array kKinds{
    KindOfFile{"cpu.max", Kind::cpu_max},        KindOfFile{"cpu.max.burst", Kind::number},
    KindOfFile{"cpu.weight", Kind::number},      KindOfFile{"cpu.idle", Kind::flag},
    KindOfFile{"memory.min", Kind::bytes},       KindOfFile{"memory.low", Kind::bytes},
    KindOfFile{"memory.high", Kind::bytes},      KindOfFile{"memory.max", Kind::bytes},
    KindOfFile{"memory.swap.high", Kind::bytes}, KindOfFile{"memory.swap.max", Kind::bytes},
    KindOfFile{"memory.zswap.max", Kind::bytes}, KindOfFile{"memory.oom.group", Kind::flag},
    KindOfFile{"pids.max", Kind::limit},         KindOfFile{"cgroup.freeze", Kind::flag},
    KindOfFile{"cgroup.max.depth", Kind::limit}, KindOfFile{"cgroup.max.descendants", Kind::limit},
    KindOfFile{"io.max", Kind::io_max},          KindOfFile{"io.weight", Kind::io_weight},
    KindOfFile{"io.latency", Kind::io_latency},  KindOfFile{"cpuset.cpus", Kind::ids},
    KindOfFile{"cpuset.mems", Kind::ids},
};

Kind kind_of(std::string_view file) {
  for (const KindOfFile& row : kKinds) {
    if (row.file == file) return row.kind;
  }
  return Kind::line;
}

// The parsers read whole lines as the kernel prints them; a wanted value comes without its end.
std::string as_line(std::string_view text) { return std::string(trim(text)) + "\n"; }

std::string show(const LimitOf<std::uint64_t>& limit) {
  return is_max(limit) ? "max" : std::to_string(std::get<std::uint64_t>(limit));
}

std::string show(const CpuMax& limit) {
  const std::string quota =
      is_max(limit.quota) ? "max" : std::to_string(std::get<Usec>(limit.quota).count());
  return quota + " " + std::to_string(limit.period.count());
}

template <typename Device>
std::string show_device(const Device& device) {
  return std::to_string(device.major) + ":" + std::to_string(device.minor);
}

Result<ControlValue> resolve_bytes(const std::string& file, std::string_view wanted,
                                   std::uint64_t page_size) {
  CGW_ASSIGN(const LimitOf<std::uint64_t> limit, parse_limit(as_line(wanted), file));
  if (is_max(limit)) return ControlValue{"max", "max"};
  const std::uint64_t bytes = std::get<std::uint64_t>(limit);
  if (bytes > 0 && bytes < page_size) {
    return fail(Error::invalid("write", file,
                               "the kernel counts whole pages and would store " +
                                   std::to_string(bytes) + " bytes as 0; use 0 or at least " +
                                   std::to_string(page_size)));
  }
  // include/linux/page_counter.h PAGE_COUNTER_MAX: from here on the kernel shows "max".
  const std::uint64_t pages = bytes / page_size;
  const auto most =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / page_size;
  return ControlValue{std::to_string(bytes),
                      pages >= most ? "max" : std::to_string(pages * page_size)};
}

// A lone quota keeps the period that is in the file.
Result<CpuMax> parse_wanted_cpu_max(std::string_view wanted, std::string_view current) {
  const std::string_view text = trim(wanted);
  if (text.find(' ') != std::string_view::npos) return parse_cpu_max(as_line(text));
  CGW_ASSIGN(const CpuMax now, parse_cpu_max(current));
  return parse_cpu_max(as_line(std::string(text) + " " + std::to_string(now.period.count())));
}

Result<IoMax> parse_wanted_io_max(std::string_view wanted) {
  CGW_ASSIGN(const std::vector<IoMax> devices, parse_io_max(as_line(wanted)));
  if (devices.size() != 1) {
    return fail(malformed("io.max", quote(wanted) + " does not name one device"));
  }
  return devices.front();
}

// A device without a line has no limits.
IoMax current_io_max(const std::vector<IoMax>& devices, const IoMax& wanted) {
  IoMax found{wanted.major, wanted.minor, Max{}, Max{}, Max{}, Max{}};
  for (const IoMax& device : devices) {
    if (device.major != wanted.major || device.minor != wanted.minor) continue;
    found.rbps = device.rbps.value_or(Max{});
    found.wbps = device.wbps.value_or(Max{});
    found.riops = device.riops.value_or(Max{});
    found.wiops = device.wiops.value_or(Max{});
  }
  return found;
}

std::string show(const IoMax& limit) {
  std::string text = show_device(limit);
  const auto append = [&](std::string_view key, const std::optional<LimitOf<std::uint64_t>>& part) {
    if (part) text += " " + std::string(key) + "=" + show(*part);
  };
  append("rbps", limit.rbps);
  append("wbps", limit.wbps);
  append("riops", limit.riops);
  append("wiops", limit.wiops);
  return text;
}

// "100", "default 100" and "8:0 100"; a device set to "default" loses its line.
Result<std::string> canonical_io_weight(std::string_view wanted) {
  const std::string_view text = trim(wanted);
  if (parse_integer<std::uint32_t>(text))
    return canonical_io_weight("default " + std::string(text));
  const bool reset = text.ends_with(" default");
  const std::string line =
      reset ? std::string(text.substr(0, text.size() - 7)) + "1" : std::string(text);
  CGW_ASSIGN(const IoWeight weight, parse_io_weight(as_line(line)));
  if (reset && weight.devices.size() == 1) return show_device(weight.devices[0]) + " default";
  if (!reset && weight.default_weight) return "default " + std::to_string(*weight.default_weight);
  if (!reset && weight.devices.size() == 1) {
    return show_device(weight.devices[0]) + " " + std::to_string(weight.devices[0].weight);
  }
  return fail(malformed("io.weight", quote(wanted) + " names neither a device nor default"));
}

std::string shown_io_weight(const IoWeight& weights, std::string_view device) {
  if (device == "default") {
    return weights.default_weight ? "default " + std::to_string(*weights.default_weight) : "";
  }
  for (const IoWeight::Device& row : weights.devices) {
    if (show_device(row) == device) {
      return std::string(device) + " " + std::to_string(row.weight);
    }
  }
  return std::string(device) + " default";
}

// "8:0 target=10000", of which the kernel prints no line for a target of 0.
Result<IoLatency> parse_wanted_io_latency(std::string_view wanted) {
  CGW_ASSIGN(const std::vector<IoLatency> devices, parse_io_latency(as_line(wanted)));
  if (devices.size() != 1) {
    return fail(malformed("io.latency", quote(wanted) + " does not name one device"));
  }
  return devices.front();
}

std::string show(const IoLatency& latency) {
  return show_device(latency) + " target=" + std::to_string(latency.target_usec.value_or(0));
}

Error as_invalid(Error error, const std::string& file) {
  if (error.kind != ErrorKind::malformed) return error;
  return Error::invalid("write", file, std::move(error.detail));
}

Result<ControlValue> same(Result<std::string> text) {
  if (!text) return fail(std::move(text).error());
  return ControlValue{*text, *text};
}

Result<std::string> canonical(Kind kind, const std::string& file, std::string_view line) {
  switch (kind) {
    case Kind::number: {
      CGW_ASSIGN(const std::uint64_t number, parse_number(line, file));
      return std::to_string(number);
    }
    case Kind::limit:
    case Kind::bytes: {
      CGW_ASSIGN(const LimitOf<std::uint64_t> limit, parse_limit(line, file));
      return show(limit);
    }
    case Kind::flag: {
      CGW_ASSIGN(const bool flag, parse_flag(line, file));
      return std::string(flag ? "1" : "0");
    }
    default:
      break;
  }
  const std::string_view text = trim(line);
  // Of a cpuset: no list of its own, but that of its parent.
  if (text.empty() && kind == Kind::ids) return std::string();
  if (text.empty() || text.find('\n') != std::string_view::npos) {
    return fail(malformed(file, quote(text) + " is not one line"));
  }
  return std::string(text);
}

Result<ControlValue> resolve(const std::string& file, std::string_view wanted,
                             std::string_view current, std::uint64_t page_size) {
  const Kind kind = kind_of(file);
  switch (kind) {
    case Kind::bytes:
      return resolve_bytes(file, wanted, page_size);
    case Kind::cpu_max: {
      CGW_ASSIGN(const CpuMax limit, parse_wanted_cpu_max(wanted, current));
      return same(show(limit));
    }
    case Kind::io_max: {
      CGW_ASSIGN(const IoMax limit, parse_wanted_io_max(wanted));
      return same(show(limit));
    }
    case Kind::io_weight:
      return same(canonical_io_weight(wanted));
    case Kind::io_latency: {
      CGW_ASSIGN(const IoLatency latency, parse_wanted_io_latency(wanted));
      return same(show(latency));
    }
    default:
      return same(canonical(kind, file, as_line(wanted)));
  }
}

}  // namespace

Result<ControlValue> resolve_value(const std::string& file, std::string_view wanted,
                                   std::string_view current, std::uint64_t page_size) {
  auto value = resolve(file, wanted, current, page_size);
  if (!value) return fail(as_invalid(std::move(value).error(), file));
  return value;
}

Result<std::string> shown_value(const std::string& file, std::string_view wanted,
                                std::string_view current) {
  const Kind kind = kind_of(file);
  switch (kind) {
    case Kind::cpu_max: {
      CGW_ASSIGN(const CpuMax limit, parse_cpu_max(current));
      return show(limit);
    }
    case Kind::io_max: {
      CGW_ASSIGN(const IoMax asked, parse_wanted_io_max(wanted));
      CGW_ASSIGN(const std::vector<IoMax> devices, parse_io_max(current));
      IoMax now = current_io_max(devices, asked);
      // Limits that were not asked about are none of this write's business.
      if (!asked.rbps) now.rbps.reset();
      if (!asked.wbps) now.wbps.reset();
      if (!asked.riops) now.riops.reset();
      if (!asked.wiops) now.wiops.reset();
      return show(now);
    }
    case Kind::io_weight: {
      CGW_ASSIGN(const std::string asked, canonical_io_weight(wanted));
      CGW_ASSIGN(const IoWeight weights, parse_io_weight(current));
      return shown_io_weight(weights, std::string_view(asked).substr(0, asked.find(' ')));
    }
    case Kind::io_latency: {
      CGW_ASSIGN(IoLatency asked, parse_wanted_io_latency(wanted));
      CGW_ASSIGN(const std::vector<IoLatency> devices, parse_io_latency(current));
      asked.target_usec = 0;
      for (const IoLatency& device : devices) {
        if (device.major == asked.major && device.minor == asked.minor) asked = device;
      }
      return show(asked);
    }
    case Kind::line:
      return std::string(trim(current));
    default:
      return canonical(kind, file, current);
  }
}

}  // namespace cgwarden::cgroup
