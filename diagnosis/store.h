#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "diagnosis/event.h"
#include "diagnosis/stored_kernel_log.h"
#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis {

// Which events a reader wants.
struct EventFilter {
  std::int64_t after = 0;  // ids above this one
  Usec since{0};           // wall clock; both ends included
  Usec until{~std::uint64_t{0}};
  std::function<bool(const Event& event)> matches = {};  // empty: all
  std::size_t most = 1000;                               // the newest that match
};
struct StoredEvent {
  std::int64_t id = 0;  // rises
  Event event;
};

// A workload that ran when the agent last wrote.
struct RunningWorkload {
  std::string workload;
  unsigned incarnation = 0;
  pid_t main_pid = -1;
  TimePoint from;
};

// A boot of this machine before this one, as an agent last knew it.
struct EarlierBoot {
  std::string boot_id;
  Usec seen{0};          // wall clock of the agent's last sign of life
  bool stopped = false;  // the agent ended as asked
  std::vector<RunningWorkload> running;
};

struct KernelLogOfBoot {
  std::string boot_id;
  StoredKernelLog log;
};

// The store of verdicts, counters, events and the kernel log: one SQLite file (<state
// dir>/store.db, journal_mode=TRUNCATE, synchronous=FULL, not WAL: Debian's 3.40.1 has the
// WAL-reset corruption). Schema in store_schema.h. This is the reading side: opened read-only, safe
// beside a writing agent and without one. Thread rule: one thread per object.
class StoreReader {
 public:
  // vanished: no store yet. malformed: not ours, or damaged; the sentence says which and what to
  // do.
  [[nodiscard]] static Result<StoreReader> open(const std::string& path);
  StoreReader(StoreReader&&) noexcept;
  StoreReader& operator=(StoreReader&&) noexcept;
  ~StoreReader();

  // Rows that a damaged disk or another version left so that they say nothing are passed over by
  // all that reads verdicts and events, and counted here since open().
  [[nodiscard]] std::size_t unreadable() const;
  // Newest first, at most `limit`.
  [[nodiscard]] Result<std::vector<Verdict>> verdicts(std::string_view workload,
                                                      std::size_t limit) const;
  // Deaths alone, newest first, at most `limit`, of each what parse_brief() reads
  // (verdict_brief.h).
  [[nodiscard]] Result<std::vector<Verdict>> brief_deaths(std::string_view workload,
                                                          std::size_t limit) const;
  // Of everybody, newest first: what ended since then, at most `limit`.
  [[nodiscard]] Result<std::vector<Verdict>> verdicts_since(Usec wall, std::size_t limit) const;
  // Every workload that has a verdict, sorted.
  [[nodiscard]] Result<std::vector<std::string>> workloads() const;
  // Oldest first. None in a file of schema version 1, which no newer agent has opened yet.
  [[nodiscard]] Result<std::vector<StoredEvent>> events(const EventFilter& filter) const;
  // Between two moments of the wall clock, both included; oldest boot first, each at most once.
  // None in a file before schema version 3.
  [[nodiscard]] Result<std::vector<KernelLogOfBoot>> kernel_log(Usec since, Usec until) const;

 private:
  struct Impl;
  explicit StoreReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The writing side, used by the agent only.
class StoreWriter {
 public:
  // Creates the file and its schema, or brings an older schema up to date in one transaction (on a
  // full disk the older one goes on, without events, and `notice` says so);
  // refuses a newer schema version by name; a damaged or foreign
  // file is moved aside to PATH.damaged-<wall seconds> and said in `notice`.
  [[nodiscard]] static Result<StoreWriter> open(const std::string& path,
                                                std::uint64_t wall_seconds);
  StoreWriter(StoreWriter&&) noexcept;
  StoreWriter& operator=(StoreWriter&&) noexcept;
  ~StoreWriter();

  [[nodiscard]] const std::string& notice() const;

  // A counter that outlives workloads and agents, by name: "deaths/EXITED" and so on.
  struct Counter {
    std::string workload;
    std::string counter;
    std::uint64_t value = 0;
  };
  // All in one transaction, committed before it returns (one fsync however many), or nothing. One
  // row per (workload, incarnation, class, from): an ongoing stall or a repeated report updates its
  // row; a counter replaces its old value. `log`: as put_kernel_log(); on a full disk it goes
  // first, so that it can cost no verdict, and `log_dropped` says so.
  [[nodiscard]] Status put(std::span<const Verdict> verdicts, std::span<const Counter> counters,
                           const StoredKernelLog& log = {}, bool* log_dropped = nullptr);
  [[nodiscard]] Status put(const Verdict& verdict) { return put({&verdict, 1}, {}); }
  // Appends events and replaces counters, all in one transaction or nothing; apart from verdicts,
  // which must not be lost for an event. Of each kind the newest limits::kStoredEventsPerKind are
  // kept, of the last limits::kStoredEventSeconds before the newest of `events`.
  [[nodiscard]] Status put_events(std::span<const Event> events,
                                  std::span<const Counter> counters = {});
  // Of which boot the kernel log and the workloads are that are put from now on. Nothing of them is
  // stored before, nor in a file that could not be brought to schema version 3. Keeps the newest
  // limits::kStoredBoots.
  [[nodiscard]] Status begin_boot(const std::string& boot_id, Usec wall);
  // False in a file of an older schema: notice() says why.
  [[nodiscard]] bool keeps_boots() const;
  // What is stored of this boot's kernel log.
  [[nodiscard]] Result<StoredKernelLog> kernel_log() const;
  // Appends to it. A line that is there stays as it is. Bounded by limits::kStoredKernelLog....
  [[nodiscard]] Status put_kernel_log(const StoredKernelLog& fresh);
  // Earlier boots in which workloads ran whose end nobody has told of.
  [[nodiscard]] Result<std::vector<EarlierBoot>> unfinished_boots() const;
  [[nodiscard]] Status forget_unfinished_boots();
  // A sign of life: all workloads that run now, in place of those of before. `stopped`: the agent
  // ends as asked.
  [[nodiscard]] Status put_running(std::span<const RunningWorkload> running, Usec wall,
                                   bool stopped);
  // Has this death been stored already? (After an agent restart.) `ended_wall` is
  // Verdict::when.wall.
  [[nodiscard]] Result<bool> has_death(std::string_view workload, unsigned incarnation,
                                       Usec ended_wall) const;

  [[nodiscard]] Result<std::vector<Counter>> counters() const;
  // Its verdicts stay.
  [[nodiscard]] Status remove_counters(std::string_view workload);
  // Of all of them in one transaction.
  [[nodiscard]] Status remove_counters(std::span<const std::string> workloads);

 private:
  struct Impl;
  explicit StoreWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgwarden::diagnosis
