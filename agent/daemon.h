#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/adaptation.h"
#include "agent/cgroup_traits.h"
#include "agent/control.h"
#include "agent/counter_book.h"
#include "agent/cpu_looks.h"
#include "agent/dbus_service.h"
#include "agent/directory_watch.h"
#include "agent/enforcer.h"
#include "agent/event_loop.h"
#include "agent/event_recorder.h"
#include "agent/event_sources.h"
#include "agent/foreign_deaths.h"
#include "agent/foreign_stalls.h"
#include "agent/freeze_watch.h"
#include "agent/good_policies.h"
#include "agent/identification.h"
#include "agent/kernel_log.h"
#include "agent/kill_check.h"
#include "agent/memory_events_watch.h"
#include "agent/node_book.h"
#include "agent/oom_watch.h"
#include "agent/options.h"
#include "agent/pressure_watch.h"
#include "agent/recorder.h"
#include "agent/run_ends.h"
#include "agent/sampling_loop.h"
#include "agent/scope_host.h"
#include "agent/signal_watch.h"
#include "agent/stall_watch.h"
#include "agent/subject_book.h"
#include "agent/supervisor.h"
#include "agent/throttle_watch.h"
#include "agent/unit_watch.h"
#include "agent/verdict_queue.h"
#include "agent/web_endpoint.h"
#include "agent/xattr_cache.h"
#include "base/clock.h"
#include "cgroup/tree.h"
#include "diagnosis/event.h"
#include "diagnosis/oom_without_victim.h"
#include "diagnosis/store.h"
#include "exporters/self_metrics.h"
#include "policy/policy.h"

namespace cgwarden::agent {

// The agent put together: one loop thread runs everything but the HTTP threads, which read
// published Views.
class Daemon final : public Control, private SupervisorListener {
 public:
  // Opens all it needs or says what is missing. Nothing runs before run().
  [[nodiscard]] static Result<std::unique_ptr<Daemon>> create(const Options& options);
  ~Daemon() override;

  // Until SIGTERM or SIGINT.
  [[nodiscard]] Status run();

  [[nodiscard]] std::vector<WorkloadSummary> list() const override;
  void launch(const std::string& yaml, const std::string& origin, Done done) override;
  void stop(const std::string& name, const std::string& reason, Done done) override;
  Status kill(const std::string& name, int signal, const std::string& reason) override;
  Status pause(const std::string& name, bool paused) override;
  void remove(const std::string& name, bool force, const std::string& reason, Done done) override;
  [[nodiscard]] Result<std::string> inspect(const std::string& name) const override;
  Status reload() override;

 private:
  Daemon(Options options, cgroup::Tree tree, diagnosis::StoreWriter store);

  Status open_runtime();
  Status open_signals();
  Status open_endpoint();
  void open_kernel_log();
  void open_bus();
  // The files of now, kept as the last good ones.
  Status load_policy_directory();
  Status load_first_policies();
  void policies_refused(const Error& error);
  // daemon_sources.cpp. What listens, by way of the rows of kEventSources.
  void open_watches();
  void open_unit_watch();
  void publish_sources();
  [[nodiscard]] std::vector<std::string> directories_to_watch() const;
  void watch_directories();
  void directories_changed();
  void launch_new_workloads();

