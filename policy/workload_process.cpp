// Workload documents: metadata, process, restart.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <limits>

#include "base/limits.h"
#include "base/text.h"
#include "policy/document.h"
#include "policy/workload_schema.h"

namespace cgwarden::policy {
namespace {

// setuid(2): the last id means "unchanged".
constexpr std::uint64_t kMaxId = std::numeric_limits<std::uint32_t>::max() - 1ULL;
// sethostname(2): __NEW_UTS_LEN.
constexpr std::size_t kMaxHostname = 64;

Parsed<std::string> parse_hostname(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  };
  if (text.empty() || text.size() > kMaxHostname || !std::ranges::all_of(text, allowed)) {
    return std::unexpected(ValueFault{
        fmt::format("a host name has 1 to {} letters, digits, \"-\" and \".\"", kMaxHostname), ""});
  }
  return std::string(text);
}

void read_id(MapReader& user, std::string_view key, std::uint32_t& id, Findings& findings) {
  const Node* node = user.find(key);
  if (node == nullptr) return;
  const auto value = read_value(*node, user.name(key), findings,
                                [](std::string_view text) { return parse_count(text, 0, kMaxId); });
  if (value) id = static_cast<std::uint32_t>(*value);
}

void read_user(const Node& node, Workload& workload, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "user", "a map", "user: {uid: 1000, gid: 1000}", findings);
  }
  MapReader user(node, "user.", findings);
  read_id(user, "uid", workload.uid, findings);
  read_id(user, "gid", workload.gid, findings);
  user.refuse_unknown();
}

void read_command(const Node& node, Workload& workload, Findings& findings) {
  static constexpr const char* kExample =
      "command: [/bin/server, --port, \"80\"]; for a shell: [/bin/sh, -c, \"...\"]";
  workload.command = read_texts(node, "command", kExample, findings);
  if (node.kind == NodeKind::sequence && node.children.empty()) {
    findings.error(node.place, "command is an empty list", kExample);
  }
  if (!workload.command.empty() && workload.command.front().empty()) {
    findings.error(node.place, "the first word of command, the program, is empty", kExample);
  }
}

// An image has a command of its own, which `command` replaces and `args` goes on with.
void read_program(MapReader& document, Workload& workload, Findings& findings) {
  static constexpr const char* kExample = "command: [/bin/server, --port, \"80\"]";
  const bool image = document.find("image") != nullptr;
  const Node* command = image ? document.find("command") : document.require("command", kExample);
  if (command != nullptr) read_command(*command, workload, findings);
  const Node* args = document.find("args");
  if (args == nullptr) return;
  workload.args = read_texts(*args, "args", "args: [--port, \"80\"]", findings);
  if (!image || command != nullptr) {
    findings.error(args->place, "args go with the command of an image",
                   "write the words behind those of command");
  }
}

// signal(7): the names of the kernel's own and RTMIN+N.
Parsed<std::string> parse_stop_signal(std::string_view text) {
  for (int number = 1; number < NSIG; ++number) {
    const char* name = ::sigabbrev_np(number);
    if (name != nullptr && text == std::string("SIG") + name) return std::string(text);
  }
  const auto offset =
      text.starts_with("SIGRTMIN+") ? parse_integer<unsigned>(text.substr(9)) : std::nullopt;
  if (offset && *offset <= 30) return std::string(text);
  return std::unexpected(
      ValueFault{"it is not the name of a signal (signal(7))", "for example: SIGINT"});
}

void read_env(const Node& node, Workload& workload, Findings& findings) {
  read_text_map(node, "env", "env: {PORT: 8080}", workload.env, findings);
  for (const Node& child : node.children) {
    if (node.kind == NodeKind::map && (child.key.empty() || child.key.contains('='))) {
      findings.error(child.key_place, "the name of an environment variable is empty or has a =");
    }
  }
}

