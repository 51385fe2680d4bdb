#include "exporters/catalog.h"

#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "exporters/catalog_tables.h"

namespace cgwarden::exporters {
namespace {

// 20 digits of a 64-bit number and a point; the longest shortest form of a double has 24 bytes.
using NumberBuffer = std::array<char, 32>;

template <typename Number>
void append_number(std::string& out, Number number) {
  NumberBuffer buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  out.append(buffer.data(), end);
}

// Exact: 1500000 is "1.5", 7 is "0.000007".
void append_seconds(std::string& out, std::uint64_t usec) {
  append_number(out, usec / 1000000);
  std::uint64_t fraction = usec % 1000000;
  if (fraction == 0) return;
  std::array<char, 7> digits{'.', '0', '0', '0', '0', '0', '0'};
  for (std::size_t i = digits.size(); --i > 0; fraction /= 10) {
    digits[i] = static_cast<char>('0' + fraction % 10);
  }
  const std::string_view text(digits.data(), digits.size());
  out.append(text.substr(0, text.find_last_not_of('0') + 1));
}

void append_real(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    append_number(out, value);
  }
}

std::vector<CgroupMetric> metrics_of(cgroup::FileGroup group) {
  switch (group) {
    using enum cgroup::FileGroup;
    case cgroup:
      return cgroup_group_metrics();
    case cpu:
      return cpu_group_metrics();
    case cpuset:
      return cpuset_group_metrics();
    case memory:
      return memory_group_metrics();
    case memory_stat:
      return memory_stat_group_metrics();
    case memory_numa_stat:
      return memory_numa_stat_group_metrics();
    case io:
      return io_group_metrics();
    case pids:
      return pids_group_metrics();
    case hugetlb:
      return hugetlb_group_metrics();
    case rdma:
      return rdma_group_metrics();
    case misc:
      return misc_group_metrics();
  }
  return {};
}

}  // namespace

void Value::append_to(std::string& out) const {
  switch (kind_) {
    case Kind::count:
      append_number(out, integer_);
      break;
    case Kind::usec:
      append_seconds(out, integer_);
      break;
    case Kind::real:
      append_real(out, real_);
      break;
  }
}

double Value::as_double() const {
  switch (kind_) {
    case Kind::count:
      return static_cast<double>(integer_);
    case Kind::usec:
      return static_cast<double>(integer_) / 1e6;
    case Kind::real:
      break;
  }
  return real_;
}

const std::vector<CgroupMetric>& cgroup_metrics() {
  static const std::vector<CgroupMetric> metrics = [] {
    std::vector<CgroupMetric> all;
    for (auto&& part : {core_metrics(), cpu_metrics(), memory_metrics(), memory_limit_metrics(),
                        pressure_metrics(), io_metrics(), pids_metrics()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    for (const cgroup::FileGroup group : cgroup::kAllFileGroups) {
      for (CgroupMetric& metric : metrics_of(group)) {
        metric.group = group;
        all.push_back(std::move(metric));
      }
    }
    return all;
  }();
  return metrics;
}

}  // namespace cgwarden::exporters
