#include "cgroup/sampler.h"

#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace cgwarden::cgroup {
namespace {

// A new cgroup gets its controllers and limits in the moments after it was made.
constexpr Usec kYoung{5'000'000};

// Spreads the reads of slow tiers over the ticks, so that they do not come all at once.
Usec staggered(Usec interval, CgroupId id) {
  constexpr std::uint64_t kParts = 256;
  // Fibonacci hashing: ids are consecutive numbers.
  const std::uint64_t part = (id.value * 0x9E3779B97F4A7C15ULL) >> 56;
  return Usec(interval.count() / kParts * part);
}

}  // namespace

std::string_view to_string(DropReason reason) {
  static constexpr std::array<std::string_view, kDropReasons> kNames{"cap", "depth", "kept_fds",
                                                                     "gone_hold"};
  return kNames.at(static_cast<std::size_t>(reason));
}

Sampler::Sampler(const Tree& tree, Options options, ControlFiles& files)
    : tree_(tree),
      options_(std::move(options)),
      files_(files),
      reader_(tree, files, options_.most_kept_files, options_.groups),
      events_(::epoll_create1(EPOLL_CLOEXEC)) {}

void Sampler::drop(DropReason reason, std::size_t count) {
  drops_.at(static_cast<std::size_t>(reason)) += count;
}

void Sampler::set_managed(Choice managed, TimePoint now) {
  managed_ = std::move(managed);
  for (auto& [path, row] : rows_) {
    row.managed = managed_ && managed_(path);
    // Left out by the filter before it was managed.
    if (row.managed && !row.watched && !row.dropped) {
      row.dropped = true;
      ++dropped_;
    }
  }
  for (auto& [path, row] : rows_) {
    if (!row.managed || !row.watched || !row.watched->over_bound) continue;
    if (reader_.has_room() || free_fds()) row.watched->over_bound = false;
  }
  promote(now);
}

// Decides whether a cgroup is sampled.
void Sampler::admit(Rows::iterator at) {
  auto& [path, row] = *at;
  row.managed = managed_ && managed_(path);
  if (!row.managed && options_.keep && !options_.keep(path)) return;
  if (sampled_ >= options_.most_cgroups && !(row.managed && make_room())) {
    if (!row.dropped) {
      ++dropped_;
      drop(DropReason::cap);
    }
    row.dropped = true;
    return;
  }
  if (std::exchange(row.dropped, false)) --dropped_;
  row.watched = std::make_unique<Watched>();
  Sample& sample = row.watched->sample.change();
  sample.id = row.id;
  sample.path = path;
  ++sampled_;
  if (reader_.has_room() || (row.managed && free_fds())) return;
  row.watched->over_bound = true;
  drop(DropReason::kept_fds);
}

// Ends the sampling of another one that is not managed.
bool Sampler::make_room() {
  for (auto at = rows_.rbegin(); at != rows_.rend(); ++at) {
    Row& row = at->second;
    if (row.managed || !row.watched) continue;
    reader_.release(*row.watched);
    row.watched.reset();
    row.dropped = true;
    --sampled_;
    ++dropped_;
    drop(DropReason::cap);
    return true;
  }
  return false;
}

bool Sampler::free_fds() {
  for (auto at = rows_.rbegin(); at != rows_.rend() && !reader_.has_room(); ++at) {
    Row& row = at->second;
    if (row.managed || !row.watched || row.watched->over_bound) continue;
    reader_.release(*row.watched);
    row.watched->over_bound = true;
    drop(DropReason::kept_fds);
  }
  return reader_.has_room();
}

// Samples those that were dropped and for which there is room now, managed ones first.
void Sampler::promote(TimePoint now) {
  if (dropped_ == 0) return;
  for (const bool managed : {true, false}) {
    for (auto at = rows_.begin(); at != rows_.end();) {
      Row& row = at->second;
      if (!row.dropped || row.managed != managed) {
        ++at;
        continue;
      }
      if (!managed && sampled_ >= options_.most_cgroups) break;
      const auto opened = files_.open_cgroup(tree_, at->first);
      struct stat status{};
      const bool same =
          opened && ::fstat(opened->get(), &status) == 0 && CgroupId{status.st_ino} == row.id;
      const Result<Listing> listed = same ? files_.list(opened->get()) : fail(Error{});
      if (!listed) {
        ++at;  // its end is found elsewhere
        continue;
      }
      admit(at);
      const bool alive = !row.watched || start(at, listed->files, now);
      at = alive ? std::next(at) : retire(at, now);
    }
  }
}

bool Sampler::start(Rows::iterator at, const std::vector<std::string>& files, TimePoint now) {
  Row& row = at->second;
  reader_.list(*row.watched, files);
  for (const Tier tier : kAllTiers) {
    if (!read(row, tier, now)) return false;
    row.watched->due.at(static_cast<std::size_t>(tier)) =
        now.boottime + staggered(interval(tier), row.id);
  }
  return true;
}

bool Sampler::read(Row& row, Tier tier, TimePoint now, ValuesIndex* values) {
  Watched& watched = *row.watched;
  if (tier == Tier::medium && watched.over_bound && reader_.has_room()) watched.over_bound = false;
  if (tier == Tier::medium) watched.changed = true;
  // New or emptied after the walk, it was read from its files, and what was told of it is older.
  std::uint64_t& read_after = watched.read_after_walk.at(static_cast<std::size_t>(tier));
  if (values == nullptr) {
    read_after = walks_;
  } else if (read_after == walks_) {
    values = nullptr;
  }
  // First: the reader makes it due at once when there are new files.
  watched.due.at(static_cast<std::size_t>(tier)) = now.boottime + interval(tier);
  if (!reader_.read(watched, tier, values)) return false;
  if (tier == Tier::tick) poll_events(watched);
  return true;
}

