#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/drift_watch.h"
#include "agent/event_loop.h"
#include "agent/node_facts.h"
#include "agent/original_journal.h"
#include "agent/original_restore.h"
#include "agent/shrink_queue.h"
#include "agent/unit_writer.h"
#include "agent/write_budget.h"
#include "agent/writer_watch.h"
#include "base/clock.h"
#include "cgroup/control_file.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "exporters/self_metrics.h"
#include "policy/agent_config.h"
#include "policy/plan.h"
#include "policy/policy.h"

namespace cgwarden::agent {

// A control file has changed: who wanted it, and how.
struct PolicyChange {
  std::string cgroup;
  std::string text;  // one sentence
};
struct PolicyListener {
  std::function<void(const PolicyChange& change)> wrote;    // by us
  std::function<void(const PolicyChange& change)> drifted;  // by somebody else
};

// Brings the kernel to what the policies say, once per tick: plan, note what was there, compare,
// write, read back. Nothing is written when nothing differs. What no policy wants any more gets
// back what it had. On the loop's thread; what blocks is done elsewhere.
class Enforcer {
 public:
  struct Services {
    EventLoop* loop = nullptr;
    const Clock* clock = nullptr;
    std::string state_dir;
    std::string boot_id;
    policy::Enforcement enforcement = {};
    bool bus = true;  // systemd may be asked
  };
  // Both must outlive it.
  Enforcer(const cgroup::Tree& tree, exporters::SelfMetrics& metrics, bool systemd_running,
           PolicyListener listener = {})
      : tree_(tree),
        metrics_(metrics),
        systemd_running_(systemd_running),
        listener_(std::move(listener)) {}

  // What enforce() needs beside: the journal of originals, a thread for shrinking, systemd, and who
  // writes control files. What is not to be had is said, and done without. Once.
  void open(const Services& services);

  // Logs each write, and each failure or skip once until it changes. While it plans, and before it
  // writes, it calls `pause` now and then, which may call enforce_arrived().
  void enforce(const cgroup::Snapshot& snapshot, const std::vector<policy::Policy>& policies,
               const std::function<void()>& pause = {});

  // The same at once for cgroups that came since the last tick, which `around` holds with those
  // above them. Until the next tick is over, what others write there is no drift: who makes a
  // cgroup sets it up. Left to that tick: what systemd writes, what must be shrunk, what fails.
  void enforce_arrived(const cgroup::SampleList& arrived, const cgroup::Snapshot& around,
                       const std::vector<policy::Policy>& policies);

  // The same for cgroups whose cpu loop has decided since the last tick: cpu.max and cpu.max.burst
  // of those of `around` that are in `decided`.
  void enforce_decided(const std::vector<CgroupId>& decided, const cgroup::Snapshot& around,
                       const std::vector<policy::Policy>& policies);

  // systemd may have changed cgroups of its units: it is asked again without the usual pause.
  void units_reloaded() {
    if (units_) units_->reloaded();
  }

  // The writes of one plan; the first that fails ends it with its error (a workload must not start
  // half-limited).
  [[nodiscard]] Status apply_all(const policy::Plan& plan);

  // Why nobody tells who writes control files; empty: somebody does.
  [[nodiscard]] const std::string& writers_fault() const { return writers_fault_; }

 private:
  struct Tally {
    std::size_t planned = 0;
    std::size_t failed = 0;
    std::size_t deferred = 0;
  };
  using Said = std::pair<std::string, std::string>;  // cgroup, file

  // enforcer.cpp
  [[nodiscard]] std::vector<policy::Write> take_due(const policy::Plan& plan, Tally& tally);
  // False: not at this tick.
  bool is_due(const policy::Write& write, Tally& tally);
  // False when the knob is still not as the policy wants it.
  bool apply(const policy::Write& write);
  void wrote(const policy::Write& write, const std::string& before, const std::string& after);
  void write_failed(const policy::Write& write, const Error& error);
  // The cgroup that it was planned for has its path still.
  [[nodiscard]] bool is_there(const policy::Write& write) const;
  void count_drift(const policy::Write& write, DriftWatch::Attempt attempt);
  [[nodiscard]] bool is_drift(const policy::Write& write) const;
  void say_skips(const policy::Plan& plan);
  // enforcer_between.cpp
  using Wants = std::function<bool(const policy::Write& write)>;
  [[nodiscard]] std::vector<policy::Write> due_between(const cgroup::Snapshot& around,
                                                       const std::vector<policy::Policy>& policies,
                                                       const Wants& wants);
  // What fails is written again at the tick, which says so. False: it is not as it should be.
  bool write_between(const policy::Write& write);
  // What enforce_decided() has written after this snapshot was begun, which does not know.
  [[nodiscard]] const std::string* newer_value(const policy::KnobKey& knob,
                                               const cgroup::Snapshot& snapshot) const;
  // Takes that into the plan.
  void correct(policy::Plan& plan, const cgroup::Snapshot& snapshot);
  void forget_arrived(const cgroup::Snapshot& snapshot);
  // True the first time this message stands for this knob.
  bool news(const std::string& cgroup, const std::string& file, const std::string& message);

