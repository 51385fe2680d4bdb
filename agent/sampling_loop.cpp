#include "agent/sampling_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "base/program.h"
#include "base/units.h"
#include "cgroup/bpf/cgroup_iterator.h"
#include "cgroup/format.h"
#include "policy/match.h"

namespace cgwarden::agent {
namespace {

// About 1 ms: six reads of 3 us each and what is made of them.
constexpr std::size_t kCgroupsPerPortion = 64;
// The same, each with all its files opened and read, and listed.
constexpr std::size_t kChangesPerPortion = 16;
// Fds of everything else: workloads have four each, HTTP connections, the store.
constexpr std::size_t kOtherFiles = 4096;

cgroup::Sampler::Choice choice_of(const policy::Discovery& discovery) {
  if (discovery.include.empty() && discovery.exclude.empty()) return {};
  return [discovery](std::string_view path) { return discovery.wants(path); };
}

cgroup::Sampler::Options sampler_options(const Options& options) {
  cgroup::Sampler::Options made;
  const policy::SamplingIntervals& intervals = options.intervals;
  made.intervals = {intervals.tick, intervals.medium, intervals.slow, intervals.limits};
  made.keep = choice_of(options.discovery);
  made.most_cgroups = options.discovery.max_cgroups;
  made.most_depth = options.discovery.max_depth;
  made.groups = options.export_groups;
  // The limit of before is what started programs get.
  const std::size_t wanted = options.discovery.max_fds;
  const std::size_t open_files = raise_open_files(wanted + kOtherFiles);
  const std::size_t room = open_files > 2 * kOtherFiles ? open_files - kOtherFiles : open_files / 2;
  made.most_kept_files = std::min(wanted, room);
  return made;
}

std::uint64_t faults(const cgroup::ReadErrors& errors) {
  std::uint64_t total = 0;
  for (const auto& row : errors) {
    // Cgroups that end are no failure of the collector.
    total = std::accumulate(row.begin() + 1, row.end(), total);
  }
  return total;
}

std::size_t count_unreadable(const cgroup::Snapshot& snapshot) {
  std::size_t count = 0;
  for (const auto& sample : snapshot.samples()) {
    for (const auto& unreadable : sample.unreadable) count += unreadable.switched_off ? 0 : 1;
  }
  return count;
}

Result<UniqueFd> event_fd() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) return fail(Error::from_errno(errno, "create", "eventfd"));
  return fd;
}

// Cannot fail: nothing is counted up to the largest number.
void make_readable(int event_fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_fd, &one, sizeof one);
}

void make_unreadable(int event_fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event_fd, &count, sizeof count);
}

// Of the whole hierarchy. Where that is not told nobody knows how long a walk would take: too many.
std::size_t cgroups_in(const cgroup::Tree& tree) {
  constexpr std::size_t kTooMany = limits::kCgroupsPerWalk + 1;
  const auto text = tree.read("/", "cgroup.stat");
  if (!text) return kTooMany;
  const auto stat = cgroup::parse_cgroup_stat(*text);
  return stat ? stat->nr_descendants.value_or(kTooMany) : kTooMany;
}

}  // namespace

SamplingLoop::SamplingLoop(Parts parts, const Options& options, std::function<void()> prepare,
                           Sampled sampled)
    : parts_(std::move(parts)),
      sampler_(*parts_.tree, sampler_options(options), files_),
      prepare_(std::move(prepare)),
      sampled_(std::move(sampled)),
      back_off_(options.intervals.tick),
      collector_(options.collector) {
  parts_.metrics->file_groups(options.export_groups);
}

void SamplingLoop::read_groups(cgroup::FileGroups groups) {
  parts_.metrics->file_groups(groups);  // before a read of theirs can fail
  sampler_.add_groups(groups);
}

template <typename Work>
void SamplingLoop::run(std::string_view collector, const Work& work) {
  const std::uint64_t faults_before = faults(sampler_.read_errors());
  const Usec begun = parts_.clock->now().boottime;
  work();
  const Usec took = parts_.clock->now().boottime - begun;
  parts_.metrics->collector_run(collector, took, faults(sampler_.read_errors()) == faults_before);
  if (tier_) spent_ += took;
}

Status SamplingLoop::start() {
  CGW_ASSIGN(portion_, event_fd());
  CGW_ASSIGN(discovery_, event_fd());
  CGW_ASSIGN(discovery_watch_,
             parts_.loop->add(discovery_.get(), EPOLLIN, [this](std::uint32_t) { changed(); }));
  CGW_ASSIGN(portion_watch_, parts_.loop->add(portion_.get(), EPOLLIN, [this](std::uint32_t) {
    if (!step()) end();
  }));
  CGW_ASSIGN(events_watch_,
             parts_.loop->add(sampler_.events_fd(), EPOLLIN, [this](std::uint32_t) { emptied(); }));
  prepare_();
  run("discovery", [this] { open_watch(); });
  using enum policy::Collector;
  if (collector_ == automatic) CGW_TRY(choose_later());
  if (collector_ == bpf) open_source();
  begin();
  while (step()) {
  }
  end();
  return arm();
}

