#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "identity/identity_book.h"

#include "agent/event_loop.h"
#include "agent/event_sources.h"
#include "base/clock.h"
#include "cgroup/process_connector.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "diagnosis/evidence.h"

namespace cgwarden::agent {

// One run of a unit or container.
struct ForeignRun {
  unsigned incarnation = 0;  // 0: none is watched
  pid_t main_pid = -1;       // while it lives
};

// Deaths of systemd units and containers, which are nobody's workload: the oldest process of
// a cgroup is taken for its main process, and when it ended and left the cgroup empty, that was an
// incarnation. One that lived for less than a tick is not seen. On the loop's thread.
class ForeignDeaths {
 public:
  // One that ended with code 0 is not told. `others_live`: of its cgroup, and it is told
  // again, should they end within seconds.
  using Told =
      std::function<void(const identity::Subject&, diagnosis::DeathEvidence, bool others_live)>;

  // Counts the runs of a subject: the next number, or that of this very run (its cgroup, and when
  // its main process began) counted before, also by an earlier agent.
  using Count = std::function<unsigned(const identity::Subject&, CgroupId, Usec started)>;

  // Fails where the process connector cannot be used, having said so in the log: no deaths of
  // others are then told.
  [[nodiscard]] static Result<std::unique_ptr<ForeignDeaths>> start(EventLoop& loop,
                                                                    const cgroup::Tree& tree,
                                                                    const Clock& clock, Told told,
                                                                    Count count);
  // How it goes, for `cgwarden doctor`.
  [[nodiscard]] SourceReport source() const;
  // The run that is watched in this cgroup.
  [[nodiscard]] ForeignRun run_of(CgroupId id) const {
    const auto track = tracks_.find(id);
    if (track == tracks_.end()) return {};
    return {track->second.evidence.incarnation, track->second.ended ? -1 : track->second.main_pid};
  }
  // Every tick. Of those not watched yet it takes up to limits::kForeignBegun.
  void observe(const cgroup::Snapshot& snapshot, const identity::Table& identities);

 private:
  struct Track {
    identity::Subject subject;
    std::string path;
    pid_t main_pid = -1;
    Usec main_started{0};  // CLOCK_BOOTTIME, which tells it from a later process of its pid
    // From its first sight; `after` once it has ended.
    diagnosis::DeathEvidence evidence;
    cgroup::Count seen_kills;
    // What those above had counted at a moment that it is not yet known to have outlived.
    std::vector<std::optional<cgroup::MemoryEvents>> above;
    Usec above_seen{0};
    bool leaderless = false;    // its first thread has ended, and others go on
    std::optional<Usec> ended;  // boottime; the cgroup may go on
    std::uint64_t round = 0;
  };
  ForeignDeaths(const cgroup::Tree& tree, const Clock& clock, cgroup::ProcessConnector connector,
                Told told, Count count);
  void drain();
  void ended(const cgroup::ProcessExit& exit);
  using Fresh = std::vector<std::pair<const cgroup::Sample*, const identity::Known*>>;
  // What is known of all cgroups at one tick.
  struct Scene {
    const cgroup::Snapshot& snapshot;
    const identity::Table& identities;
  };
  void begin_some(const Fresh& fresh, const Scene& scene);
  // Its main process is gone. `exit`: absent when nobody saw its status.
  void end(Track& track, std::optional<diagnosis::MainExit> exit);
  // Its main process ended with this status.
  void end_main(CgroupId id, const cgroup::ProcessExit& exit);
  // Its first thread ended, as it may long before the others: then it lives on in those.
  [[nodiscard]] bool goes_on(Track& track, const cgroup::ProcessExit& exit);
  void watch_leaderless();
  // Those whose last thread ended without a message of it.
  void look_at_leaderless();
  // After events were lost: main processes that ended unseen.
  void look_for_lost_ends();
  void begin(const cgroup::Sample& sample, const identity::Subject& subject, const Scene& scene);
  // Its container has a name by now.
  void rename(Track& track, CgroupId id, const identity::Subject& subject);
  // Takes the oldest process for the main one; false: there is none. Of a cgroup with no process of
  // its own (podman's are in one called `container`) that of the cgroups below it which are
  // nobody else's.
  bool find_main(Track& track, const Scene& scene);
  void find_oldest_in(std::string_view path, Track& track, std::optional<Usec>& oldest) const;
  void outlive(Track& track, const cgroup::Sample& sample, const cgroup::Snapshot& snapshot);
  [[nodiscard]] bool reread_outlived(Track& track, cgroup::Count kills);
  static void outlive_above(Track& track, const cgroup::Snapshot& snapshot);
  void settle(TimePoint now);
  [[nodiscard]] bool is_empty(const Track& track, CgroupId id) const;

  const cgroup::Tree* tree_;
  const Clock* clock_;
  cgroup::ProcessConnector connector_;
  Told told_;
  Count count_;
  std::uint64_t overruns_ = 0;
  Usec overrun_at_{0};
  std::string fault_;  // why it was given up; empty while it works
  std::uint64_t round_ = 0;
  std::map<CgroupId, Track> tracks_;
  std::map<pid_t, CgroupId> mains_;
  std::string begun_;  // the path of the last one that was looked at
  EventLoop::Watch watch_;
};

}  // namespace cgwarden::agent
