#include <csignal>
#include <optional>
#include <utility>

#include "agent/direct_control.h"
#include "agent/incident.h"
#include "agent/kernel_log.h"
#include "agent/workload_files.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/history.h"
#include "cli/json_output.h"
#include "cli/running.h"
#include "cli/terminal.h"
#include "cli/workload_view.h"
#include "diagnosis/diagnose.h"
#include "diagnosis/report.h"
#include "policy/workload.h"

namespace cgwarden::cli {
namespace {

// A death that no agent has diagnosed: the shim's record and the kernel log are still there.
diagnosis::Verdict diagnose_here(const Common& common, const agent::WorkloadFiles& files) {
  const launcher::ExitRecord& record = *files.exit;
  agent::KernelLogExtract extract;
  auto log = agent::KernelLog::open();
  const Status drained = log ? log->drain() : fail(log.error());
  if (log) extract = log->between(record.started.boottime, record.ended.boottime);
  if (!drained) extract.fault = drained.error().sentence();
  std::vector<diagnosis::OwnAction> own_actions;
  if (files.note && !files.note->wanted && !files.note->stop_reason.empty()) {
    const int signal = agent::stop_signal_of(common.where, files);
    own_actions.push_back({signal, files.note->stop_reason, Usec(files.note->stop_boottime_usec)});
  }
  return diagnosis::diagnose(agent::evidence_of(record, extract, std::move(own_actions), {}));
}

int tell(const Common& common, const std::string& name, const diagnosis::Verdict& verdict,
         const std::optional<RunningNow>& running, const std::vector<diagnosis::Verdict>& earlier) {
  print(common.json ? why_json(name, verdict, running, earlier)
                    : diagnosis::report(verdict, earlier, report_style()));
  return verdict.verdict == diagnosis::VerdictClass::unknown ? kVerdictUnknown : kOk;
}

// One incarnation: its death, or else its stall.
int why_incarnation(const Common& common, const WhyOptions& options, const History& history) {
  for (const auto* list : {&history.deaths, &history.stalls}) {
    for (const auto& verdict : *list) {
      if (verdict.incarnation == *options.incarnation) {
        // Whoever asks for a start by its number asks for what was.
        return tell(common, options.name, diagnosis::as_past(verdict), std::nullopt, {});
      }
    }
  }
  complain("there is no verdict of incarnation " + std::to_string(*options.incarnation) + " of " +
           options.name);
  return kNoSuchWorkload;
}

int why_running(const Common& common, const agent::WorkloadFiles& files, const History& history) {
  RunningNow now = look_now(files, common.where.cgroup_root);
  if (const auto stall = stall_of(files, now, history, common.where.cgroup_root)) {
    return tell(common, files.name, *stall, now, history.deaths);
  }
  std::vector<diagnosis::Verdict> earlier = history.deaths;
  if (now.past_stall) earlier.insert(earlier.begin(), *now.past_stall);
  print(common.json ? why_json(files.name, std::nullopt, now, earlier)
                    : running_text(now, earlier, report_style()));
  return kOk;
}

}  // namespace

namespace {

// A unit or a container, which is nobody's workload. nullopt: the store knows none of this name.
std::optional<int> why_foreign(const Common& common, const WhyOptions& options) {
  auto history = read_subject_history(agent::store_path(common.where), options.name);
  if (!history) return failed(history.error());
  if (history->deaths.empty()) return std::nullopt;
  if (options.incarnation) return why_incarnation(common, options, *history);
  const diagnosis::Verdict newest = history->deaths.front();
  history->deaths.erase(history->deaths.begin());
  return tell(common, options.name, newest, std::nullopt, history->deaths);
}

}  // namespace

int why(const Common& common, const WhyOptions& options) {
  const agent::Options& where = common.where;
  const auto unknown_name = [&] {
    return no_such_workload(options.name, where.runtime_dir, agent::store_path(where));
  };
  if (!policy::valid_workload_name(options.name)) {
    const auto foreign = why_foreign(common, options);
    return foreign ? *foreign : unknown_name();
  }
  auto history = read_history(agent::store_path(where), options.name);
  const auto files = agent::read_workload_files(where.runtime_dir, options.name);
  if (!files && files.error().kind != ErrorKind::vanished) return failed(files.error());
  if (!history) {
    if (!files) return failed(history.error());
    // What is at hand is still worth telling.
    complain(history.error().sentence() + "; earlier verdicts are not shown");
    history = History{};
  }
  if (!files && history->empty()) {
    const auto foreign = why_foreign(common, options);
    return foreign ? *foreign : unknown_name();
  }
  if (files && files->exit && !files->shim_alive &&
      !history->has_death(files->exit->incarnation, files->exit->ended.wall)) {
    history->deaths.insert(history->deaths.begin(), diagnose_here(common, *files));
  }
  if (options.incarnation) return why_incarnation(common, options, *history);
  if (files) {
    const auto state = state_of(*files);
    if (state == agent::WorkloadState::running || state == agent::WorkloadState::stopping) {
      return why_running(common, *files, *history);
    }
  }
  if (!history->deaths.empty()) {
    const diagnosis::Verdict newest = history->deaths.front();
    history->deaths.erase(history->deaths.begin());
    return tell(common, options.name, newest, std::nullopt, history->deaths);
  }
  // Known, not running, and no death of it was ever seen.
  return files ? why_running(common, *files, *history)
               : tell(common, options.name, diagnosis::as_past(history->stalls.front()),
                      std::nullopt, {});
}

}  // namespace cgwarden::cli
