#include "policy/agent_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/listen_address.h"
#include "policy/document.h"
#include "policy/match.h"

namespace cgwarden::policy {
namespace {

constexpr const char* kListenExample = "listen: [127.0.0.1:9753, unix:/run/cgwarden/metrics.sock]";
constexpr Usec kLeastTick{100'000};
constexpr Usec kMostTick{60'000'000};
constexpr Usec kMostTier{3'600'000'000};
constexpr std::size_t kMostGlobs = 1000;
// LimitNOFILE of a service cannot be higher than fs.nr_open, whose default this is.
constexpr std::uint64_t kMostFds = 1048576;

void read_listen_address(const Node& node, std::vector<std::string>& out, Findings& findings) {
  const auto text =
      read_value(node, "listen", findings, [](std::string_view wanted) -> Parsed<std::string> {
        const auto address = parse_listen_address(wanted);
        if (!address) return std::unexpected(ValueFault{address.error().detail, kListenExample});
        return std::string(wanted);
      });
  if (!text) return;
  if (std::ranges::find(out, *text) != out.end()) {
    findings.error(node.place, fmt::format("the address {} stands twice", *text), "name it once");
    return;
  }
  out.push_back(*text);
}

void read_listen(MapReader& document, AgentConfig& config, Findings& findings) {
  const Node* node = document.find("listen");
  if (node == nullptr) return;
  std::vector<std::string> addresses;
  if (node->kind == NodeKind::sequence) {
    for (const Node& child : node->children) read_listen_address(child, addresses, findings);
  } else {
    read_listen_address(*node, addresses, findings);
  }
  if (addresses.size() > limits::kListenAddresses) {
    findings.error(node->place, fmt::format("the agent listens on at most {} addresses",
                                            limits::kListenAddresses));
  }
  config.listen = std::move(addresses);
}

struct IntervalRange {
  Usec least;
  Usec most;
};

// False when the key is not there or (reported) not an interval.
bool read_interval(MapReader& map, std::string_view key, IntervalRange range, Usec& out,
                   Findings& findings) {
  const Node* node = map.find(key);
  if (node == nullptr) return false;
  const auto value =
      read_value(*node, map.name(key), findings, [range](std::string_view text) -> Parsed<Usec> {
        auto interval = parse_duration(text);
        if (interval && (*interval < range.least || *interval > range.most)) {
          return std::unexpected(
              ValueFault{fmt::format("it is outside {}ms to {}s", range.least.count() / 1000,
                                     range.most.count() / 1'000'000),
                         ""});
        }
        return interval;
      });
  if (value) out = *value;
  return value.has_value();
}

void read_intervals(MapReader& document, AgentConfig& config, Findings& findings) {
  static constexpr const char* kExample = "intervals: {tick: 1s, medium: 5s, slow: 15s}";
  const Node* node = document.find("intervals");
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) {
    return report_kind(*node, "intervals", "a map", kExample, findings);
  }
  MapReader map(*node, "intervals.", findings);
  SamplingIntervals intervals;
  Usec tick = intervals.tick;
  if (read_interval(map, "tick", {kLeastTick, kMostTick}, tick, findings)) intervals.set_tick(tick);
  const IntervalRange tier{tick, kMostTier};
  read_interval(map, "medium", tier, intervals.medium, findings);
  read_interval(map, "slow", tier, intervals.slow, findings);
  read_interval(map, "limits", tier, intervals.limits, findings);
  map.refuse_unknown();
  config.intervals = intervals;
}

void read_sampling(MapReader& document, AgentConfig& config, Findings& findings) {
  static constexpr const char* kExample = "sampling: {collector: bpf}";
  const Node* node = document.find("sampling");
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) {
    return report_kind(*node, "sampling", "a map", kExample, findings);
  }
  MapReader map(*node, "sampling.", findings);
  if (const Node* collector = map.require("collector", kExample)) {
    const auto chosen = read_value(
        *collector, map.name("collector"), findings,
        [](std::string_view text) -> Parsed<Collector> {
          if (text == "auto") return Collector::automatic;
          if (text == "files") return Collector::files;
          if (text == "bpf") return Collector::bpf;
          return std::unexpected(ValueFault{"it is none of auto, files and bpf", kExample});
        });
    if (chosen) config.collector = *chosen;
  }
  map.refuse_unknown();
}

void read_globs(MapReader& map, std::string_view key, std::vector<std::string>& out,
                Findings& findings) {
  const Node* node = map.find(key);
  if (node == nullptr) return;
  const std::string example = fmt::format("{}: [/system.slice/**]", key);
  if (node->kind != NodeKind::sequence) {
    return report_kind(*node, map.name(key), "a list", example, findings);
  }
  if (node->children.size() > kMostGlobs) {
    findings.error(node->place, fmt::format("{} has at most {} globs", map.name(key), kMostGlobs));
    return;
  }
  for (const Node& child : node->children) {
    auto glob = read_value(child, map.name(key), findings,
                           [&](std::string_view text) -> Parsed<std::string> {
                             const std::string_view fault = glob_fault(text);
                             if (fault.empty()) return std::string(text);
                             return std::unexpected(ValueFault{std::string(fault), example});
                           });
    if (glob) out.push_back(*std::move(glob));
  }
}

std::optional<std::size_t> read_number(MapReader& map, std::string_view key, std::uint64_t low,
                                       std::uint64_t high, Findings& findings) {
  const Node* node = map.find(key);
  if (node == nullptr) return std::nullopt;
  return read_value(*node, map.name(key), findings,
                    [=](std::string_view text) { return parse_count(text, low, high); });
}

void read_discovery(MapReader& document, AgentConfig& config, Findings& findings) {
  static constexpr const char* kExample = "discovery: {exclude: [/user.slice/**], maxDepth: 8}";
  const Node* node = document.find("discovery");
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) {
    return report_kind(*node, "discovery", "a map", kExample, findings);
  }
  MapReader map(*node, "discovery.", findings);
  Discovery& discovery = config.discovery;
  read_globs(map, "include", discovery.include, findings);
  read_globs(map, "exclude", discovery.exclude, findings);
  discovery.max_depth =
      read_number(map, "maxDepth", 1, limits::kCgroupDepth, findings).value_or(discovery.max_depth);
  discovery.max_cgroups = read_number(map, "maxCgroups", 1, limits::kCgroupsWatched, findings)
                              .value_or(discovery.max_cgroups);
  discovery.max_fds = read_number(map, "maxFds", 0, kMostFds, findings).value_or(discovery.max_fds);
  map.refuse_unknown();
}

// "cgroup, cpu, ...": what a mistaken name is answered with.
std::string group_names() {
  std::string names;
  for (const cgroup::FileGroup group : cgroup::kAllFileGroups) {
    names += names.empty() ? "" : ", ";
    names += to_string(group);
  }
  return names;
}

void read_export(MapReader& document, AgentConfig& config, Findings& findings) {
  static constexpr const char* kExample = "export: {groups: [memory.stat, hugetlb]}";
  const Node* node = document.find("export");
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) return report_kind(*node, "export", "a map", kExample, findings);
  MapReader map(*node, "export.", findings);
  const Node* groups = map.find("groups");
  if (groups != nullptr && groups->kind != NodeKind::sequence) {
    report_kind(*groups, "export.groups", "a list", kExample, findings);
  } else if (groups != nullptr) {
    for (const Node& child : groups->children) {
      const auto group = read_value(
          child, "export.groups", findings, [](std::string_view text) -> Parsed<cgroup::FileGroup> {
            if (const auto found = cgroup::file_group(text)) return *found;
            return std::unexpected(
                ValueFault{"there is no such group; groups are " + group_names(), kExample});
          });
      if (!group) continue;
      if (config.export_groups.has(*group)) {
        findings.error(child.place, fmt::format("the group {} stands twice", to_string(*group)),
                       "name it once");
      }
      config.export_groups.add(*group);
    }
  }
  map.refuse_unknown();
}

