#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/control.h"
#include "agent/enforcer.h"
#include "agent/event_loop.h"
#include "agent/event_sources.h"
#include "agent/health.h"
#include "agent/network_sweep.h"
#include "agent/options.h"
#include "agent/scope_host.h"
#include "agent/shim_process.h"
#include "agent/upper_directories.h"
#include "agent/upper_use.h"
#include "agent/workload_files.h"
#include "base/clock.h"
#include "cgroup/events_watch.h"
#include "cgroup/tree.h"
#include "diagnosis/evidence.h"
#include "diagnosis/verdict.h"
#include "launcher/spec.h"
#include "policy/workload.h"

namespace cgwarden::agent {

// What the supervisor tells about its workloads. All calls on the loop thread.
class SupervisorListener {
 public:
  virtual ~SupervisorListener() = default;
  virtual void workload_known(const std::string& name) = 0;
  virtual void workload_started(const std::string& name) = 0;
  // Must give a verdict; it decides about the restart's reason.
  virtual diagnosis::Verdict workload_died(const launcher::ExitRecord& record,
                                           std::vector<diagnosis::OwnAction> own_actions,
                                           std::vector<std::string> lost) = 0;
  // Has this death been dealt with by an agent before us?
  virtual bool death_is_known(const launcher::ExitRecord& record) = 0;
  // Its verdicts are all that is left of it.
  virtual void workload_forgotten(const std::string& name) = 0;
  virtual void workload_restarting(const std::string& name, const std::string& reason) = 0;
  // memory.events of the payload's subtree changed, or was read at an adoption.
  virtual void oom_kills_counted(const std::string& name, const std::string& payload,
                                 const cgroup::MemoryEvents& events) = 0;
};

// Starts, watches, stops and restarts workloads, each through a shim of its own, and takes over
// those that an earlier agent left. States: starting -> running -> (stopping ->) exited, and
// backoff between exited and the next starting.
class Supervisor {
 public:
  struct Parts {  // all outlive the supervisor
    EventLoop* loop = nullptr;
    const Clock* clock = nullptr;
    const cgroup::Tree* tree = nullptr;
    ScopeHost* scopes = nullptr;
    Enforcer* enforcer = nullptr;
    SupervisorListener* listener = nullptr;
    // A run in the foreground: what it lends to the shim. nullptr: an agent.
    const ForegroundFds* foreground = nullptr;
  };
  Supervisor(const Parts& parts, Options options);
  ~Supervisor();

  // Workloads found in the runtime directory: living ones are watched again, deaths in between are
  // reported, wanted ones restarted.
  void adopt();

  enum class Asked {
    by_caller,     // who waits for `done`: a first launch that fails is not tried again
    by_directory,  // the restart policy counts from the first launch on
  };
  void launch(const std::string& yaml, const std::string& origin, Asked asked, Control::Done done);
  void stop(const std::string& name, const std::string& reason, Control::Done done);
  // `done` once the present incarnation and its cgroups are gone; asks for nothing.
  void wait(const std::string& name, Control::Done done);
  // A signal for the command, by way of the built-in init. invalid: it does not run.
  [[nodiscard]] Status signal(const std::string& name, int number, const std::string& reason);
  // cgroup.freeze; answers before all processes stand still. invalid: it does not run.
  [[nodiscard]] Status pause(const std::string& name, bool paused);
  // Ended, `name` is forgotten with its files; with `force` it is killed first.
  void remove(const std::string& name, bool force, const std::string& reason, Control::Done done);
  // Whatever ends it now, it is not started again.
  void want_no_more(const std::string& name);
  // SIGKILL to every process of a running workload.
  void kill_now(const std::string& name, const std::string& reason);
  // A policy is about to write cgroup.kill of `cgroup`: noted for the verdicts of the workloads
  // that are in it, wholly or in part.
  void policy_kills(const std::string& cgroup, const diagnosis::OwnAction& kill);
  // What a stop of `name` begins with; SIGTERM for an unknown one.
  [[nodiscard]] int stop_signal_of(const std::string& name) const;
  // pidfd of the direct child of the shim, which lives on in `name`'s incarnation; -1: none.
  [[nodiscard]] int process_of(const std::string& name) const;
  [[nodiscard]] bool knows(const std::string& name) const { return workloads_.contains(name); }
  // The YAML text a known workload was launched from.
  [[nodiscard]] std::string yaml_of(const std::string& name) const;
  // metadata.labels; none for an unknown one.
  [[nodiscard]] std::map<std::string, std::string> labels_of(const std::string& name) const;
  [[nodiscard]] std::vector<WorkloadSummary> list() const;
  // Names that the workload directory has now; they are never forgotten. Before the first call
  // nothing is.
  void keep(std::set<std::string> names) { kept_ = std::move(names); }
  [[nodiscard]] bool keeps() const { return kept_.has_value(); }
  // Networks: clears away those of the dead, mends those of the living, in the background.
  void mend_networks() { network_sweep_.start(); }
  // Removes what is left of workloads that ended long ago (limits::kFinishedWorkloads). To be
  // called now and then, from no callback of a workload.
  void forget_finished();
  // What workloads with layers have written, as last measured.
  [[nodiscard]] const UpperUse& upper_use() const { return upper_use_; }
  void measure_uppers() { upper_use_.tick(); }