  // enforcer_slow.cpp
  [[nodiscard]] bool must_shrink(const policy::Write& write,
                                 const cgroup::Snapshot& snapshot) const;
  [[nodiscard]] bool is_shrinking(CgroupId id) const { return shrinks_ && shrinks_->has(id); }
  [[nodiscard]] bool must_shrink(const policy::Write& write, std::optional<Bytes> in_use) const;
  void shrink(const policy::Write& write, Tally& tally);
  // Nothing else is written for it before it is done; false: not now.
  bool ask_to_shrink(const policy::Write& write, std::optional<policy::Original> gives_back);
  // True: this original is below what is in use, and is given back by a shrink, now or later.
  bool must_wait(const policy::Original& entry, const RestoreReport& report);
  void shrunk(const ShrinkRequest& request, const Result<ShrinkReport>& report);
  void ask_units(const std::vector<policy::Write>& writes, Tally& tally);
  void unit_set(const std::vector<policy::Write>& writes, const Status& status);

  // enforcer_originals.cpp
  void open_journal(const Services& services);
  void note_originals(const std::vector<policy::Write>& writes);
  // Once for each fault, and what it means.
  void say_noted(const Status& noted);
  // The kernel made another value of ours, which is ours too.
  void note_adjusted(const policy::Write& write, const std::string& after);
  // Entries of ours that no policy in force wants.
  [[nodiscard]] std::vector<policy::Original> unwanted(const policy::Plan& plan,
                                                       const cgroup::Snapshot& snapshot);
  // Devices that they no longer name of a knob that they want.
  void add_devices(policy::Plan& plan, const cgroup::Snapshot& snapshot) const;
  void restore(const std::vector<policy::Original>& originals);
  // What systemd is still to be told of this knob; nullopt: nothing. The kernel's file may have
  // been written past systemd, which would bring the policy's value back when it reads its files
  // anew.
  [[nodiscard]] std::optional<policy::Write> owed_to_unit(const policy::Original& entry,
                                                          const RestoreReport& report) const;
  // True: it needs no entry any more.
  bool give_back(const policy::Original& entry);
  void given_back(const policy::Original& entry, const RestoreReport& report);
  // Once, until something else stands for it than `reason`.
  void not_given_back(const policy::Original& entry, const Error& error, const std::string& reason);

  const cgroup::Tree& tree_;
  exporters::SelfMetrics& metrics_;
  bool systemd_running_;
  policy::NodeFacts facts_ = read_node_facts();  // of the start
  PolicyListener listener_;
  const Clock* clock_ = nullptr;
  std::vector<std::string> protected_;
  std::optional<WriteBudget> budget_;
  std::optional<OriginalJournal> journal_;
  std::unique_ptr<ShrinkQueue> shrinks_;
  std::unique_ptr<UnitWriter> units_;
  std::unique_ptr<WriterWatch> writers_;
  std::string writers_fault_ = "it was not asked for";
  DriftWatch drift_;
  // Written to since the last tick; true: that one's snapshot was older than the cgroup.
  std::map<CgroupId, bool> arrived_;
  struct Decided {
    std::string value;
    Usec at;  // CLOCK_BOOTTIME
  };
  std::map<policy::KnobKey, Decided> decided_;  // written by enforce_decided()
  struct Shrinking {
    policy::Write write;
    std::optional<policy::Original> gives_back;  // nullopt: a policy wants it
  };
  std::map<policy::KnobKey, Shrinking> shrinking_;     // what was asked of shrinks_
  std::map<policy::KnobKey, Usec> stuck_;              // not to be shrunk again before
  std::map<policy::KnobKey, Usec> stuck_originals_;    // the same, of what no policy wants
  std::map<policy::KnobKey, std::string> units_took_;  // last, of knobs in the journal
  std::string journal_fault_;                          // said; empty: it works
  std::map<Said, std::string> said_;
};

}  // namespace cgwarden::agent