void read_bytes(MapReader& map, std::string_view key, std::uint64_t least, std::uint64_t most,
                Bytes& out, Findings& findings) {
  const Node* node = map.find(key);
  if (node == nullptr) return;
  const auto value =
      read_value(*node, map.name(key), findings, [=](std::string_view text) -> Parsed<Bytes> {
        const auto size = parse_memory_limit(text);
        if (!size) return std::unexpected(size.error());
        if (is_max(*size)) return std::unexpected(ValueFault{"it must be a size", "512MiB"});
        const Bytes bytes = std::get<Bytes>(*size);
        if (bytes.value < least || bytes.value > most) {
          return std::unexpected(
              ValueFault{fmt::format("it is outside {} to {}", human_bytes(Bytes{least}),
                                     human_bytes(Bytes{most})),
                         ""});
        }
        return bytes;
      });
  if (value) out = *value;
}

void read_recorder(MapReader& document, AgentConfig& config, Findings& findings) {
  static constexpr const char* kExample = "recorder: {size: 2GiB, days: 60}";
  const Node* node = document.find("recorder");
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) {
    return report_kind(*node, "recorder", "a map", kExample, findings);
  }
  MapReader map(*node, "recorder.", findings);
  RecorderConfig& recorder = config.recorder;
  if (const Node* enabled = map.find("enabled")) {
    recorder.enabled =
        read_value(*enabled, "recorder.enabled", findings, parse_truth).value_or(recorder.enabled);
  }
  read_bytes(map, "size", limits::kRecorderLeastBytes, limits::kRecorderMostBytes, recorder.size,
             findings);
  recorder.days =
      read_number(map, "days", 1, limits::kRecordedDays, findings).value_or(recorder.days);
  recorder.full_days =
      read_number(map, "fullDays", 1, limits::kRecordedDays, findings).value_or(recorder.full_days);
  recorder.max_cgroups = read_number(map, "maxCgroups", 1, limits::kCgroupsWatched, findings)
                             .value_or(recorder.max_cgroups);
  read_bytes(map, "ring", limits::kRingLeastBytes, limits::kRingMostBytes, recorder.ring, findings);
  map.refuse_unknown();
}

