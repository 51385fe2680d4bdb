// Daemon: evidence that must outlive this agent and this boot.
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "agent/daemon.h"
#include "agent/pstore.h"
#include "base/log.h"
#include "diagnosis/diagnose.h"

namespace cgwarden::agent {
namespace {

// The kernel log and who runs, stored together with whatever else is: at most one commit each.
constexpr Usec kKeepInterval{2'000'000};
// A sign of life while nothing changes: a power cut is then known to this.
constexpr Usec kLifeInterval{30'000'000};

// Of what was lost.
bool is_recent(Usec lost_at, Usec now) {
  constexpr Usec kHour{3'600'000'000};
  return lost_at > Usec{0} && now < lost_at + kHour;
}

}  // namespace

void Daemon::open_kernel_log() {
  auto opened = KernelLog::open();
  if (!opened) {
    kernel_log_fault_ = opened.error().sentence();
    log::warning("kernel_log_off", {{"error", kernel_log_fault_},
                                    {"effect", "verdicts have no victim pid and size"}});
    return;
  }
  kernel_log_.emplace(std::move(*opened));
  if (auto stored = store_.kernel_log()) {
    kernel_log_->restore(*std::move(stored));
  } else {
    log::warning("kernel_log_not_restored", {{"error", stored.error().sentence()}});
  }
  kernel_log_->keep_in(kernel_log_keeper_);
  const auto drain = [this](std::uint32_t) {
    if (const Status drained = kernel_log_->drain(); !drained) {
      kernel_log_watch_ = {};
      kernel_log_fault_ = drained.error().sentence();
      log::warning("kernel_log_off", {{"error", kernel_log_fault_}});
    }
  };
  drain(0);
  auto watch = loop_->add(kernel_log_->fd(), EPOLLIN, drain);
  if (watch) kernel_log_watch_ = std::move(*watch);
}

void Daemon::begin_boot() {
  const Status begun = store_.begin_boot(boot_id(), clock_.now().wall);
  if (begun && store_.keeps_boots()) return;
  boot_fault_ = begun ? store_.notice() : begun.error().sentence();
  if (!begun) {
    log::warning("boot_not_stored",
                 {{"error", begun.error().sentence()},
                  {"effect", "the kernel log, and who runs at a power cut, are not kept"}});
  }
}

void Daemon::keep_evidence() {
  if (!kernel_log_keeper_.is_empty()) {
    const Status stored = store_.put_kernel_log(kernel_log_keeper_.pending());
    if (stored) kernel_log_keeper_.stored();
    keeping_failed(stored);
  }
  const Usec time = clock_.now().boottime;
  if (kernel_log_keeper_.dropped() > kernel_log_dropped_) kernel_log_dropped_at_ = time;
  kernel_log_dropped_ = kernel_log_keeper_.dropped();
  self_metrics_.kmsg_dropped(kernel_log_dropped_);
  std::vector<std::pair<std::string, unsigned>> now;
  for (const auto& running : supervisor_->running()) {
    now.emplace_back(running.name, running.incarnation);
  }
  if (now == running_stored_ && time < life_stored_ + kLifeInterval) return;
  if (store_running(false)) {
    running_stored_ = std::move(now);
    life_stored_ = time;
  }
}

// Said once until it works again.
void Daemon::keeping_failed(const Status& stored) {
  if (stored) {
    keep_fault_.clear();
    return;
  }
  self_metrics_.store_error();
  if (keep_fault_.empty()) {
    log::error("evidence_not_stored",
               {{"error", stored.error().sentence()},
                {"effect", "the kernel log waits; what does not fit is dropped and counted"}});
  }
  keep_fault_ = stored.error().sentence();
}

SourceReport Daemon::kernel_log_source() const {
  if (!kernel_log_fault_.empty()) return {SourceState::off, kernel_log_fault_};
  if (!is_recent(kernel_log_lost_at_, clock_.now().boottime)) return {};
  return {SourceState::limited,
          std::to_string(kernel_log_lost_) +
              " records were overwritten before they were read, some in the last hour; a larger "
              "ring helps (log_buf_len=4M on the kernel's command line)"};
}

SourceReport Daemon::kept_source() const {
  if (!kernel_log_fault_.empty()) return {SourceState::off, kernel_log_fault_};
  if (!boot_fault_.empty()) return {SourceState::off, boot_fault_};
  if (!keep_fault_.empty()) return {SourceState::limited, keep_fault_};
  if (!is_recent(kernel_log_dropped_at_, clock_.now().boottime)) return {};
  return {SourceState::limited, std::to_string(kernel_log_dropped_) +
                                    " lines came as a flood and were not stored, some in the last "
                                    "hour; `cgwarden kmsg` shows where"};
}

bool Daemon::store_running(bool stopped) {
  std::vector<diagnosis::RunningWorkload> list;
  for (const auto& running : supervisor_->running()) {
    list.push_back({.workload = running.name,
                    .incarnation = running.incarnation,
                    .main_pid = running.main_pid,
                    .from = running.started.value_or(TimePoint{})});
  }
  const Status stored = store_.put_running(list, clock_.now().wall, stopped);
  keeping_failed(stored);
  return stored.has_value();
}

Status Daemon::start_keeping() {
  keep_evidence();
  CGW_ASSIGN(keep_timer_, loop_->timer(kKeepInterval, kKeepInterval, [this] { keep_evidence(); }));
  return {};
}

// Once: what ran in a boot of before, and whose end nobody saw, ended with the machine.
void Daemon::tell_of_earlier_boots() {
  const auto boots = store_.unfinished_boots();
  if (!boots) {
    log::warning("earlier_boots_unread", {{"error", boots.error().sentence()}});
    return;
  }
  for (const auto& boot : *boots) {
    const auto panic = last_panic(pstore_directories(), boot.seen);
    for (const auto& running : boot.running) ended_with_machine(boot, running, panic.value_or(""));
  }
  if (boots->empty()) return;
  if (const Status forgotten = store_.forget_unfinished_boots(); !forgotten) {
    log::warning("earlier_boots_kept", {{"error", forgotten.error().sentence()}});
  }
}

void Daemon::ended_with_machine(const diagnosis::EarlierBoot& boot,
                                const diagnosis::RunningWorkload& running,
                                const std::string& panic) {
  diagnosis::DeathEvidence evidence;
  evidence.workload = running.workload;
  evidence.incarnation = running.incarnation;
  evidence.main_pid = running.main_pid;
  evidence.started = running.from;
  const Usec age = boot.seen - std::min(boot.seen, running.from.wall);
  evidence.ended = {running.from.boottime + age, boot.seen};
  evidence.machine_restart = diagnosis::MachineRestart{.boot_id = boot.boot_id,
                                                       .boot_id_now = boot_id(),
                                                       .seen = boot.seen,
                                                       .orderly = boot.stopped,
                                                       .panic = panic};
  const diagnosis::Verdict verdict = diagnosis::diagnose(evidence);
  counters_.died(verdict);
  store_death(verdict);
  announce_death(verdict, "");
}

KernelLogExtract Daemon::kernel_log_of(TimePoint from, TimePoint to) {
  KernelLogExtract log;
  if (!kernel_log_ || !kernel_log_fault_.empty()) {
    log.fault = kernel_log_fault_;
    return log;
  }
  const Status drained = kernel_log_->drain();
  log = kernel_log_->between(from.boottime, to.boottime);
  if (!drained) log.fault = drained.error().sentence();
  return log;
}

const diagnosis::RefusedForks* Daemon::refused_forks() {
  if (!kernel_log_ || !kernel_log_fault_.empty() || !kernel_log_->drain()) return nullptr;
  kernel_log_->refused_fork_book().identify(
      [this](const std::string& cgroup) -> std::optional<CgroupId> {
        const auto id = tree_.id_of(cgroup);
        return id ? std::optional(*id) : std::nullopt;
      },
      clock_.now().boottime);
  return &kernel_log_->refused_forks();
}

void Daemon::announce_death(const diagnosis::Verdict& verdict, const std::string& payload) {
  log::event(log::Level::info, "workload_died",
             {{"workload", verdict.workload},
              {"incarnation", std::to_string(verdict.incarnation)},
              {"verdict", std::string(to_string(verdict.verdict))},
              {"confidence", std::string(to_string(verdict.confidence))},
              {"answer", verdict.answer}},
             diagnosis::message_id(diagnosis::EventKind::death));
  if (bus_) {
    diagnosis::Verdict told = verdict;
    told.stderr_tail.clear();  // the bus has it for every local user
    bus_->died(told.workload, std::string(to_string(told.verdict)), to_json(told));
  }
  tell_of_death(verdict, payload);
}

}  // namespace cgwarden::agent