void read_restart(const Node& node, Workload& workload, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "restart", "a map", "restart: {policy: on-failure, backoff: 1s}",
                       findings);
  }
  MapReader map(node, "restart.", findings);
  Restart& restart = workload.restart;
  if (const Node* policy = map.find("policy")) {
    const auto word =
        read_word(*policy, "restart.policy", {"no", "on-failure", "always"}, findings);
    if (word) {
      restart.policy = *word == "always"       ? RestartPolicy::always
                       : *word == "on-failure" ? RestartPolicy::on_failure
                                               : RestartPolicy::no;
    }
  }
  // A restart takes a few ms of work of the agent: faster loops are an attack on the machine.
  constexpr Usec kLeastBackoff{100000};
  const bool ceiling_given =
      std::ranges::any_of(node.children, [](const Node& c) { return c.key == "backoffMax"; });
  read_duration(map, "backoff", kLeastBackoff, restart.backoff, findings);
  read_duration(map, "backoffMax", kLeastBackoff, restart.backoff_max, findings);
  read_duration(map, "resetAfter", Usec{0}, restart.reset_after, findings);
  if (const Node* most = map.find("maxRestarts")) {
    const auto count =
        read_value(*most, "restart.maxRestarts", findings,
                   [](std::string_view text) { return parse_count(text, 0, 1000000); });
    if (count) restart.max_restarts = static_cast<unsigned>(*count);
  }
  if (!ceiling_given) {
    restart.backoff_max = std::max(restart.backoff, restart.backoff_max);
  } else if (restart.backoff_max < restart.backoff) {
    findings.error(node.place, "restart.backoffMax is shorter than restart.backoff");
  }
  map.refuse_unknown();
}

}  // namespace

void read_duration(MapReader& map, std::string_view key, Usec least, Usec& out,
                   Findings& findings) {
  const Node* node = map.find(key);
  if (node == nullptr) return;
  const auto value =
      read_value(*node, map.name(key), findings, [least](std::string_view text) -> Parsed<Usec> {
        auto duration = parse_duration(text);
        if (duration && *duration < least) {
          return std::unexpected(
              ValueFault{fmt::format("the least is {}ms", least.count() / 1000), ""});
        }
        return duration;
      });
  if (value) out = *value;
}

void read_text_map(const Node& node, std::string_view name, std::string_view example,
                   std::map<std::string, std::string>& out, Findings& findings) {
  if (node.kind != NodeKind::map) return report_kind(node, name, "a map", example, findings);
  for (const Node& child : node.children) {
    auto text = read_text(child, fmt::format("{}.{}", name, printable(child.key)), findings);
    if (text) out[child.key] = std::move(*text);
  }
}

void read_identity(MapReader& document, Workload& workload, Findings& findings) {
  const Node* node = document.require("metadata", "metadata: {name: web}");
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) {
    return report_kind(*node, "metadata", "a map", "metadata: {name: web}", findings);
  }
  MapReader metadata(*node, "metadata.", findings);
  workload.name = read_name(metadata, findings);
  if (const Node* labels = metadata.find("labels")) {
    read_text_map(*labels, "metadata.labels", "labels: {tier: web}", workload.labels, findings);
    if (workload.labels.size() > limits::kWorkloadLabels) {
      findings.error(labels->place,
                     fmt::format("a workload has at most {} labels", limits::kWorkloadLabels));
    }
  }
  metadata.refuse_unknown();
}

void read_process(MapReader& document, Workload& workload, Findings& findings) {
  read_program(document, workload, findings);
  if (const Node* env = document.find("env")) read_env(*env, workload, findings);
  if (const Node* cwd = document.find("cwd")) {
    if (auto path = read_value(*cwd, "cwd", findings, parse_absolute_path)) workload.cwd = *path;
    workload.has_cwd = true;
  }
  if (const Node* user = document.find("user")) {
    read_user(*user, workload, findings);
    workload.has_user = true;
  }
  if (const Node* node = document.find("hostname")) {
    workload.hostname = read_value(*node, "hostname", findings, parse_hostname).value_or("");
  } else {
    workload.hostname = workload.name;
  }
  if (const Node* init = document.find("init")) {
    workload.init = read_value(*init, "init", findings, parse_truth).value_or(true);
  }
}

void read_lifecycle(MapReader& document, Workload& workload, Findings& findings) {
  if (const Node* restart = document.find("restart")) read_restart(*restart, workload, findings);
  if (const Node* signal = document.find("stopSignal")) {
    workload.stop_signal =
        read_value(*signal, "stopSignal", findings, parse_stop_signal).value_or("");
  }
  read_duration(document, "stopTimeout", Usec{0}, workload.stop_timeout, findings);
}

}  // namespace cgwarden::policy