// Without a watch the tree is looked at every tick.
void SamplingLoop::open_watch() {
  const TimePoint now = parts_.clock->now();
  auto watch = cgroup::TreeWatch::best(*parts_.tree);
  if (!watch) {
    said_fault_ = watch.error().sentence();
    log::warning("discovery_by_polling", {{"error", said_fault_}});
    sampler_.rescan(now);
  } else {
    sampler_.watch_with(std::move(*watch), now);
    if (sampler_.changes_fd() < 0) {
      log::warning("discovery_by_polling", {{"error", sampler_.watch_fault()}});
    }
  }
  if (sampler_.changes_fd() < 0) return;
  auto registered =
      parts_.loop->add(sampler_.changes_fd(), EPOLLIN, [this](std::uint32_t) { changed(); });
  if (registered) changes_watch_ = std::move(*registered);
}

// Before the first tick, which waits for it.
void SamplingLoop::open_source() {
  auto source = cgroup::open_cgroup_iterator(*parts_.tree);
  if (source) {
    sampler_.set_source(std::move(*source));
    return;
  }
  log::warning("collector_by_files", {{"error", source.error().sentence()}});
  parts_.metrics->collector_run("bpf", Usec{0}, false);
}

Status SamplingLoop::choose_later() {
  auto open = parts_.open_values;
  if (!open) {
    // More records than these are asked for by none of its walks, and room for more would be made
    // by the walk that lacks it.
    open = [tree = parts_.tree] {
      return cgroup::open_cgroup_iterator(*tree, cgroup::kFirstRecords, cgroup::kFirstRecords);
    };
  }
  CGW_ASSIGN(sources_,
             ValueSourceThread::create(*parts_.loop, std::move(open),
                                       [this](auto source) { source_opened(std::move(source)); }));
  automatic_.emplace(parts_.clock->now().boottime);
  return {};
}

void SamplingLoop::choose_source() {
  if (!automatic_) return;
  const std::size_t cgroups = cgroups_in(*parts_.tree);
  using enum AutomaticCollector::Step;
  switch (automatic_->before_tick(parts_.clock->now().boottime, cgroups, sampler_.has_source())) {
    case stay:
      return;
    case open:
      if (const Status asked = sources_->open(); !asked) source_failed(asked.error());
      return;
    case close:
      sources_->close(sampler_.set_source(nullptr));
      parts_.metrics->collector_off("bpf");
      return log::info("collector_by_files",
                       {{"cgroups", std::to_string(cgroups)},
                        {"reason", cgroups > limits::kCgroupsPerWalk
                                       ? "too many cgroups for a walk, which holds cgroup_mutex"
                                       : "walks failed, or held cgroup_mutex for too long"}});
  }
}

// The tick under way, if one is, goes on with files.
void SamplingLoop::source_opened(ValueSourceThread::Opening source) {
  if (!source) return source_failed(source.error());
  automatic_->opened();
  sampler_.set_source(std::move(*source));
  log::info("collector_by_bpf", {{"cgroups", std::to_string(cgroups_in(*parts_.tree))}});
}

// Nobody misses what is chosen for them: no warning, and no collector that has failed.
void SamplingLoop::source_failed(const Error& error) {
  const bool again = automatic_->failed(parts_.clock->now().boottime, error);
  log::info("collector_by_files",
            {{"error", error.sentence()}, {"tried_again", again ? "in a while" : "never"}});
}

// A walk that fails costs no more than the reads of the files, and is said once.
bool SamplingLoop::read_values() {
  const Usec begun = parts_.clock->now().boottime;
  const Result<Usec> told = sampler_.read_values();
  const Usec took = parts_.clock->now().boottime - begun;
  parts_.metrics->collector_run("bpf", took, told.has_value());
  spent_ += took;
  if (automatic_) automatic_->walked(told.value_or(took), told.has_value());
  const std::string fault = told ? std::string() : told.error().sentence();
  if (!fault.empty() && fault != said_values_fault_) {
    log::warning("collector_by_files", {{"error", fault}});
  }
  said_values_fault_ = fault;
  return told.has_value();
}

Status SamplingLoop::arm() {
  CGW_ASSIGN(timer_, parts_.loop->timer(back_off_.interval(), back_off_.interval(), [this] {
    // A tick that is not done yet is an overrun; it ends first.
    if (!tier_) begin();
  }));
  return {};
}

