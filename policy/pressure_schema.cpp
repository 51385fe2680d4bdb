#include "policy/pressure_schema.h"

#include <fmt/format.h>

#include <array>
#include <string>

namespace cgwarden::policy {
namespace {

// kernel/sched/psi.c: WINDOW_MIN_US, WINDOW_MAX_US; windows of others than CAP_SYS_RESOURCE are
// multiples of PSI_FREQ, which are also those that cost no kernel thread.
constexpr Usec kShortest{500'000};
constexpr Usec kLongest{10'000'000};
constexpr Usec kPeriod{2'000'000};
constexpr const char* kWatchExample = "watch: {pressure: {memory: {some: 150ms, window: 2s}}}";

Parsed<Usec> parse_window(std::string_view text) {
  auto window = parse_duration(text);
  if (window && (*window < kShortest || *window > kLongest)) {
    return std::unexpected(ValueFault{"the kernel takes windows from 500ms to 10s",
                                      "2s is the default, and costs least", "L26"});
  }
  return window;
}

void read_line(MapReader& map, const char* line, const cgroup::PressureThreshold& base,
               std::vector<cgroup::PressureThreshold>& out, Findings& findings) {
  const Node* node = map.find(line);
  if (node == nullptr) return;
  const auto stall =
      read_value(*node, map.name(line), findings, [&](std::string_view text) -> Parsed<Usec> {
        auto value = parse_duration(text);
        if (value && (*value == Usec{0} || *value > base.window)) {
          return std::unexpected(
              ValueFault{fmt::format("the stall must be above 0 and at most the window ({})",
                                     human_duration(base.window)),
                         "150ms of 2s are 7.5 percent of the time", "L26"});
        }
        return value;
      });
  if (!stall) return;
  out.push_back(base);
  out.back().line = line;
  out.back().stall = *stall;
}

void read_resource(const Node& node, const std::string& name, const std::string& resource,
                   std::vector<cgroup::PressureThreshold>& out, Findings& findings) {
  if (node.kind != NodeKind::map) return report_kind(node, name, "a map", kWatchExample, findings);
  MapReader map(node, name + ".", findings);
  cgroup::PressureThreshold base{.resource = resource, .line = "", .window = kPeriod};
  if (const Node* window = map.find("window")) {
    const auto value = read_value(*window, map.name("window"), findings, parse_window);
    if (!value) return;
    base.window = *value;
    if (*value % kPeriod != Usec{0}) {
      findings.warning(findings.source().position(window->place),
                       "a window that is no multiple of 2s needs CAP_SYS_RESOURCE, and costs a "
                       "kernel thread for each cgroup",
                       "write 2s, 4s, 6s, 8s or 10s");
    }
  }
  const std::size_t before = out.size();
  const bool clean = !findings.has_errors();
  read_line(map, "some", base, out, findings);
  read_line(map, "full", base, out, findings);
  map.refuse_unknown();
  if (out.size() == before && clean && !findings.has_errors()) {
    findings.error(node.place, name + " has no threshold", kWatchExample);
  }
}

}  // namespace

std::vector<cgroup::PressureThreshold> read_watch(const Node& node, Findings& findings) {
  std::vector<cgroup::PressureThreshold> thresholds;
  if (node.kind != NodeKind::map) {
    report_kind(node, "watch", "a map", kWatchExample, findings);
    return thresholds;
  }
  MapReader watch(node, "watch.", findings);
  if (const Node* pressure = watch.require("pressure", kWatchExample)) {
    if (pressure->kind != NodeKind::map) {
      report_kind(*pressure, "watch.pressure", "a map", kWatchExample, findings);
    } else {
      MapReader map(*pressure, "watch.pressure.", findings);
      for (const char* resource : {"cpu", "memory", "io"}) {
        if (const Node* of = map.find(resource)) {
          read_resource(*of, map.name(resource), resource, thresholds, findings);
        }
      }
      map.refuse_unknown();
    }
  }
  watch.refuse_unknown();
  return thresholds;
}

}  // namespace cgwarden::policy