void Sampler::poll_events(Watched& watched) {
  const int fd = watched.kept.at(kCgroupEvents).get();
  if (fd < 0 || fd == watched.polled) return;
  epoll_event event{};
  // Edge-triggered: the file of a removed cgroup is ready for ever.
  event.events = EPOLLPRI | EPOLLET;
  event.data.u64 = watched.sample->id.value;
  watched.told = ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  watched.polled = fd;
  // What changed between its read and this is read with the next tick.
  watched.changed = true;
}

void Sampler::take_events(TimePoint now) {
  std::array<epoll_event, 64> events{};
  int count = 0;
  do {
    count = ::epoll_wait(events_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t id = events.at(static_cast<std::size_t>(i)).data.u64;
      const auto found = by_id_.find(id);
      if (found == by_id_.end() || !found->second->second.watched) continue;
      const auto row = found->second;
      row->second.watched->changed = true;
      if (!read(row->second, Tier::tick, now)) retire(row, now);
    }
  } while (count == static_cast<int>(events.size()));
}

Usec Sampler::interval(Tier tier) const {
  return options_.intervals.at(static_cast<std::size_t>(tier)) * back_off_;
}

bool Sampler::due(const Row& row, Tier tier) const {
  const auto reached = [&](Tier which) {
    // Timers are never exact: what is due before the next tick but one is due now.
    const Usec slack = interval(Tier::tick) / 2;
    return now_.boottime + slack >= row.watched->due.at(static_cast<std::size_t>(which));
  };
  if (tier == Tier::tick) return !row.watched->over_bound || reached(Tier::medium);
  const bool young = now_.boottime - row.appeared < kYoung;
  if (tier == Tier::limits && (row.managed || young)) return true;
  return reached(tier);
}

void Sampler::begin(TimePoint now) {
  now_ = now;
  position_.reset();
  if (std::exchange(rescan_due_, false)) rescan(now);
  count_deep(now);
  if (sampled_ < options_.most_cgroups) promote(now);
}

void Sampler::add_groups(FileGroups groups) {
  const FileGroups before = options_.groups;
  options_.groups.add(groups);
  if (options_.groups == before) return;
  reader_.set_groups(options_.groups);
  rescan_due_ = true;
}

Result<Usec> Sampler::read_values() {
  values_.set({});
  if (!source_) return Usec{0};
  ++walks_;
  CGW_ASSIGN(const std::span<const CgroupValues> values, source_->read());
  values_.set(values);
  return source_->longest_walk();
}

bool Sampler::collect(Tier tier, std::size_t most) {
  ValuesIndex* values = values_.empty() ? nullptr : &values_;
  auto at = position_ ? rows_.upper_bound(*position_) : rows_.begin();
  std::size_t done = 0;
  while (at != rows_.end()) {
    Row& row = at->second;
    if (!row.watched || !due(row, tier)) {
      ++at;
      continue;
    }
    if (done == most) {
      position_ = at == rows_.begin() ? std::string() : std::prev(at)->first;
      return true;
    }
    ++done;
    at = read(row, tier, now_, values) ? std::next(at) : retire(at, now_);
  }
  position_.reset();
  return false;
}

std::shared_ptr<const Snapshot> Sampler::finish() {
  values_.set({});
  std::vector<SampleList::Shared> samples;
  samples.reserve(sampled_);
  std::size_t dropped = 0;
  untold_ = 0;
  for (const auto& [path, row] : rows_) {
    dropped += row.cut + (row.dropped ? 1 : 0);
    if (!row.watched) continue;
    if (!row.watched->told && row.watched->listed.test(kCgroupEvents)) ++untold_;
    samples.push_back(row.watched->sample.share());
  }
  ++sequence_;
  arrived_.clear();
  const Usec hold{limits::kGoneSeconds * 1'000'000};
  std::erase_if(gone_, [&](const Gone& gone) { return gone.when + hold < now_.boottime; });
  std::vector<SampleList::Shared> gone;
  std::vector<std::uint64_t> gone_since;
  gone.reserve(gone_.size());
  gone_since.reserve(gone_.size());
  for (const Gone& each : gone_) {
    gone.push_back(each.sample);
    gone_since.push_back(each.sequence);
  }
  return std::make_shared<const Snapshot>(
      now_, SampleList(std::move(samples)), dropped, SampleList(std::move(gone)), sequence_,
      SampleList(std::exchange(ended_, {})), std::move(gone_since));
}

SampleList Sampler::take_arrived() { return SampleList(std::exchange(arrived_, {})); }

std::shared_ptr<const Snapshot> Sampler::tick(TimePoint now) {
  begin(now);
  // Without values all is read from files.
  [[maybe_unused]] const Result<Usec> told = read_values();
  for (const Tier tier : kAllTiers) {
    while (collect(tier, std::numeric_limits<std::size_t>::max())) {
    }
  }
  return finish();
}

void Sampler::forget_gone(std::uint64_t sequence) {
  std::erase_if(gone_, [&](const Gone& gone) { return gone.sequence <= sequence; });
}

}  // namespace cgwarden::cgroup