void read_enforcement(MapReader& document, AgentConfig& config, Findings& findings) {
  static constexpr const char* kExample =
      "enforcement: {protected: [/system.slice/ssh.service], cgroupWritesPerMinute: 60}";
  const Node* node = document.find("enforcement");
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) {
    return report_kind(*node, "enforcement", "a map", kExample, findings);
  }
  MapReader map(*node, "enforcement.", findings);
  Enforcement& enforcement = config.enforcement;
  if (map.find("protected") != nullptr) {
    enforcement.protected_cgroups.clear();
    read_globs(map, "protected", enforcement.protected_cgroups, findings);
  }
  enforcement.cgroup_writes_per_minute =
      read_number(map, "cgroupWritesPerMinute", 1, limits::kNodeWritesPerMinute, findings)
          .value_or(enforcement.cgroup_writes_per_minute);
  enforcement.node_writes_per_minute =
      read_number(map, "nodeWritesPerMinute", 1, limits::kNodeWritesPerMinute, findings)
          .value_or(enforcement.node_writes_per_minute);
  map.refuse_unknown();
}

void read_web(MapReader& document, AgentConfig& config, Findings& findings) {
  static constexpr const char* kExample = "web: {config: /etc/cgwarden/web.yml, page: true}";
  const Node* node = document.find("web");
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) return report_kind(*node, "web", "a map", kExample, findings);
  MapReader map(*node, "web.", findings);
  const Node* page = map.find("page");
  if (page != nullptr) {
    config.web_page = read_value(*page, "web.page", findings, parse_truth).value_or(true);
  }
  if (const Node* file = page != nullptr ? map.find("config") : map.require("config", kExample)) {
    const auto text = read_text(*file, "web.config", findings);
    if (text && text->empty()) findings.error(file->place, "web.config is empty", kExample);
    if (text && !text->empty()) {
      const auto directory =
          std::filesystem::path(findings.source().position({}).file).parent_path();
      config.web_config = (directory / *text).lexically_normal().string();
    }
  }
  map.refuse_unknown();
}

AgentConfig read_agent(const Node& node, Findings& findings) {
  AgentConfig config;
  if (node.kind != NodeKind::map) {
    report_kind(node, "the configuration of the agent", "a map", "kind: Agent", findings);
    return config;
  }
  MapReader document(node, "", findings);
  if (!check_header(document, "Agent", findings)) return config;
  read_listen(document, config, findings);
  read_intervals(document, config, findings);
  read_sampling(document, config, findings);
  read_discovery(document, config, findings);
  read_export(document, config, findings);
  read_recorder(document, config, findings);
  read_enforcement(document, config, findings);
  read_web(document, config, findings);
  document.refuse_unknown();
  return config;
}

}  // namespace

void SamplingIntervals::set_tick(Usec interval) {
  tick = interval;
  medium = std::max(medium, tick);
  slow = std::max(slow, tick);
  limits = std::max(limits, tick);
}

bool Discovery::wants(std::string_view path) const {
  const auto matches = [path](const std::string& glob) { return glob_matches(glob, path); };
  return (include.empty() || std::ranges::any_of(include, matches)) &&
         std::ranges::none_of(exclude, matches);
}

std::expected<AgentConfig, std::vector<Diagnostic>> load_agent_config(std::string_view yaml,
                                                                      const std::string& file) {
  const SourceText source(yaml, file);
  Findings findings(source);
  AgentConfig config;
  const std::vector<Node> documents = parse_yaml(findings);
  if (!findings.has_errors()) {
    config = read_agent(documents.front(), findings);
    if (documents.size() > 1) {
      findings.error(documents[1].place, "a second document: one describes the agent",
                     "policies belong into the policy directory of the agent");
    }
  }
  if (findings.has_errors()) return std::unexpected(findings.take_errors());
  return config;
}

}  // namespace cgwarden::policy