  // Before a tick: which cgroups limits are written to, when that changed, and which gone ones
  // every scraper has seen.
  void prepare_tick();
  void sampled(const std::shared_ptr<const cgroup::Snapshot>& snapshot);
  void arrived(const cgroup::SampleList& cgroups);
  // These, and as the last tick had them those above them.
  [[nodiscard]] cgroup::Snapshot with_those_above(const cgroup::SampleList& cgroups) const;
  [[nodiscard]] std::vector<diagnosis::OomRecord> recent_kills(Usec now) const;
  // Up to this moment; nullptr: the kernel log is not read.
  [[nodiscard]] const diagnosis::RefusedForks* refused_forks();
  void see_newest(const cgroup::Snapshot& snapshot);
  [[nodiscard]] std::optional<TimePoint> born(const Supervisor::Running& running) const;
  [[nodiscard]] StallWatch::Process look_at(const Supervisor::Running& running,
                                            const cgroup::Sample& payload);
  void observe_workloads(const cgroup::Snapshot& snapshot, TimePoint now);
  void observe_foreign_stalls(const cgroup::Snapshot& snapshot);
  void publish(std::shared_ptr<const cgroup::Snapshot> snapshot);
  [[nodiscard]] std::vector<policy::Policy> effective_policies() const;
  // daemon_policies.cpp
  void select_cgroups(std::vector<policy::Policy>& policies, const cgroup::SampleList& samples);
  void count_kernel(const std::string& name, const KernelCounts& counts);
  // daemon_events.cpp. Completes it (time, identity) and gives it to the recorder.
  void tell(diagnosis::Event event);
  void tell_of_agent(diagnosis::EventKind kind, const std::string& text);
  void identify(diagnosis::Event& event);
  void count_oom_kill(std::string_view cgroup);
  void observe_events(const cgroup::Snapshot& snapshot);
  void oom_happened(const diagnosis::OomIncident& incident);
  void policy_changed(diagnosis::EventKind kind, const PolicyChange& change);
  void add_policy_writes(diagnosis::DeathEvidence& evidence) const;
  void pressure_fired(const PressureWatch::Fired& fired);
  // daemon_adapt.cpp. The loops of policies.
  void open_adaptation(bool systemd_running);
  void adapt(const cgroup::Snapshot& snapshot, std::vector<policy::Policy>& policies);
  void watch_cpu_loops();
  void cpu_looked(std::span<const Adaptation::CpuLook> looks, std::size_t unread, Usec begun);
  void decide_between(std::span<const Adaptation::CpuLook> looks);
  void adapt_decided(const AdaptDecision& decision, TimePoint when);
  void kill_adapted(const AdaptDecision& decision, const cgroup::Snapshot& snapshot);
  void kill_failed(const AdaptDecision& decision, const std::string& why);
  // Of what was killed some time ago and did not empty.
  void look_at_kills(const cgroup::Snapshot& snapshot);
  void forecast_told(const AdaptDecision& decision, TimePoint when);
  void end_forecasts(const cgroup::Snapshot& snapshot);
  void add_policy_kills(const std::string& cgroup, diagnosis::DeathEvidence& evidence) const;
  // daemon_ends.cpp. Of units and containers.
  void units_changed(const UnitTracker::News& news);
  void oomd_killed(const std::string& cgroup, const std::string& reason);
  void units_reloaded();
  void foreign_died(const identity::Subject& subject, diagnosis::DeathEvidence evidence,
                    bool others_live);
  void observe_ends(const cgroup::Snapshot& snapshot);
  [[nodiscard]] diagnosis::Verdict verdict_of(RunEnds::Decided end) const;
  void announce_end(const RunEnds::Decided& end, const diagnosis::Verdict& verdict);
  void tell_of_death(const diagnosis::Verdict& verdict, const std::string& payload);
  // daemon_verdicts.cpp. Into the store, or into the queue before it.
  void store_death(const diagnosis::Verdict& verdict);
  void store_verdicts(const std::vector<diagnosis::Verdict>& verdicts);
  void store_waiting_verdicts();
  void last_attempt_at_verdicts();
  Status put_verdicts(std::span<const diagnosis::Verdict> verdicts);
  void verdicts_tried(const Status& stored);
  void record(const cgroup::Snapshot& snapshot);
  // daemon_evidence.cpp. What outlives this agent and this boot.
  void begin_boot();
  Status start_keeping();
  void keep_evidence();
  void keeping_failed(const Status& stored);
  bool store_running(bool stopped);
  [[nodiscard]] SourceReport kernel_log_source() const;
  [[nodiscard]] SourceReport kept_source() const;
  void tell_of_earlier_boots();
  void ended_with_machine(const diagnosis::EarlierBoot& boot,
                          const diagnosis::RunningWorkload& running, const std::string& panic);
  void announce_death(const diagnosis::Verdict& verdict, const std::string& payload);
  [[nodiscard]] KernelLogExtract kernel_log_of(TimePoint from, TimePoint to);
  void save_counters();
  void save_subjects();
  void counters_stored(const Status& stored);
  void forget_counters(const std::string& name);
  void forget_strange_counters();
  void signal_received();

  void workload_known(const std::string& name) override;
  void workload_started(const std::string& name) override;
  diagnosis::Verdict workload_died(const launcher::ExitRecord& record,
                                   std::vector<diagnosis::OwnAction> own_actions,
                                   std::vector<std::string> lost) override;
  void workload_forgotten(const std::string& name) override;
  bool death_is_known(const launcher::ExitRecord& record) override;
  void workload_restarting(const std::string& name, const std::string& reason) override;
  void oom_kills_counted(const std::string& name, const std::string& payload,
                         const cgroup::MemoryEvents& events) override;

