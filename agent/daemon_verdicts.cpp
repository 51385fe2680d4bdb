// Daemon: verdicts into the store, by way of the queue that holds what it does not take.
#include <utility>

#include "agent/daemon.h"
#include "base/log.h"

namespace cgwarden::agent {

void Daemon::store_death(const diagnosis::Verdict& verdict) { store_verdicts({verdict}); }

// However many at once, the loop waits for the disk once: a runtime that is stopped ends a hundred
// containers.
void Daemon::store_verdicts(const std::vector<diagnosis::Verdict>& verdicts) {
  for (const auto& verdict : verdicts) verdicts_.add(verdict);
  store_waiting_verdicts();
}

void Daemon::store_waiting_verdicts() {
  if (verdicts_.waiting() == 0) return;
  verdicts_tried(verdicts_.store(clock_.now().boottime,
                                 [this](const auto& batch) { return put_verdicts(batch); }));
}

void Daemon::last_attempt_at_verdicts() {
  verdicts_.hurry();
  store_waiting_verdicts();
  if (verdicts_.waiting() == 0) return;
  log::error("verdicts_lost", {{"count", std::to_string(verdicts_.waiting())},
                               {"error", verdicts_fault_},
                               {"effect",
                                "what the shims still have of deaths of workloads is "
                                "diagnosed again at the next start"}});
}

Status Daemon::put_verdicts(std::span<const diagnosis::Verdict> verdicts) {
  // Together, so that no agent can find a death without its count, nor without the kernel's lines
  // of it.
  bool log_dropped = false;
  const Status stored =
      counters_.save(store_, verdicts, kernel_log_keeper_.pending(), &log_dropped);
  if (stored && !log_dropped) kernel_log_keeper_.stored();
  // The verdicts are what must not be lost.
  return stored ? stored : store_.put(verdicts, {});
}

// Said once until it works again.
void Daemon::verdicts_tried(const Status& stored) {
  self_metrics_.verdicts_waiting(verdicts_.waiting(), verdicts_.dropped());
  if (!stored) {
    self_metrics_.store_error();
    if (verdicts_fault_.empty()) {
      log::error("verdicts_not_stored",
                 {{"waiting", std::to_string(verdicts_.waiting())},
                  {"error", stored.error().sentence()},
                  {"effect",
                   "they wait and are stored once it works; `cgwarden why` does not know "
                   "them until then"}});
    }
    verdicts_fault_ = stored.error().sentence();
    return;
  }
  if (verdicts_.waiting() > 0 || verdicts_fault_.empty()) return;
  verdicts_fault_.clear();
  log::info("verdicts_stored", {{"dropped", std::to_string(verdicts_.dropped())}});
}

}  // namespace cgwarden::agent
