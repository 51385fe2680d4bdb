#include "cgroup/write_error.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/text.h"
#include "cgroup/format.h"
#include "cgroup/path_walk.h"
#include "cgroup/quote.h"
#include "cgroup/sample_reader.h"

namespace cgwarden::cgroup {
namespace {

std::string where_of(const WriteSite& site) {
  return display_path(site.tree.root(), site.path, site.file);
}

Error refuse(const WriteSite& site, ErrorKind kind, int errno_value, std::string detail) {
  return Error{kind, errno_value, "write", where_of(site), std::move(detail)};
}

std::optional<std::vector<std::string>> controllers_of(const WriteSite& site) {
  const auto text = read_control_file(site.cgroup, "cgroup.controllers");
  if (!text) return std::nullopt;
  auto list = parse_list(*text, "cgroup.controllers");
  if (!list) return std::nullopt;
  return *std::move(list);
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::optional<std::uint64_t> burst_of(const WriteSite& site) {
  const auto text = read_control_file(site.cgroup, "cpu.max.burst");
  if (!text) return std::nullopt;
  const auto burst = parse_number(*text, "cpu.max.burst");
  return burst ? std::optional(*burst) : std::nullopt;
}

std::optional<CpuMax> cpu_max_of(const WriteSite& site) {
  const auto text = read_control_file(site.cgroup, "cpu.max");
  if (!text) return std::nullopt;
  const auto limit = parse_cpu_max(*text);
  return limit ? std::optional(*limit) : std::nullopt;
}

// kernel/sched/core.c tg_set_cfs_bandwidth.
std::string explain_cpu_max(const WriteSite& site, std::string_view value) {
  const auto wanted = parse_cpu_max(std::string(value) + "\n");
  if (!wanted) return "it takes a quota and a period in microseconds, or max";
  const std::uint64_t period = wanted->period.count();
  if (period < 1000 || period > 1000000) {
    return "the period must be 1000 to 1000000 microseconds, not " + std::to_string(period);
  }
  if (is_max(wanted->quota)) return "the kernel refused " + quote(value);
  const std::uint64_t quota = std::get<Usec>(wanted->quota).count();
  if (quota < 1000) {
    return "the quota must be at least 1000 microseconds, not " + std::to_string(quota);
  }
  if (const auto burst = burst_of(site); burst && *burst > quota) {
    return "lower cpu.max.burst (" + std::to_string(*burst) +
           ") first: it may not exceed the quota";
  }
  return "the kernel refused " + quote(value);
}

std::string explain_burst(const WriteSite& site, std::string_view value) {
  const auto burst = parse_integer<std::uint64_t>(value);
  const auto limit = cpu_max_of(site);
  if (burst && limit && !is_max(limit->quota)) {
    const std::uint64_t quota = std::get<Usec>(limit->quota).count();
    if (*burst > quota) {
      return "cpu.max.burst (" + std::string(value) + ") may not exceed the quota of cpu.max (" +
             std::to_string(quota) + ")";
    }
  }
  return "the kernel refused " + quote(value);
}

std::string explain_weight(const WriteSite& site, std::string_view value) {
  const auto weight = parse_integer<std::uint64_t>(value);
  if (!weight || *weight < 1 || *weight > 10000) return "a weight is 1 to 10000";
  const auto idle = read_control_file(site.cgroup, "cpu.idle");
  if (idle && *idle == "1\n")
    return "cpu.idle is 1, which takes the weight away: set it to 0 first";
  return "the kernel refused " + quote(value);
}

// The first "+NAME" whose controller the cgroup does not have.
std::string missing_controller(const WriteSite& site, std::string_view value) {
  const auto available = controllers_of(site);
  for (const std::string_view word : split(value, ' ')) {
    if (!word.starts_with('+')) continue;
    if (!available || !contains(*available, word.substr(1))) return std::string(word.substr(1));
  }
  return {};
}

Error explain_subtree_control(const WriteSite& site, std::string_view value, int errno_value) {
  switch (errno_value) {
    case ENOENT:
    case EINVAL: {
      const std::string missing = missing_controller(site, value);
      if (missing.empty()) break;
      return refuse(site, ErrorKind::not_supported, errno_value,
                    "controller " + missing + " is not available under " + std::string(site.path));
    }
    case EBUSY:
      if (value.find('-') != std::string_view::npos) {
        return refuse(site, ErrorKind::busy, errno_value,
                      "a child cgroup still passes the controller on");
      }
      return refuse(site, ErrorKind::busy, errno_value,
                    "the cgroup has processes of its own; move them into a child cgroup first");
    case EOPNOTSUPP:
      return refuse(site, ErrorKind::not_supported, errno_value,
                    "the cgroup is threaded or has threaded children, where only threaded "
                    "controllers (cpu, cpuset, perf_event, pids) can be enabled");
    default:
      break;
  }
  return Error::from_errno(errno_value, "write", where_of(site));
}

Error explain_procs(const WriteSite& site, std::string_view value, int errno_value) {
  const auto answer = [&](ErrorKind kind, std::string detail) {
    return refuse(site, kind, errno_value, std::move(detail));
  };
  switch (errno_value) {
    case ESRCH:
      return answer(ErrorKind::vanished, "process " + std::string(value) + " has ended");
    case EBUSY:
      return answer(
          ErrorKind::busy,
          "controllers are enabled in its cgroup.subtree_control, so processes must be in "
          "one of its children");
    case EOPNOTSUPP:
      return answer(ErrorKind::not_supported, "the cgroup's type is domain invalid or threaded");
    case EINVAL:
      return answer(ErrorKind::invalid,
                    "it takes the number of a process; kernel threads stay "
                    "where they are");
    default:
      return Error::from_errno(errno_value, "write", where_of(site));
  }
}

std::string explain_invalid(const WriteSite& site, std::string_view value) {
  if (site.file == "cpu.max") return explain_cpu_max(site, value);
  if (site.file == "cpu.max.burst") return explain_burst(site, value);
  if (site.file == "cpu.weight") return explain_weight(site, value);
  if (site.file == "io.weight") return "a weight is 1 to 10000";
  return "the kernel refused " + quote(value);
}

}  // namespace

Error explain_open_error(const WriteSite& site, const Error& error) {
  const std::string where = where_of(site);
  if (error.kind != ErrorKind::vanished) {
    return Error::from_errno(error.errno_value, "open", where);
  }
  const auto available = controllers_of(site);
  if (!available) return Error::from_errno(error.errno_value, "open", where);
  const std::string controller = site.file.substr(0, site.file.find('.'));
  const auto unavailable = [&](std::string detail) {
    return Error{ErrorKind::not_supported, error.errno_value, "open", where, std::move(detail)};
  };
  if (controller == "cgroup" || contains(*available, controller)) {
    if (site.path == "/") return unavailable("the root cgroup has no " + site.file);
    return unavailable("this kernel has no " + site.file);
  }
  return unavailable("controller " + controller + " is not available under " +
                     std::string(site.path));
}

Error explain_write_error(const WriteSite& site, std::string_view value, int errno_value) {
  // ENODEV is the answer of a removed cgroup, but also of io.max for a device that does not exist.
  if (errno_value == ENODEV && site.file.starts_with("io.") && controllers_of(site)) {
    return refuse(
        site, ErrorKind::invalid, errno_value,
        "there is no whole block device " + std::string(value.substr(0, value.find(' '))));
  }
  if (site.file == "cgroup.subtree_control") {
    return explain_subtree_control(site, value, errno_value);
  }
  if (site.file == "cgroup.procs") return explain_procs(site, value, errno_value);
  switch (errno_value) {
    case EINVAL:
    case ERANGE:
      return refuse(site, ErrorKind::invalid, errno_value, explain_invalid(site, value));
    case EOPNOTSUPP:
      return refuse(site, ErrorKind::not_supported, errno_value,
                    "the cgroup is threaded or the controller does not do this here");
    default:
      return Error::from_errno(errno_value, "write", where_of(site));
  }
}

}  // namespace cgwarden::cgroup