  Options options_;
  SystemClock clock_;
  TimePoint began_ = clock_.now();
  cgroup::Tree tree_;
  diagnosis::StoreWriter store_;
  VerdictQueue verdicts_;
  std::string verdicts_fault_;  // empty: the store takes them
  UniqueFd lock_;
  std::unique_ptr<EventLoop> loop_;
  exporters::SelfMetrics self_metrics_;
  CounterBook counters_;
  NodeBook node_book_;
  std::optional<EventRecorder> events_;
  FreezeWatch freeze_watch_;
  diagnosis::OomWithoutVictim oom_without_victim_;
  std::shared_ptr<const cgroup::Snapshot> last_snapshot_;  // whose is what an event is about
  Identification identification_;
  XattrCache xattrs_{[this](const std::string& path, const std::string& name) {
                       return xattr_of(tree_, path, name);
                     },
                     options_.intervals.slow};
  SubjectBook subjects_;
  std::string said_counters_fault_;
  ThrottleWatch throttle_watch_;
  StallWatch stall_watch_;
  ForeignStalls foreign_stalls_;
  std::map<std::string, unsigned> paused_;  // workloads that we froze, and in which incarnation
  GoodPolicies good_policies_;
  std::vector<policy::Policy> policies_;
  KernelLogKeeper kernel_log_keeper_;
  std::optional<KernelLog> kernel_log_;
  std::string kernel_log_fault_;
  std::uint64_t kernel_log_lost_ = 0;
  std::unique_ptr<WebEndpoint> endpoint_;
  std::optional<Enforcer> enforcer_;
  policy::Ownership owner_of_;  // for adaptation_
  std::optional<Adaptation> adaptation_;
  cgroup::KernelFiles control_files_;
  std::optional<CpuLooks> cpu_looks_;
  std::vector<policy::Policy> adapted_policies_;  // of the last tick; empty: they are others now
  std::string said_cpu_looks_;
  std::size_t adapt_left_out_ = 0;  // said
  bool adapt_too_slow_ = false;     // said
  std::unique_ptr<ScopeHost> scopes_;
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<DbusService> bus_;
  std::optional<SamplingLoop> sampling_;
  std::map<std::string, std::string> workload_of_cgroup_;  // as last published
  std::vector<std::string> managed_;                       // what decides which cgroups are
  std::unique_ptr<OomWatch> oom_watch_;
  std::optional<MemoryEventsWatch> memory_events_watch_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<SignalWatch> senders_;
  std::unique_ptr<ForeignDeaths> foreign_deaths_;
  RunEnds run_ends_;
  std::deque<diagnosis::OomdKill> oomd_kills_;        // of the last minutes
  std::deque<diagnosis::PolicyWrite> policy_writes_;  // of the last minutes
  struct PolicyKill {
    std::string cgroup;
    diagnosis::OwnAction action;
  };
  std::deque<PolicyKill> policy_kills_;  // the newest
  KillCheck kill_check_;
  std::map<CgroupId, diagnosis::Verdict> oom_forecasts_;  // those that stand
  std::optional<PressureWatch> pressure_watch_;
  std::unique_ptr<UnitWatch> unit_watch_;
  UniqueFd signals_;
  std::optional<DirectoryWatch> directories_;
  std::vector<std::string> watched_directories_;
  EventLoop::Watch signal_watch_;
  EventLoop::Watch kernel_log_watch_;
  EventLoop::Watch directories_watch_;
  EventLoop::Timer watchdog_timer_;
  EventLoop::Timer reload_timer_;
  EventLoop::Timer units_timer_;
  EventLoop::Timer keep_timer_;
  EventSources sources_;
  bool said_sources_ = false;
  std::uint64_t ticks_ = 0;
  bool adopting_ = false;   // deaths that are found now were while no agent ran
  std::string keep_fault_;  // empty: the store takes the kernel log and who runs
  std::string boot_fault_;
  Usec kernel_log_lost_at_{0};  // CLOCK_BOOTTIME of the newest loss; 0: none
  Usec kernel_log_dropped_at_{0};
  std::uint64_t kernel_log_dropped_ = 0;
  std::vector<std::pair<std::string, unsigned>> running_stored_;
  Usec life_stored_{0};
};

}  // namespace cgwarden::agent
