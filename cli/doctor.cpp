#include <fcntl.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "agent/event_sources.h"
#include "agent/good_policies.h"
#include "agent/kernel_log.h"
#include "agent/ownership.h"
#include "agent/shim_process.h"
#include "base/file.h"
#include "base/text.h"
#include "cgroup/bpf/cgroup_iterator.h"
#include "cgroup/mount.h"
#include "cgroup/process_connector.h"
#include "cgroup/signal_trace.h"
#include "cgroup/tree.h"
#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/doctor_evidence.h"
#include "cli/doctor_launcher.h"
#include "cli/doctor_report.h"
#include "cli/doctor_sources.h"
#include "cli/exit_code.h"
#include "cli/json_output.h"
#include "cli/terminal.h"
#include "diagnosis/store.h"

namespace cgwarden::cli {
namespace {

using enum DoctorLevel;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

void look_at_mounts(const std::string& cgroup_root, std::vector<DoctorFinding>& findings) {
  const auto mounts = cgroup::detect_mounts();
  if (!mounts) {
    findings.push_back({"cgroup v2 mount", broken, mounts.error().sentence(),
                        "nothing can be limited or observed"});
    return;
  }
  const std::string& root = cgroup_root.empty() ? mounts->cgroup2_mount_point : cgroup_root;
  const auto tree = root.empty() ? fail(Error{ErrorKind::not_supported, 0, "", "", ""})
                                 : cgroup::Tree::open(root);
  if (!tree) {
    findings.push_back({"cgroup v2 mount", broken,
                        root.empty() ? mounts->explanation : tree.error().sentence(),
                        "nothing can be limited or observed"});
    return;
  }
  const std::string options = joined(mounts->mount_options);
  findings.push_back(
      {"cgroup v2 mount", good, root + (options.empty() ? "" : " (" + options + ")"), ""});
  const std::string there = joined(mounts->controllers);
  if (mounts->missing.empty()) {
    findings.push_back({"controllers", good, there, ""});
  } else {
    findings.push_back({"controllers", mounts->usable() ? limited : broken,
                        mounts->usable() ? mounts->limitation : mounts->explanation,
                        "limits of " + joined(mounts->missing) + " cannot be set"});
  }
}

void look_at_psi(std::vector<DoctorFinding>& findings) {
  if (::access("/proc/pressure/cpu", R_OK) == 0) {
    findings.push_back({"pressure (PSI)", good, "/proc/pressure", ""});
    return;
  }
  findings.push_back({"pressure (PSI)", limited,
                      "/proc/pressure is not there; boot with psi=1 on a kernel with CONFIG_PSI",
                      "no waiting times in metrics and verdicts"});
}

// Optional: nothing needs it.
void look_at_bpf(const std::string& cgroup_root, std::vector<DoctorFinding>& findings) {
  const auto mounts = cgroup::detect_mounts();
  const std::string root =
      !cgroup_root.empty() || !mounts ? cgroup_root : mounts->cgroup2_mount_point;
  const auto tree = cgroup::Tree::open(root);
  if (!tree) return;  // said before
  const auto source = cgroup::open_cgroup_iterator(*tree, 1);
  if (source) {
    findings.push_back(
        {"BPF collector", good, "can be had; sampling.collector in agent.yaml says when", ""});
    return;
  }
  findings.push_back(
      {"BPF collector", limited, source.error().sentence(),
       "the agent reads the files of all cgroups, which costs it more of the processor"});
}

void look_at_kernel_log(std::vector<DoctorFinding>& findings) {
  const auto log = agent::KernelLog::open();
  if (log) {
    findings.push_back({"kernel log", good, "/dev/kmsg is readable", ""});
    return;
  }
  findings.push_back({"kernel log", limited, log.error().sentence(),
                      "OOM verdicts have no victim and no memory figures of the kernel"});
}

void look_at_signals(std::vector<DoctorFinding>& findings) {
  const auto trace = cgroup::SignalTrace::open();
  if (trace) {
    findings.push_back({"signal senders", good,
                        "signal:signal_generate on " + std::to_string(trace->processors()) +
                            " processors (perf_event_open)",
                        ""});
    return;
  }
  findings.push_back({"signal senders", limited, trace.error().sentence(),
                      "verdicts do not name who killed a workload, and are strong at most"});
}

void look_at_process_ends(std::vector<DoctorFinding>& findings) {
  const auto connector = cgroup::ProcessConnector::open();
  if (connector) {
    findings.push_back({"process ends", good, "the process connector (cn_proc) answers", ""});
    return;
  }
  findings.push_back({"process ends", limited, connector.error().sentence(),
                      "deaths of systemd units and containers get no verdict; workloads do"});
}

void look_at_privilege(std::vector<DoctorFinding>& findings) {
  if (::geteuid() == 0) {
    findings.push_back({"privilege", good, "root", ""});
    return;
  }
  findings.push_back({"privilege", limited, "this command does not run as root",
                      "what only root may read is reported as missing here"});
}

// The agent holds a lock as long as it lives. What it listens to it writes down.
void look_at_agent(const std::string& runtime_dir, std::vector<DoctorFinding>& findings) {
  const std::string path = runtime_dir + "/agent.lock";
  static constexpr const char* kCost = "workloads run on but are not restarted or watched";
  const auto lock = open_at(AT_FDCWD, path, O_RDWR);
  if (!lock && lock.error().kind == ErrorKind::not_permitted) {
    findings.push_back({"agent", limited, lock.error().sentence(), "whether it runs is not known"});
    return;
  }
  if (lock && ::flock(lock->get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    findings.push_back({"agent", good, "runs with " + runtime_dir, ""});
    for (auto& finding : source_findings(agent::event_sources_path(runtime_dir))) {
      findings.push_back(std::move(finding));
    }
    return;
  }
  findings.push_back({"agent", limited, "none runs with " + runtime_dir, kCost});
}

void look_at_bus(std::vector<DoctorFinding>& findings) {
  const auto client = AgentClient::connect();
  const Status answered = [&]() -> Status {
    if (!client) return fail(client.error());
    const auto list = client->list();
    return list ? Status{} : fail(list.error());
  }();
  if (answered) {
    findings.push_back({"bus", good, "an agent answers on the system bus", ""});
    return;
  }
  findings.push_back(
      {"bus", limited, answered.error().sentence(),
       "no run, stop and reload; the agent starts the workloads of its directory all the same"});
}

void look_at_scopes(std::vector<DoctorFinding>& findings) {
  findings.push_back({"scopes", good,
                      agent::systemd_is_running()
                          ? "transient units of systemd in cgwarden.slice"
                          : "plain cgroups in cgwarden.slice (systemd does not run here)",
                      ""});
}

void look_at_store(const std::string& path, std::vector<DoctorFinding>& findings) {
  const auto store = diagnosis::StoreReader::open(path);
  if (store) {
    findings.push_back({"store", good, path, ""});
    return;
  }
  if (store.error().kind == ErrorKind::vanished) {
    findings.push_back(
        {"store", limited, path + " is not there yet; the agent makes it", "no earlier verdicts"});
    return;
  }
  findings.push_back({"store", limited, store.error().sentence(), "no earlier verdicts"});
}

// The agent writes down when it refused the policy files of now.
void look_at_policies(const std::string& state_dir, std::vector<DoctorFinding>& findings) {
  const auto refusal = agent::GoodPolicies(state_dir).refusal();
  if (!refusal) {
    findings.push_back({"policies", limited, refusal.error().sentence(),
                        "whether the files of now are in force is not known"});
    return;
  }
  if (!*refusal) {
    findings.push_back({"policies", good, "the agent refused no file at its last load", ""});
    return;
  }
  std::string reason = **refusal;
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  findings.push_back({"policies", limited, std::string(trim(reason)),
                      "the agent holds to the last good policies, not to the files of now"});
}

// What verdicts are made of.
void look_at_evidence(const agent::Options& where, std::vector<DoctorFinding>& findings) {
  const auto mounts = cgroup::detect_mounts();
  const std::string root =
      !where.cgroup_root.empty() || !mounts ? where.cgroup_root : mounts->cgroup2_mount_point;
  for (auto& finding : evidence_findings(root, where, agent::find_shim().value_or(std::string()))) {
    findings.push_back(std::move(finding));
  }
}

// The shim, and what it works with.
void look_at_launcher(std::vector<DoctorFinding>& findings) {
  const auto shim = agent::find_shim();
  if (shim) {
    findings.push_back({"shim", good, *shim, ""});
  } else {
    findings.push_back({"shim", broken, shim.error().sentence(), "no workload can be started"});
  }
  utsname kernel{};
  ::uname(&kernel);
  const std::string helpers = shim ? shim->substr(0, shim->rfind('/')) : std::string();
  for (auto& finding : launcher_findings("", static_cast<const char*>(kernel.release), helpers)) {
    findings.push_back(std::move(finding));
  }
}

}  // namespace

int doctor(const Common& common) {
  std::vector<DoctorFinding> findings;
  look_at_mounts(common.where.cgroup_root, findings);
  look_at_psi(findings);
  look_at_bpf(common.where.cgroup_root, findings);
  look_at_privilege(findings);
  look_at_kernel_log(findings);
  look_at_signals(findings);
  look_at_process_ends(findings);
  look_at_evidence(common.where, findings);
  look_at_scopes(findings);
  look_at_launcher(findings);
  look_at_agent(common.where.runtime_dir, findings);
  look_at_bus(findings);
  look_at_store(agent::store_path(common.where), findings);
  look_at_policies(common.where.state_dir, findings);
  print(common.json ? doctor_json(findings) : render(findings, report_style()));
  const bool usable = std::ranges::none_of(
      findings, [](const DoctorFinding& finding) { return finding.level == broken; });
  return usable ? kOk : kRuntime;
}

}  // namespace cgwarden::cli
