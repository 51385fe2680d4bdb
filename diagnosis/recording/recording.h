#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "identity/identity.h"

#include "base/result.h"
#include "base/units.h"
#include "cgroup/fields.h"

// What the agent recorded of the cgroups, read from its files: with and without an agent.
//
//   CGW_ASSIGN(const Recording recording, Recording::open({state_dir, runtime_dir}));
//   CGW_ASSIGN(const auto cgroups, recording.cgroups({from, until}));
//   for (const RecordedCgroup& cgroup : cgroups) {
//     if (!cgroup.is_called("web")) continue;
//     CGW_ASSIGN(const Series series, recording.range(cgroup, {from, until},
//                                                     {"cpu.stat.usage_usec", "memory.current"}));
//     for (std::size_t i = 0; i < series.times.size(); ++i) {
//       use(series.times[i], series.rate(0, i), series.value(1, i));
//     }
//   }
//
// All cgroups at one moment, and the moments around it (top, replay):
//
//   CGW_ASSIGN(std::optional<RecordedMoment> now, recording.at(time));
//   for (const RecordedMoment::Row& row : now->rows) use(row.cgroup, now->rate(row, *field));
//   CGW_ASSIGN(std::optional<RecordedMoment> then, recording.previous(now->time));
namespace cgwarden::diagnosis {

// Of the wall clock, both ends included.
struct TimeRange {
  Usec from{0};
  Usec until{0};
};

// One life of one cgroup: a new directory under the same path, and the same one after a reboot, is
// another.
struct RecordedCgroup {
  std::string boot;  // /proc/sys/kernel/random/boot_id
  CgroupId id;
  std::string path;
  identity::Identity identity;  // the newest that was known
  Usec first{0};                // wall clock of its first and last recorded sample, as far as the
  Usec last{0};                 // recording still reaches

  // The name of our workload; empty: it is none.
  [[nodiscard]] std::string_view workload() const;
  // By its path, workload, unit, container, container id (12 digits or more), pod or machine.
  [[nodiscard]] bool is_called(std::string_view name) const;
  [[nodiscard]] bool same(const RecordedCgroup& other) const {
    return id == other.id && boot == other.boot && path == other.path;
  }
};

// Samples of one cgroup in the order of their times, by field.
class Series {
 public:
  std::vector<cgroup::Field> fields;
  std::vector<Usec> times;          // wall clock, to the millisecond
  std::vector<std::size_t> starts;  // indices at which counters began anew (a controller came
                                    // back); ascending. The first sample of all is one.

  // nullopt: not there at that time. kNoLimit of a limit is "max".
  [[nodiscard]] std::optional<std::uint64_t> value(std::size_t field, std::size_t i) const;
  // Growth of a counter since the sample before, per second. nullopt: at the first sample and after
  // a start, where either value is absent, and for what is no counter.
  [[nodiscard]] std::optional<double> rate(std::size_t field, std::size_t i) const;
  // The same between any two samples.
  [[nodiscard]] std::optional<double> rate_between(std::size_t field, std::size_t from,
                                                   std::size_t until) const;
  [[nodiscard]] std::optional<std::size_t> field(std::string_view name) const;

  // In the order of time; `value` and `present` have one element per field.
  void append(Usec time, bool start, std::span<const std::uint64_t> value,
              std::span<const std::uint8_t> present);
  // Of the same fields.
  void append(const Series& piece);

 private:
  std::vector<std::uint64_t> values_;  // by sample, then by field
  std::vector<std::uint8_t> present_;
};

// All cgroups of one tick.
struct RecordedMoment {
  struct Row {
    RecordedCgroup cgroup;
    Series samples;  // of all fields: that of the tick is the last, before it those of 15 s
  };
  Usec time{0};
  std::vector<Row> rows;  // sorted by path
  std::vector<cgroup::Field> fields;

  [[nodiscard]] std::optional<std::size_t> field(std::string_view name) const;
  [[nodiscard]] static std::optional<std::uint64_t> value(const Row& row, std::size_t field);
  // Since the tick before; of files that are not read at every tick, over the 15 s.
  [[nodiscard]] static std::optional<double> rate(const Row& row, std::size_t field);
};

// Reads samples-*.db and rollup-*.db of the state directory (sample_schema.h), and what is not yet
// in them from the ring in the runtime directory (ring.h). Every call sees what is there now. A day
// that is damaged, foreign or of a newer version is left out and said in faults(). A year is never
// in memory: one minute at a time is decoded. Thread rule: one thread per object.
class Recording {
 public:
  struct Where {
    std::string state_dir;
    std::string runtime_dir;  // empty: without the ring
  };
  // vanished: nothing was ever recorded there. not_permitted: root reads it.
  [[nodiscard]] static Result<Recording> open(Where where);
  Recording(Recording&&) noexcept;
  Recording& operator=(Recording&&) noexcept;
  ~Recording();

  // Every life that has a sample in the range, by path, then by first.
  [[nodiscard]] Result<std::vector<RecordedCgroup>> cgroups(const TimeRange& range) const;
  // `fields`: names of cgroup::fields(), or of an older version; one that nobody recorded has no
  // values. Empty: all of cgroup::fields(). Days that are older are in steps of ten seconds: of a
  // counter the last value, of a gauge the largest.
  [[nodiscard]] Result<Series> range(const RecordedCgroup& cgroup, const TimeRange& range,
                                     std::span<const std::string> fields) const;
  // The same of many, in pieces of at most some minutes of one cgroup, piece after piece in the
  // order of time. Ends when `take` gives false.
  using Wanted = std::function<bool(const RecordedCgroup&)>;
  using Take = std::function<bool(const RecordedCgroup&, const Series&)>;
  [[nodiscard]] Status each(const TimeRange& range, std::span<const std::string> fields,
                            const Wanted& wanted, const Take& take) const;

  // The newest tick at or before `time`, the first after it, the last before it; nullopt: none.
  [[nodiscard]] Result<std::optional<RecordedMoment>> at(Usec time) const;
  [[nodiscard]] Result<std::optional<RecordedMoment>> next(Usec time) const;
  [[nodiscard]] Result<std::optional<RecordedMoment>> previous(Usec time) const;
  // From the oldest to the newest tick; nullopt: there is none.
  [[nodiscard]] Result<std::optional<TimeRange>> extent() const;

  // Sentences about what could not be read, each once.
  [[nodiscard]] const std::vector<std::string>& faults() const;

 private:
  struct Impl;
  explicit Recording(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgwarden::diagnosis