void SamplingLoop::begin() {
  prepare_();
  tier_ = 0;
  spent_ = Usec{0};
  if (sampler_.changes_fd() < 0) changed();
  sampler_.begin(parts_.clock->now());
  choose_source();
  const bool told = sampler_.has_source() && read_values();
  parts_.metrics->collector_in_use(told ? "bpf" : "files");
  make_readable(portion_.get());
}

bool SamplingLoop::step() {
  if (!tier_) return false;
  const cgroup::Tier tier = cgroup::kAllTiers.at(*tier_);
  bool more = false;
  run(to_string(tier), [&] { more = sampler_.collect(tier, kCgroupsPerPortion); });
  if (!more) ++*tier_;
  return *tier_ < cgroup::kTiers;
}

void SamplingLoop::end() {
  make_unreadable(portion_.get());
  if (!tier_) return;
  std::shared_ptr<const cgroup::Snapshot> snapshot;
  run("snapshot", [&] { snapshot = sampler_.finish(); });
  tier_.reset();
  // No part of what a tick took: it writes to disk and to cgroups, which is no reason to sample
  // less.
  sampled_(snapshot);
  if (back_off_.observe(spent_)) {
    sampler_.set_back_off(back_off_.factor());
    log::warning("sampling_interval",
                 {{"usec", std::to_string(back_off_.interval().count())},
                  {"tick_usec", std::to_string(spent_.count())},
                  {"reason", back_off_.factor() > 1 ? "ticks take too long" : "ticks are short"}});
    if (const Status armed = arm(); !armed) {
      log::error("sampling_stopped", {{"error", armed.error().sentence()}});
    }
  }
  parts_.metrics->tick(spent_, snapshot->samples().size(), snapshot->dropped(),
                       count_unreadable(*snapshot));
  export_counts();
}

void SamplingLoop::changed() {
  bool more = false;
  run("discovery", [&] {
    const TimePoint now = parts_.clock->now();
    more = sampler_.changes_fd() >= 0 ? sampler_.take_changes(now, kChangesPerPortion)
                                      : sampler_.poll_changes(now, kChangesPerPortion);
  });
  if (changes_watch_.active() && sampler_.changes_fd() < 0) {
    changes_watch_ = {};
    log::warning("discovery_by_polling", {{"error", sampler_.watch_fault()}});
    // What it had told and was not asked for any more.
    sampler_.begin_rescan();
    more = true;
  }
  make_unreadable(discovery_.get());
  if (more) make_readable(discovery_.get());
  const cgroup::SampleList arrived = sampler_.take_arrived();
  if (arrived_ && !arrived.empty()) arrived_(arrived);
}

void SamplingLoop::look_for_changes() {
  if (sampler_.changes_fd() >= 0) changed();
}

SourceReport SamplingLoop::tree_source() const {
  if (sampler_.changes_fd() >= 0) {
    return {SourceState::live, "by " + std::string(sampler_.discovery())};
  }
  const std::string& fault = sampler_.watch_fault().empty() ? said_fault_ : sampler_.watch_fault();
  return {SourceState::off, "new cgroups are found by polling every " +
                                human_duration(back_off_.interval()) + " only, since " + fault +
                                "; then restart the agent"};
}

SourceReport SamplingLoop::emptied_source() const {
  const std::size_t untold = sampler_.untold();
  if (untold == 0) return {SourceState::live, ""};
  return {SourceState::limited, "not of " + std::to_string(untold) + " of " +
                                    std::to_string(sampler_.sampled()) +
                                    " cgroups: raise discovery.max_fds and the agent's limit of "
                                    "open files, or /proc/sys/fs/epoll/max_user_watches"};
}

void SamplingLoop::emptied() {
  run("events", [this] { sampler_.take_events(parts_.clock->now()); });
}

void SamplingLoop::export_counts() {
  const auto& errors = sampler_.read_errors();
  for (std::size_t file = 0; file < errors.size(); ++file) {
    for (const auto fault : cgroup::kAllReadFaults) {
      const auto at = static_cast<std::size_t>(fault);
      const std::uint64_t grown = errors.at(file).at(at) - exported_errors_.at(file).at(at);
      if (grown > 0) parts_.metrics->read_errors(file, fault, grown);
    }
  }
  exported_errors_ = errors;
  for (const auto reason : cgroup::kAllDropReasons) {
    const auto at = static_cast<std::size_t>(reason);
    const std::uint64_t grown = sampler_.drops().at(at) - exported_drops_.at(at);
    if (grown > 0) parts_.metrics->cgroups_dropped(reason, grown);
  }
  exported_drops_ = sampler_.drops();
  parts_.metrics->sampling(back_off_.interval(), sampler_.kept_files(), sampler_.discovery());
}

}  // namespace cgwarden::agent
