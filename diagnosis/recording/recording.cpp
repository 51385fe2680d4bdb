#include "diagnosis/recording/recording.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <map>
#include <ranges>
#include <tuple>
#include <utility>

#include "base/limits.h"
#include "diagnosis/recording/day_files.h"
#include "diagnosis/recording/recording_source.h"

namespace cgwarden::diagnosis {
namespace {

using recording::Source;
using recording::Stream;

constexpr std::uint64_t kUsecPerMs = 1000;
constexpr std::uint64_t kEnd = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kLookBackMs = 15'000;

std::uint64_t ms_up(Usec time) {
  return std::min((time.count() / kUsecPerMs) + (time.count() % kUsecPerMs != 0 ? 1 : 0), kEnd);
}
std::uint64_t ms_down(Usec time) { return std::min(time.count() / kUsecPerMs, kEnd); }

using LifeKey = std::tuple<std::string, std::string, std::uint64_t>;  // path, boot, id

LifeKey key_of(const Stream& stream) { return {stream.path, stream.boot, stream.id.value}; }

RecordedCgroup life_of(const recording::StoredStream& stored) {
  return {stored.stream.boot,
          stored.stream.id,
          stored.stream.path,
          stored.stream.identity,
          Usec(stored.first_ms * kUsecPerMs),
          Usec(stored.last_ms * kUsecPerMs)};
}

std::vector<cgroup::Field> fields_named(std::span<const std::string> names) {
  const auto all = cgroup::fields();
  if (names.empty()) return {all.begin(), all.end()};
  std::vector<cgroup::Field> fields;
  for (const std::string& name : names) {
    const auto known = cgroup::field_index(name);
    fields.push_back(known ? all[*known] : cgroup::Field{name, cgroup::FieldKind::gauge});
  }
  return fields;
}

// The samples of a block within the times, as a piece.
Series piece_of(const recording::Block& block, const std::vector<std::uint64_t>& ticks,
                const std::vector<cgroup::Field>& fields, bool start, std::uint64_t from_ms,
                std::uint64_t until_ms) {
  Series piece;
  piece.fields = fields;
  std::vector<std::uint64_t> values(fields.size());
  std::vector<std::uint8_t> present(fields.size());
  for (std::size_t s = 0; s < block.samples(); ++s) {
    if (block.ticks[s] >= ticks.size()) break;
    const std::uint64_t tick = ticks[block.ticks[s]];
    if (tick < from_ms || tick > until_ms) continue;
    for (std::size_t f = 0; f < fields.size(); ++f) {
      values[f] = block.values[block.at(f, s)];
      present[f] = block.present[block.at(f, s)];
    }
    piece.append(Usec(tick * kUsecPerMs), start && piece.times.empty(), values, present);
  }
  return piece;
}

}  // namespace

struct Recording::Impl {
  Where where;
  recording::Sources sources;

