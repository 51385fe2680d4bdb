#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/unique_fd.h"
#include "cgroup/cgroup_reader.h"
#include "cgroup/control_files.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "cgroup/tree_watch.h"
#include "cgroup/value_source.h"
#include "cgroup/values_index.h"

namespace cgwarden::cgroup {

// Why a cgroup is not sampled, or not every tick.
enum class DropReason : std::uint8_t {
  cap,        // more than Options::most_cgroups
  depth,      // below Options::most_depth
  kept_fds,   // its tick files are read with the medium tier: Options::most_kept_files
  gone_hold,  // its last values were shown to fewer than two scrapes: Options::most_gone
};
inline constexpr std::size_t kDropReasons = 4;
inline constexpr std::array<DropReason, kDropReasons> kAllDropReasons{
    DropReason::cap, DropReason::depth, DropReason::kept_fds, DropReason::gone_hold};
[[nodiscard]] std::string_view to_string(DropReason reason);

// Reads a whole hierarchy again and again, and as little of it as it can: it remembers the cgroups
// and their last values, keeps the files of every tick open, and reads the others when their tier
// is due. No thread, no clock, no log.
//
//   Sampler sampler(tree, {}, files);
//   sampler.rescan(clock.now());
//   std::shared_ptr<const Snapshot> now = sampler.tick(clock.now());
//
// A caller that must not be away for long calls begin(), collect() in portions, and finish(); all
// other members may be called in between. One thread.
class Sampler {
 public:
  using Choice = std::function<bool(std::string_view path)>;
  struct Options {
    // By Tier; that of Tier::tick is not used: every tick.
    std::array<Usec, kTiers> intervals{Usec{1'000'000}, Usec{5'000'000}, Usec{15'000'000},
                                       Usec{10'000'000}};
    // Which cgroups to sample, by path; empty: all. One not kept is still descended into.
    Choice keep;
    std::size_t most_cgroups = limits::kCgroupsWatched;
    std::size_t most_depth = limits::kCgroupDepth;
    std::size_t most_kept_files = limits::kKeptFiles;
    std::size_t most_gone = limits::kGoneCgroups;
    // Files that are read beside those of no group.
    FileGroups groups = {};
  };
  using Drops = std::array<std::uint64_t, kDropReasons>;

  // `tree` and `files` must outlive it.
  Sampler(const Tree& tree, Options options, ControlFiles& files);
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Looks through the whole hierarchy for cgroups that came and went. What came is read at once,
  // all tiers.
  void rescan(TimePoint now);
  // Takes over the watch: cgroups come and go with take_changes() from now on. Looks through the
  // hierarchy once.
  void watch_with(std::unique_ptr<TreeWatch> watch, TimePoint now);
  // -1 without a watch, or since it was given up: rescan() is then needed.
  [[nodiscard]] int changes_fd() const { return watch_ ? watch_->fd() : -1; }
  // "fanotify", "inotify" or "polling".
  [[nodiscard]] std::string_view discovery() const { return watch_ ? watch_->kind() : "polling"; }
  // Why the watch was given up; empty while it works.
  [[nodiscard]] const std::string& watch_fault() const { return watch_fault_; }
  // A failed read is counted, and the hierarchy looked through; after three in a row there is no
  // watch any more.
  void take_changes(TimePoint now);
  // Without a watch: looks into the directories whose number of children changed.
  void poll_changes(TimePoint now);
  // The same for a caller that must not be away for long: up to `most` cgroups, or changes. True:
  // more is to be done, by either of them.
  [[nodiscard]] bool take_changes(TimePoint now, std::size_t most);
  [[nodiscard]] bool poll_changes(TimePoint now, std::size_t most);
  // rescan(), done by these two.
  void begin_rescan();
  // Becomes readable when a cgroup became empty or populated: take_events() reads the last values
  // of those that became empty, before they can be removed.
  [[nodiscard]] int events_fd() const { return events_.get(); }
  void take_events(TimePoint now);

  // Managed ones that came since the last snapshot, or since this was asked, with their first
  // values; those of a snapshot are found there.
  [[nodiscard]] SampleList take_arrived();

  // Cgroups that limits are written to: their limits are read every tick, and they come before
  // others when there are more than the bounds allow.
  void set_managed(Choice managed, TimePoint now);
  // Reads these, too, from the next tick on, which looks through the tree for them.
  void add_groups(FileGroups groups);
  // All intervals times `factor`: the caller overran.
  void set_back_off(unsigned factor) { back_off_ = factor; }

  // From where read_values() takes values; none: all are read from files. The one before, whose
  // end may take long, is the caller's.
  std::unique_ptr<ValueSource> set_source(std::unique_ptr<ValueSource> source) {
    values_.set({});  // they point into the one before
    return std::exchange(source_, std::move(source));
  }
  [[nodiscard]] bool has_source() const { return source_ != nullptr; }