  // nullopt: it does not run, or has no check.
  [[nodiscard]] std::optional<Health> health_of(const std::string& name) const;

  struct Running {
    std::string name;
    unsigned incarnation = 0;
    std::string payload;                    // cgroup path
    pid_t main_pid = -1;                    // host pid of the command
    std::optional<TimePoint> started = {};  // its payload was made then
    const policy::Workload* workload = nullptr;
  };
  [[nodiscard]] std::vector<Running> running() const;
  // Its largest processes when it last reached its limit of memory; none when it never did.
  [[nodiscard]] std::vector<diagnosis::DeathEvidence::ProcessSize> largest_of(
      const std::string& name) const;
  // How the poll(2) of their memory.events goes, for `cgwarden doctor`; unused when none runs.
  [[nodiscard]] SourceReport memory_events_source() const;

 private:
  struct Managed;
  struct End;
  void start(Managed& managed);
  void start_now(Managed& managed);
  Status spawn_shim(Managed& managed);
  // Reads the image, makes the directories of an overlay.
  Result<launcher::Spec> spec_of(const Managed& managed);
  Status lay_root(launcher::Spec& spec, const Managed& managed);
  Status note_shim(Managed& managed);
  void scope_created(const std::string& name, unsigned incarnation, Result<std::string> scope);
  Status prepare_cgroups(Managed& managed, const std::string& scope);
  void shim_replied(Managed& managed);
  void running_now(Managed& managed, const launcher::ShimReply& reply);
  void start_failed(Managed& managed, const Error& error);
  void shim_ended(Managed& managed);
  void finish(Managed& managed, const launcher::ExitRecord& record, std::vector<std::string> lost);
  End end_of(Managed& managed);
  void keep_record(const Managed& managed, const launcher::ExitRecord& record);
  void settle(Managed& managed, const launcher::ExitRecord& record,
              diagnosis::VerdictClass verdict);
  void restart_later(Managed& managed, Usec delay);
  // Before a stop timeout SIGKILLs.
  [[nodiscard]] int stop_signal_of(const Managed& managed) const;
  void begin_stop(Managed& managed, const std::string& reason);
  void watch_health(Managed& managed, std::optional<HealthReport> known);
  void health_changed(Managed& managed, const HealthReport& report);
  void stop_timed_out(Managed& managed);
  void kill_all_of(Managed& managed, const std::string& reason);
  void watch_memory_events(Managed& managed);
  void memory_events_changed(Managed& managed);
  void measure_processes(Managed& managed, std::uint64_t max_events);
  void clean_cgroups(Managed& managed);
  void cleaned(Managed& managed);
  void adopt_one(const std::string& name);
  void adopt_dead(Managed& managed, const launcher::ExitRecord& record);
  void adopt_running(Managed& managed, const launcher::RunningStatus& status);
  void adopt_unfinished(Managed& managed);
  void look_for_status(Managed& managed);
  void start_over(Managed& managed);
  Status save_note(Managed& managed);
  Status forget(const std::string& name);
  void forget_soon(const std::string& name, Control::Done done);
  [[nodiscard]] Status free_to_launch(const std::string& name, const Managed* known) const;
  void answer_launch(Managed& managed, Status status);
  void answer_stops(Managed& managed, const Status& status);

  Parts parts_;
  Options options_;
  NetworkSweep network_sweep_;
  UpperDirectories uppers_;
  UpperUse upper_use_;
  std::map<std::string, std::unique_ptr<Managed>> workloads_;
  std::optional<std::set<std::string>> kept_;
  // Asked to be removed; not from a callback of the workload itself.
  std::vector<std::pair<std::string, Control::Done>> to_forget_;
  EventLoop::Timer forget_timer_;
};

}  // namespace cgwarden::agent
