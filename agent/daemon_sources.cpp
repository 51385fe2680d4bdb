// Daemon: what the agent listens to, and the table of it that `cgwarden doctor` reads.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "agent/daemon.h"
#include "agent/ownership.h"
#include "base/log.h"
#include "base/log_journal.h"

namespace cgwarden::agent {
namespace {

static_assert(
    [] {
      for (std::size_t at = 0; at < kEventSourceCount; ++at) {
        if (kEventSources.at(at).name != exporters::kEventSourceNames.at(at)) return false;
      }
      return kEventSourceCount == exporters::kEventSourceNames.size();
    }(),
    "each row has its metric");

}  // namespace

void Daemon::open_watches() {
  open_kernel_log();
  if (auto watch = OomWatch::start(*loop_, tree_, clock_, self_metrics_,
                                   [this](const auto& incident) { oom_happened(incident); })) {
    oom_watch_ = *std::move(watch);
  } else {
    sources_.set(EventSource::oom_marks, SourceReport::off(watch.error()));
  }
  memory_events_watch_.emplace(*loop_, tree_, clock_,
                               [this](const std::string& cgroup, std::uint64_t kills) {
                                 if (oom_watch_) oom_watch_->counted(cgroup, kills);
                               });
  if (auto watch = SignalWatch::start(*loop_, tree_, clock_)) {
    senders_ = *std::move(watch);
  } else {
    sources_.set(EventSource::signals, SourceReport::off(watch.error()));
  }
  auto foreign = ForeignDeaths::start(
      *loop_, tree_, clock_,
      [this](const identity::Subject& subject, diagnosis::DeathEvidence evidence,
             bool others_live) { foreign_died(subject, std::move(evidence), others_live); },
      [this](const identity::Subject& subject, CgroupId cgroup, Usec started) {
        // An id is never used again, and counts of each would grow without end.
        if (identity::is_passing(subject)) return 1U;
        return subjects_.run_of(subject, cgroup, started, clock_.now());
      });
  if (foreign) {
    foreign_deaths_ = *std::move(foreign);
  } else {
    sources_.set(EventSource::process_ends, SourceReport::off(foreign.error()));
  }
  open_bus();
  pressure_watch_.emplace(
      PressureWatch::Parts{
          .loop = loop_.get(), .clock = &clock_, .tree = &tree_, .metrics = &self_metrics_},
      [this](const PressureWatch::Fired& fired) { pressure_fired(fired); });
  open_unit_watch();
  watch_directories();
  const bool journal = log::is_journal(STDERR_FILENO, std::getenv("JOURNAL_STREAM"));
  sources_.set(EventSource::journal,
               journal ? SourceReport{}
                       : SourceReport{SourceState::off,
                                      "standard error is not the journal: start the agent as a "
                                      "service of systemd"});
}

void Daemon::open_unit_watch() {
  const char* fault = nullptr;
  if (!systemd_is_running()) {
    fault = "systemd does not run here";
  } else if (options_.bus == Bus::off) {
    fault = "the configuration says bus: off";
  } else if (::geteuid() != 0) {
    fault = "the agent does not run as root";
  }
  if (fault != nullptr) {
    sources_.set(EventSource::units, {SourceState::off, fault});
    return;
  }
  unit_watch_ = UnitWatch::start(
      *loop_, clock_, self_metrics_, [this](const UnitTracker::News& news) { units_changed(news); },
      {},
      [this](const std::string& cgroup, const std::string& reason) { oomd_killed(cgroup, reason); },
      [this] { units_reloaded(); });
  run_ends_.systemd_tells(true);
}

void Daemon::open_bus() {
  if (options_.bus == Bus::off) {
    log::info("bus_off", {{"effect", "no run, ps, stop over D-Bus; workloads come from " +
                                         options_.workload_dir}});
    sources_.set(EventSource::bus, {SourceState::off, "the configuration says bus: off"});
    return;
  }
  auto service = DbusService::start(*loop_, *this);
  if (!service) {
    log::warning("bus_off", {{"error", service.error().sentence()},
                             {"effect", "no run, ps, stop over D-Bus; workloads come from " +
                                            options_.workload_dir}});
    sources_.set(EventSource::bus, SourceReport::off(service.error()));
    return;
  }
  bus_ = std::move(*service);
  events_->announce_to(bus_.get());
}

std::vector<std::string> Daemon::directories_to_watch() const {
  std::vector<std::string> directories = policy_layers(options_.policy_dir);
  std::ranges::move(drop_in_directories(directories), std::back_inserter(directories));
  directories.push_back(options_.workload_dir);
  return directories;
}

void Daemon::watch_directories() {
  directories_watch_ = {};
  watched_directories_ = directories_to_watch();
  auto opened = DirectoryWatch::open(watched_directories_);
  if (!opened) {
    log::warning("directory_watch_off",
                 {{"error", opened.error().sentence()}, {"effect", "reload with SIGHUP"}});
    sources_.set(EventSource::files, SourceReport::off(opened.error()));
    return;
  }
  directories_.emplace(std::move(*opened));
  auto watch =
      loop_->add(directories_->fd(), EPOLLIN, [this](std::uint32_t) { directories_changed(); });
  if (watch) directories_watch_ = std::move(*watch);
  sources_.set(EventSource::files, watch ? SourceReport{} : SourceReport::off(watch.error()));
}

void Daemon::publish_sources() {
  sources_.set(EventSource::tree, sampling_->tree_source());
  sources_.set(EventSource::emptied, sampling_->emptied_source());
  if (oom_watch_) sources_.set(EventSource::oom_marks, oom_watch_->source());
  sources_.set(EventSource::memory_events,
               both(supervisor_->memory_events_source(), memory_events_watch_->source()));
  sources_.set(EventSource::kernel_log, kernel_log_source());
  sources_.set(EventSource::kernel_log_kept, kept_source());
  sources_.set(EventSource::shims, supervisor_->running().empty()
                                       ? SourceReport{SourceState::unused, "no workload runs"}
                                       : SourceReport{});
  if (senders_) sources_.set(EventSource::signals, senders_->source());
  if (foreign_deaths_) sources_.set(EventSource::process_ends, foreign_deaths_->source());
  if (unit_watch_) sources_.set(EventSource::units, unit_watch_->source());
  sources_.set(EventSource::oomd, sources_.of(EventSource::units));
  sources_.set(EventSource::pressure, pressure_watch_->source());
  sources_.set(EventSource::writers,
               enforcer_->writers_fault().empty()
                   ? SourceReport{}
                   : SourceReport{SourceState::off, enforcer_->writers_fault()});
  if (bus_) sources_.set(EventSource::bus, bus_->source());
  const Status published = sources_.publish();
  if (!published && !std::exchange(said_sources_, true)) {
    log::warning("sources_not_published",
                 {{"error", published.error().sentence()},
                  {"effect", "cgwarden doctor does not know what this agent listens to"}});
  }
  for (const auto& row : kEventSources) {
    const SourceState state = sources_.of(row.source).state;
    self_metrics_.event_source(row.name,
                               state == SourceState::live || state == SourceState::unused);
  }
}

}  // namespace cgwarden::agent