  void begin(TimePoint now);
  // After begin(): what the source tells now is not read from files in this tick. With an error it
  // all is. Returns its longest_walk().
  [[nodiscard]] Result<Usec> read_values();
  // Reads what is due in `tier` of up to `most` cgroups; false when all of them are done.
  [[nodiscard]] bool collect(Tier tier, std::size_t most);
  [[nodiscard]] std::shared_ptr<const Snapshot> finish();
  // All of them in one.
  [[nodiscard]] std::shared_ptr<const Snapshot> tick(TimePoint now);

  // What was shown as gone up to snapshot `sequence` is not shown any more.
  void forget_gone(std::uint64_t sequence);

  [[nodiscard]] const ReadErrors& read_errors() const { return reader_.errors(); }
  [[nodiscard]] const Drops& drops() const { return drops_; }
  [[nodiscard]] std::size_t kept_files() const { return reader_.kept(); }
  [[nodiscard]] std::size_t cgroups() const { return rows_.size(); }
  // Of those in the last snapshot: how many have a cgroup.events whose changes are not told.
  [[nodiscard]] std::size_t untold() const { return untold_; }
  [[nodiscard]] std::size_t sampled() const { return sampled_; }

 private:
  struct Row {
    CgroupId id;
    std::size_t depth = 0;
    Usec appeared{0};
    std::uint64_t seen = 0;   // the rescan that saw it last
    std::uint64_t links = 0;  // st_nlink of its directory: 2 and one for each child
    std::size_t cut = 0;      // cgroups below it that are too deep
    bool managed = false;
    bool dropped = false;              // by the cap
    std::unique_ptr<Watched> watched;  // absent: not sampled
  };
  using Rows = std::map<std::string, Row, std::less<>>;
  struct Gone {
    SampleList::Shared sample;
    Usec when;
    std::uint64_t sequence;  // of the first snapshot that shows it as gone
  };

  // sampler_tree.cpp
  [[nodiscard]] bool has_work() const { return !to_look_.empty() || sweep_ || !told_.empty(); }
  [[nodiscard]] bool work(TimePoint now, std::size_t most);
  void look(TimePoint now);
  void sweep(TimePoint now);
  std::vector<std::string> enter(const std::string& path, int directory, TimePoint now);
  void count_cut(Row& row, const std::string& path, const std::vector<std::string>& children,
                 TimePoint now);
  void count_deep(TimePoint now);
  void watch_directory(CgroupId id, int directory);
  void give_up_watch(const Error& error);
  void apply(const TreeChange& change, TimePoint now);
  void poll_directories(TimePoint now);
  [[nodiscard]] bool is_alive(const std::string& path, CgroupId id);
  Rows::iterator retire(Rows::iterator row, TimePoint now);
  void end_row(Rows::iterator row, TimePoint now);
  void show_last(SampleList::Shared sample, TimePoint now);
  // sampler.cpp
  void admit(Rows::iterator row);
  bool make_room();
  bool free_fds();
  void promote(TimePoint now);
  // false when it is gone.
  [[nodiscard]] bool start(Rows::iterator row, const std::vector<std::string>& files,
                           TimePoint now);
  [[nodiscard]] bool read(Row& row, Tier tier, TimePoint now, ValuesIndex* values = nullptr);
  [[nodiscard]] bool due(const Row& row, Tier tier) const;
  [[nodiscard]] Usec interval(Tier tier) const;
  void poll_events(Watched& watched);
  void drop(DropReason reason, std::size_t count = 1);

  const Tree& tree_;
  Options options_;
  ControlFiles& files_;
  CgroupReader reader_;
  std::unique_ptr<ValueSource> source_;
  ValuesIndex values_;       // of the tick under way
  std::uint64_t walks_ = 0;  // of source_
  std::unique_ptr<TreeWatch> watch_;
  // Its watches ran out, or it cannot be read. Kept, since somebody may still wait for its fd.
  std::unique_ptr<TreeWatch> ended_watch_;
  std::string watch_fault_;
  unsigned failed_takes_ = 0;  // in a row
  UniqueFd events_;
  Choice managed_;
  Rows rows_;
  std::unordered_map<std::uint64_t, Rows::iterator> by_id_;
  std::uint64_t device_ = 0;
  std::uint64_t scan_ = 0;
  // What is left to do of changes and rescans.
  std::vector<std::string> to_look_;  // cgroups to be entered with all below them, the last first
  bool sweep_ = false;                // then to find those that the rescan did not
  std::deque<TreeChange> told_;       // and then these
  std::map<std::string, Usec> deep_;  // cgroups with too deep ones, and when these are counted
  bool rescan_due_ = false;  // for want of something that passes, or of files not read before
  std::size_t sampled_ = 0;
  std::deque<Gone> gone_;
  std::vector<SampleList::Shared> ended_;  // since the last snapshot, at most Options::most_gone
  std::vector<SampleList::Shared> arrived_;
  std::uint64_t sequence_ = 0;
  unsigned back_off_ = 1;
  TimePoint now_;
  std::optional<std::string> position_;  // the last one that collect() did
  std::size_t dropped_ = 0;              // rows dropped by the cap
  std::size_t untold_ = 0;
  Drops drops_{};
};

}  // namespace cgwarden::cgroup
