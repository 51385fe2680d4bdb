#include <algorithm>
#include <array>
#include <string_view>

#include "launcher/capabilities.h"
#include "launcher/oci_sections.h"
#include "launcher/rlimits.h"

// "process" of config.json.
namespace cgwarden::launcher {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> kIoClasses{"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE",
                                                     "IOPRIO_CLASS_IDLE"};

struct CapabilitySet {
  const char* name;
  std::vector<std::string> Capabilities::* set;
};
constexpr std::array<CapabilitySet, 5> kCapabilitySets{{{"bounding", &Capabilities::bounding},
                                                        {"effective", &Capabilities::effective},
                                                        {"inheritable", &Capabilities::inheritable},
                                                        {"permitted", &Capabilities::permitted},
                                                        {"ambient", &Capabilities::ambient}}};

void read_user(ObjectReader& reader, User& user) {
  reader.integer("uid", user.uid);
  reader.integer("gid", user.gid);
  reader.integer("umask", user.umask);
  if (user.umask.value_or(0) > 0777) reader.complain("umask", "must be at most 0777");
  reader.each("additionalGids", [&](const json& value, const std::string& path) {
    reader.read_integer(value, path, user.additional_gids.emplace_back());
  });
}

// The specification wants what no kernel knows to be warned about, not refused: callers list every
// capability that they know of.
void read_capabilities(ObjectReader& reader, Capabilities& capabilities) {
  for (const auto& [name, set] : kCapabilitySets) {
    reader.strings(name, capabilities.*set);
    std::erase_if(capabilities.*set, [&](const std::string& capability) {
      if (capability_number(capability) >= 0) return false;
      reader.warn(name, "names " + capability + ", which is not a capability: left out");
      return true;
    });
  }
}

void read_rlimits(ObjectReader& process, std::vector<Rlimit>& rlimits) {
  std::vector<std::string> seen;
  process.objects("rlimits", rlimits, [&](ObjectReader& reader, Rlimit& limit) {
    reader.require(reader.string("type", limit.type), "type");
    reader.require(reader.integer("soft", limit.soft), "soft");
    reader.require(reader.integer("hard", limit.hard), "hard");
    if (rlimit_number(limit.type) < 0) reader.complain("type", "is not a resource limit");
    if (std::ranges::find(seen, limit.type) != seen.end()) {
      reader.complain("type", "stands twice");
    }
    seen.push_back(limit.type);
  });
}

void read_scheduler(ObjectReader& reader, Scheduler& scheduler) {
  reader.require(reader.string("policy", scheduler.policy), "policy");
  reader.integer("nice", scheduler.nice);
  reader.integer("priority", scheduler.priority);
  reader.strings("flags", scheduler.flags);
  reader.integer("runtime", scheduler.runtime_nsec);
  reader.integer("deadline", scheduler.deadline_nsec);
  reader.integer("period", scheduler.period_nsec);
}

void read_io_priority(ObjectReader& reader, IoPriority& priority) {
  reader.require(reader.string("class", priority.io_class), "class");
  reader.integer("priority", priority.priority);
  if (std::ranges::find(kIoClasses, priority.io_class) == kIoClasses.end()) {
    reader.complain("class", "is not an I/O scheduling class");
  }
  if (priority.priority < 0 || priority.priority > 7) {
    reader.complain("priority", "must be between 0 and 7");
  }
}

// Objects that an optional of the model holds.
void read_optional_objects(ObjectReader& reader, Process& process) {
  reader.object("scheduler",
                [&](ObjectReader& part) { read_scheduler(part, process.scheduler.emplace()); });
  reader.object("ioPriority",
                [&](ObjectReader& part) { read_io_priority(part, process.io_priority.emplace()); });
  reader.object("execCPUAffinity", [&](ObjectReader& part) {
    CpuAffinity& affinity = process.exec_cpu_affinity.emplace();
    part.string("initial", affinity.initial);
    part.string("final", affinity.settled);
  });
  if (!process.terminal) return;  // consoleSize has to be ignored then
  reader.object("consoleSize", [&](ObjectReader& part) {
    ConsoleSize& size = process.console_size.emplace();
    part.require(part.integer("height", size.height), "height");
    part.require(part.integer("width", size.width), "width");
  });
}

json write_optional_objects(const Process& process) {
  json result = json::object();
  if (process.console_size) {
    result["consoleSize"] = {{"height", process.console_size->height},
                             {"width", process.console_size->width}};
  }
  if (process.scheduler) {
    const Scheduler& scheduler = *process.scheduler;
    json& to = result["scheduler"];
    to = {{"policy", scheduler.policy},          {"nice", scheduler.nice},
          {"priority", scheduler.priority},      {"runtime", scheduler.runtime_nsec},
          {"deadline", scheduler.deadline_nsec}, {"period", scheduler.period_nsec}};
    put_unless_empty(to, "flags", scheduler.flags);
  }
  if (process.io_priority) {
    result["ioPriority"] = {{"class", process.io_priority->io_class},
                            {"priority", process.io_priority->priority}};
  }
  if (process.exec_cpu_affinity) {
    json& to = result["execCPUAffinity"];
    to = json::object();
    put_unless_empty(to, "initial", process.exec_cpu_affinity->initial);
    put_unless_empty(to, "final", process.exec_cpu_affinity->settled);
  }
  return result;
}

}  // namespace

void read_process(ObjectReader& reader, Process& process) {
  reader.strings("args", process.args);
  if (process.args.empty()) reader.complain("args", "must name a command");
  reader.strings("env", process.env);
  reader.require(reader.string("cwd", process.cwd), "cwd");
  if (!process.cwd.starts_with('/')) reader.complain("cwd", "must be an absolute path");
  reader.boolean("terminal", process.terminal);
  reader.object("user", [&](ObjectReader& part) { read_user(part, process.user); });
  reader.object("capabilities",
                [&](ObjectReader& part) { read_capabilities(part, process.capabilities); });
  read_rlimits(reader, process.rlimits);
  process.no_new_privileges = false;  // absent is false, unlike in default_spec()
  reader.boolean("noNewPrivileges", process.no_new_privileges);
  reader.integer("oomScoreAdj", process.oom_score_adj);
  const int adjustment = process.oom_score_adj.value_or(0);
  if (adjustment < -1000 || adjustment > 1000) {
    reader.complain("oomScoreAdj", "must be between -1000 and 1000");
  }
  reader.string("apparmorProfile", process.apparmor_profile);
  reader.string("selinuxLabel", process.selinux_label);
  read_optional_objects(reader, process);
}

json write_process(const Process& process) {
  json user{{"uid", process.user.uid}, {"gid", process.user.gid}};
  put_unless_empty(user, "additionalGids", process.user.additional_gids);
  put_if_given(user, "umask", process.user.umask);
  json result = write_optional_objects(process);
  result["user"] = std::move(user);
  result["args"] = process.args;
  result["env"] = process.env;
  result["cwd"] = process.cwd;
  result["noNewPrivileges"] = process.no_new_privileges;
  if (process.terminal) result["terminal"] = true;
  for (const auto& [name, set] : kCapabilitySets) {
    result["capabilities"][name] = process.capabilities.*set;
  }
  for (const auto& limit : process.rlimits) {
    result["rlimits"].push_back({{"type", limit.type}, {"soft", limit.soft}, {"hard", limit.hard}});
  }
  put_if_given(result, "oomScoreAdj", process.oom_score_adj);
  put_unless_empty(result, "apparmorProfile", process.apparmor_profile);
  put_unless_empty(result, "selinuxLabel", process.selinux_label);
  return result;
}

}  // namespace cgwarden::launcher
