#include "agent/why.h"

#include <algorithm>
#include <utility>

#include "agent/direct_control.h"
#include "agent/incident.h"
#include "agent/kernel_log.h"
#include "agent/verdict_history.h"
#include "agent/why_story.h"
#include "agent/why_target.h"
#include "agent/workload_files.h"
#include "agent/workload_view.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "diagnosis/diagnose.h"
#include "diagnosis/store.h"
#include "policy/workload.h"

namespace cgwarden::agent {
namespace {

Error nothing_known(const std::string& name) {
  return Error{ErrorKind::vanished, 0, "explain", name, "nothing is known of it"};
}

// What an agent stored of this boot's kernel log and the kernel has overwritten since.
void restore(KernelLog& log, const Options& where) {
  const auto store = diagnosis::StoreReader::open(store_path(where));
  if (!store) return;
  auto boots = store->kernel_log(Usec{0}, Usec::max());
  if (!boots) return;
  for (auto& boot : *boots) {
    if (boot.boot_id == boot_id()) log.restore(std::move(boot.log));
  }
}

// A death that no agent has diagnosed: the shim's record and the kernel log are still there.
diagnosis::Verdict diagnose_here(const Options& where, const WorkloadFiles& files) {
  const launcher::ExitRecord& record = *files.exit;
  KernelLogExtract extract;
  auto log = KernelLog::open();
  if (log) restore(*log, where);
  const Status drained = log ? log->drain() : fail(log.error());
  if (log) extract = log->between(record.started.boottime, record.ended.boottime);
  if (!drained) extract.fault = drained.error().sentence();
  std::vector<diagnosis::OwnAction> own_actions;
  if (files.note && !files.note->wanted && !files.note->stop_reason.empty()) {
    const int signal = stop_signal_of(where, files);
    own_actions.push_back({signal, files.note->stop_reason, Usec(files.note->stop_boottime_usec)});
  }
  return diagnosis::diagnose(evidence_of(record, extract, std::move(own_actions), {}));
}

// One incarnation: its death, or else its stall.
Result<WhyAnswer> of_incarnation(WhyAnswer answer, const History& history, unsigned incarnation) {
  for (const auto* list : {&history.deaths, &history.stalls}) {
    for (const auto& verdict : *list) {
      if (verdict.incarnation != incarnation) continue;
      // Whoever asks for a start by its number asks for what was.
      answer.verdict = diagnosis::as_past(verdict);
      return answer;
    }
  }
  return fail(Error{ErrorKind::vanished, 0, "explain",
                    "incarnation " + std::to_string(incarnation) + " of " + answer.name,
                    "there is no verdict of it"});
}

WhyAnswer of_death(WhyAnswer answer, History history) {
  answer.verdict = history.deaths.front();
  history.deaths.erase(history.deaths.begin());
  answer.earlier = std::move(history.deaths);
  return answer;
}

WhyAnswer of_running(WhyAnswer answer, const Options& where, const WhyQuestion& question,
                     const WorkloadFiles& files, const History& history) {
  RunningNow now = look_now(files, where.cgroup_root);
  answer.verdict = stall_of(files, now, history, where.cgroup_root, question.may_wait,
                            agent_runs(where.runtime_dir));
  answer.earlier = history.deaths;
  if (!answer.verdict && now.past_stall) {
    answer.earlier.insert(answer.earlier.begin(), *now.past_stall);
  }
  answer.running = std::move(now);
  return answer;
}

void leave_out(History& history, std::optional<Usec> since_wall) {
  if (!since_wall) return;
  for (auto* list : {&history.deaths, &history.stalls}) {
    std::erase_if(*list, [&](const auto& verdict) { return verdict.when.wall < *since_wall; });
  }
}

// Whoever asks for one start may mean one of long ago.
std::size_t most_of(const WhyQuestion& question) {
  return question.incarnation ? limits::kVerdictsPerWorkload : limits::kVerdictsExplained;
}

// A unit or a container, which is nobody's workload.
Result<WhyAnswer> of_foreign(WhyAnswer answer, const Options& where, const WhyQuestion& question) {
  CGW_ASSIGN(auto history, read_subject_history(store_path(where), answer.name, most_of(question)));
  answer.unreadable = history.unreadable;
  if (history.empty() && history.unreadable == 0) return fail(nothing_known(question.name));
  leave_out(history, question.since_wall);
  if (question.incarnation)
    return of_incarnation(std::move(answer), history, *question.incarnation);
  for (const auto& stall : history.stalls) {
    if (!is_current_stall(stall, SystemClock().now(), agent_runs(where.runtime_dir))) continue;
    // Of one that has died since nothing holds.
    if (!history.deaths.empty() && history.deaths.front().when.wall > stall.when.wall) break;
    answer.verdict = stall;
    answer.earlier = std::move(history.deaths);
    return answer;
  }
  if (!history.deaths.empty()) return of_death(std::move(answer), std::move(history));
  if (!history.stalls.empty()) answer.verdict = diagnosis::as_past(history.stalls.front());
  return answer;
}

bool lives(const WorkloadFiles& files) {
  const WorkloadState state = state_of(files);
  return state == WorkloadState::running || state == WorkloadState::stopping;
}

// What is said beside the answer of rows that say nothing.
std::string unreadable_notice(const WhyAnswer& answer, const Options& where) {
  return std::to_string(answer.unreadable) +
         (answer.unreadable == 1 ? " verdict of it cannot be read in "
                                 : " verdicts of it cannot be read in ") +
         store_path(where) + ": damaged, or of another version; the others are shown";
}

Result<WhyAnswer> answer_to(const Options& where, const WhyQuestion& question) {
  WhyAnswer answer;
  CGW_ASSIGN(answer.name, why_target(where, question.name));
  if (!policy::valid_workload_name(answer.name)) {
    return of_foreign(std::move(answer), where, question);
  }
  auto history = read_history(store_path(where), answer.name, most_of(question));
  const auto files = read_workload_files(where.runtime_dir, answer.name);
  if (!files && files.error().kind != ErrorKind::vanished) return fail(files.error());
  if (!history) {
    if (!files) return fail(history.error());
    // What is at hand is still worth telling.
    answer.notice = history.error().sentence() + "; earlier verdicts are not shown";
    history = History{};
  }
  answer.unreadable = history->unreadable;
  if (!files && history->empty() && history->unreadable == 0)
    return of_foreign(std::move(answer), where, question);
  if (files && files->exit && !files->shim_alive &&
      !history->has_death(files->exit->incarnation, files->exit->ended.wall)) {
    history->deaths.insert(history->deaths.begin(), diagnose_here(where, *files));
  }
  leave_out(*history, question.since_wall);
  if (question.incarnation) {
    return of_incarnation(std::move(answer), *history, *question.incarnation);
  }
  if (files && lives(*files)) {
    return of_running(std::move(answer), where, question, *files, *history);
  }
  if (!history->deaths.empty()) return of_death(std::move(answer), std::move(*history));
  // Known, not running, and no death of it was ever seen.
  if (files) return of_running(std::move(answer), where, question, *files, *history);
  if (!history->stalls.empty()) answer.verdict = diagnosis::as_past(history->stalls.front());
  return answer;
}

}  // namespace

Result<WhyAnswer> why(const Options& where, const WhyQuestion& question) {
  CGW_ASSIGN(auto answer, answer_to(where, question));
  if (!question.incarnation) {
    std::vector<diagnosis::Verdict> verdicts = answer.earlier;
    if (answer.verdict) verdicts.insert(verdicts.begin(), *answer.verdict);
    answer.story = stored_story(store_path(where), verdicts, question.since_wall);
  }
  if (answer.unreadable > 0 && answer.notice.empty()) {
    answer.notice = unreadable_notice(answer, where);
  }
  return answer;
}

std::string why_text(const WhyAnswer& answer, const diagnosis::ReportStyle& style,
                     std::vector<std::string> around) {
  if (answer.verdict) {
    return diagnosis::report(*answer.verdict, answer.earlier, style,
                             {.story = answer.story, .around = std::move(around)});
  }
  if (answer.running) return running_text(*answer.running, answer.earlier, style, answer.story);
  return printable(answer.name) + ": no death and no stall in that time.\n";
}

}  // namespace cgwarden::agent