  // One tick of one cut.
  struct TickAt {
    Source* source = nullptr;
    std::int64_t cut = 0;
    std::uint32_t index = 0;
    std::uint64_t ms = 0;
  };
  Result<std::optional<TickAt>> last_tick(std::uint64_t until_ms);
  Result<std::optional<TickAt>> first_tick(std::uint64_t from_ms);
  Result<RecordedMoment> moment(const TickAt& tick);
  Status add_rows(const TickAt& tick, std::uint64_t from_ms, bool only_known,
                  std::map<LifeKey, std::pair<std::uint64_t, RecordedMoment::Row>>& rows,
                  const std::vector<cgroup::Field>& fields);
};

Recording::Recording(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Recording::Recording(Recording&&) noexcept = default;
Recording& Recording::operator=(Recording&&) noexcept = default;
Recording::~Recording() = default;

const std::vector<std::string>& Recording::faults() const { return impl_->sources.faults(); }

Result<Recording> Recording::open(Where where) {
  auto impl = std::make_unique<Impl>();
  impl->where = std::move(where);
  impl->sources = recording::Sources(impl->where.state_dir, impl->where.runtime_dir);
  CGW_TRY(impl->sources.refresh());
  if (impl->sources.all().empty() && impl->sources.faults().empty()) {
    return fail(Error::from_errno(ENOENT, "read the recording in", impl->where.state_dir,
                                  "no agent has recorded anything there yet"));
  }
  return Recording(std::move(impl));
}

Result<std::vector<RecordedCgroup>> Recording::cgroups(const TimeRange& range) const {
  CGW_TRY(impl_->sources.refresh());
  std::map<LifeKey, RecordedCgroup> lives;
  for (const auto& source : impl_->sources.all()) {
    const auto streams = source->streams(ms_up(range.from), ms_down(range.until));
    if (!streams) {
      impl_->sources.fault(streams.error());
      continue;
    }
    for (const auto& stored : *streams) {
      RecordedCgroup life = life_of(stored);
      const auto [at, fresh] = lives.try_emplace(key_of(stored.stream), life);
      if (fresh) continue;
      RecordedCgroup& known = at->second;
      if (life.last >= known.last) known.identity = std::move(life.identity);
      known.first = std::min(known.first, life.first);
      known.last = std::max(known.last, life.last);
    }
  }
  std::vector<RecordedCgroup> list;
  for (auto& [key, life] : lives) list.push_back(std::move(life));
  std::ranges::stable_sort(list, {},
                           [](const auto& life) { return std::tie(life.path, life.first); });
  return list;
}

Status Recording::each(const TimeRange& range, std::span<const std::string> names,
                       const Wanted& wanted, const Take& take) const {
  CGW_TRY(impl_->sources.refresh());
  const auto fields = fields_named(names);
  const std::uint64_t from = ms_up(range.from);
  const std::uint64_t until = ms_down(range.until);
  std::map<LifeKey, std::uint64_t> runs;  // the last one seen of a life
  recording::Block block;
  for (const auto& source : impl_->sources.all()) {
    const auto work = [&]() -> Result<bool> {
      CGW_ASSIGN(auto streams, source->streams(from, until));
      std::erase_if(streams, [&](const auto& stored) { return !wanted(life_of(stored)); });
      if (streams.empty()) return true;
      CGW_ASSIGN(const auto cuts, source->cuts(from, until));
      CGW_TRY(source->want(fields));
      for (const auto& cut : cuts) {
        CGW_ASSIGN(const auto ticks, source->ticks(cut.id));
        for (const auto& stored : streams) {
          if (stored.first_ms > cut.until_ms || stored.last_ms < cut.from_ms) continue;
          const auto there = source->block(cut.id, stored.row, block);
          if (!there) impl_->sources.fault(there.error());
          if (!there || !*there) continue;
          const auto [run, fresh] = runs.try_emplace(key_of(stored.stream), stored.stream.run);
          const bool start =
              fresh || std::exchange(run->second, stored.stream.run) != stored.stream.run;
          const Series piece = piece_of(block, ticks, fields, start, from, until);
          if (!piece.times.empty() && !take(life_of(stored), piece)) return false;
        }
      }
      return true;
    };
    const auto more = work();
    if (!more) impl_->sources.fault(more.error());
    if (more && !*more) return {};
  }
  return {};
}

Result<Series> Recording::range(const RecordedCgroup& cgroup, const TimeRange& range,
                                std::span<const std::string> names) const {
  Series series;
  series.fields = fields_named(names);
  CGW_TRY(each(
      range, names, [&](const RecordedCgroup& other) { return cgroup.same(other); },
      [&](const RecordedCgroup&, const Series& piece) {
        series.append(piece);
        return true;
      }));
  return series;
}

// Sources are in the order of time, but for a clock that was set back.
Result<std::optional<Recording::Impl::TickAt>> Recording::Impl::last_tick(std::uint64_t until_ms) {
  std::optional<TickAt> best;
  for (auto at = sources.all().rbegin(); at != sources.all().rend(); ++at) {
    Source& source = **at;
    if (best && best->ms >= source.until_ms()) continue;
    const auto cuts = source.cuts(0, until_ms);
    if (!cuts) {
      sources.fault(cuts.error());
      continue;
    }
    for (const auto& cut : std::views::reverse(*cuts)) {
      if (best && std::min(cut.until_ms, until_ms) <= best->ms) continue;
      CGW_ASSIGN(const auto ticks, source.ticks(cut.id));
      for (std::uint32_t i = 0; i < ticks.size(); ++i) {
        if (ticks[i] <= until_ms && (!best || ticks[i] > best->ms)) {
          best = TickAt{&source, cut.id, i, ticks[i]};
        }
      }
    }
  }
  return best;
}

Result<std::optional<Recording::Impl::TickAt>> Recording::Impl::first_tick(std::uint64_t from_ms) {
  std::optional<TickAt> best;
  for (const auto& at : sources.all()) {
    if (best && best->ms <= at->from_ms()) continue;
    const auto cuts = at->cuts(from_ms, kEnd);
    if (!cuts) {
      sources.fault(cuts.error());
      continue;
    }
    for (const auto& cut : *cuts) {
      if (best && std::max(cut.from_ms, from_ms) >= best->ms) continue;
      CGW_ASSIGN(const auto ticks, at->ticks(cut.id));
      for (std::uint32_t i = 0; i < ticks.size(); ++i) {
        if (ticks[i] >= from_ms && (!best || ticks[i] < best->ms)) {
          best = TickAt{at.get(), cut.id, i, ticks[i]};
        }
      }
    }
  }
  return best;
}

// `only_known`: earlier samples for rows that are there already; a stream is the same by its run.
Status Recording::Impl::add_rows(
    const TickAt& tick, std::uint64_t from_ms, bool only_known,
    std::map<LifeKey, std::pair<std::uint64_t, RecordedMoment::Row>>& rows,
    const std::vector<cgroup::Field>& fields) {
  CGW_ASSIGN(const auto ticks, tick.source->ticks(tick.cut));
  CGW_TRY(tick.source->want(fields));
  CGW_ASSIGN(const auto streams, tick.source->streams(tick.ms, tick.ms));
  recording::Block block;
  for (const auto& stored : streams) {
    const auto there = tick.source->block(tick.cut, stored.row, block);
    if (!there) sources.fault(there.error());
    if (!there || !*there) continue;
    if (!std::ranges::binary_search(block.ticks, tick.index)) continue;
    Series piece = piece_of(block, ticks, fields, false, from_ms, tick.ms);
    if (piece.times.empty()) continue;
    const LifeKey key = key_of(stored.stream);
    const auto known = rows.find(key);
    if (!only_known) {
      rows[key] = {stored.stream.run, {life_of(stored), std::move(piece)}};
    } else if (known != rows.end() && known->second.first == stored.stream.run) {
      piece.append(known->second.second.samples);
      known->second.second.samples = std::move(piece);
    }
  }
  return {};
}

Result<RecordedMoment> Recording::Impl::moment(const TickAt& tick) {
  RecordedMoment moment;
  moment.time = Usec(tick.ms * kUsecPerMs);
  moment.fields = fields_named({});
  const std::uint64_t from = tick.ms > kLookBackMs ? tick.ms - kLookBackMs : 0;
  std::map<LifeKey, std::pair<std::uint64_t, RecordedMoment::Row>> rows;
  CGW_TRY(add_rows(tick, from, false, rows, moment.fields));
  CGW_ASSIGN(const auto ticks, tick.source->ticks(tick.cut));
  const std::uint64_t begun = ticks.front();
  if (begun > from) {  // the cut before has the rest
    CGW_ASSIGN(const auto before, last_tick(begun - 1));
    if (before && before->ms >= from) CGW_TRY(add_rows(*before, from, true, rows, moment.fields));
    // In steps of ten seconds, or after a pause: the one before is better than none.
    if (before && before->ms < from)
      CGW_TRY(add_rows(*before, before->ms, true, rows, moment.fields));
  }
  for (auto& [key, row] : rows) moment.rows.push_back(std::move(row.second));
  return moment;
}

Result<std::optional<RecordedMoment>> Recording::at(Usec time) const {
  CGW_TRY(impl_->sources.refresh());
  CGW_ASSIGN(const auto tick, impl_->last_tick(ms_down(time)));
  if (!tick) return std::nullopt;
  CGW_ASSIGN(RecordedMoment moment, impl_->moment(*tick));
  return moment;
}

Result<std::optional<RecordedMoment>> Recording::next(Usec time) const {
  CGW_TRY(impl_->sources.refresh());
  CGW_ASSIGN(const auto tick, impl_->first_tick(ms_down(time) + 1));
  if (!tick) return std::nullopt;
  CGW_ASSIGN(RecordedMoment moment, impl_->moment(*tick));
  return moment;
}

Result<std::optional<RecordedMoment>> Recording::previous(Usec time) const {
  if (ms_up(time) == 0) return std::nullopt;
  return at(Usec((ms_up(time) - 1) * kUsecPerMs));
}

Result<std::optional<TimeRange>> Recording::extent() const {
  CGW_TRY(impl_->sources.refresh());
  std::optional<TimeRange> all;
  for (const auto& source : impl_->sources.all()) {
    const TimeRange own{Usec(source->from_ms() * kUsecPerMs),
                        Usec(source->until_ms() * kUsecPerMs)};
    if (!all) all = own;
    all->from = std::min(all->from, own.from);
    all->until = std::max(all->until, own.until);
  }
  return all;
}

}  // namespace cgwarden::diagnosis
