#include "agent/oom_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "agent/process_lookup.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "cgroup/directory.h"
#include "cgroup/format.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kInterval{500'000};
constexpr std::size_t kVictimsLogged = 16;

std::string victims_text(const std::vector<diagnosis::OomVictim>& victims) {
  std::string text;
  for (std::size_t at = 0; at < std::min(victims.size(), kVictimsLogged); ++at) {
    const auto& victim = victims[at];
    if (!text.empty()) text += ", ";
    text += std::to_string(victim.pid) + " (" + printable(victim.comm) + ")";
    if (victim.rss) text += " " + human_bytes(*victim.rss);
  }
  if (victims.size() > kVictimsLogged) {
    text += " and " + std::to_string(victims.size() - kVictimsLogged) + " more";
  }
  return text.empty() ? "unknown: no event, only counters" : text;
}

// The start time is in a file whose reader holds the memory of the process (get_task_mm): when the
// victim exits meanwhile, its pages stay charged until the reader is done, and the next charge
// makes a second OOM kill. A pid is not reused so soon by a process of the same name.
bool is_surely(int process, const cgroup::OomMark& mark, Usec now) {
  constexpr Usec kFresh{1'000'000};
  if (mark.comm.empty() || now > mark.boottime + kFresh) return false;
  const auto comm = read_file_at(process, "comm", limits::kControlFileBytes);
  return comm && *comm == mark.comm + "\n";
}

}  // namespace

std::string cgroup_of_victim(const cgroup::Tree& tree, const std::string& proc,
                             const cgroup::OomMark& mark, Usec now) {
  // Through one directory fd, so that all is of one process.
  const auto directory =
      open_at(AT_FDCWD, proc + "/" + std::to_string(mark.victim), O_RDONLY | O_DIRECTORY);
  if (!directory) return {};
  const auto text = read_file_at(directory->get(), "cgroup", limits::kControlFileBytes);
  if (!text) return {};
  if (!is_surely(directory->get(), mark, now)) {
    const auto stat = read_file_at(directory->get(), "stat", limits::kControlFileBytes);
    const auto started = stat ? start_time_of(*stat) : std::nullopt;
    constexpr Usec kTick{10'000};
    if (!started || *started + kTick > mark.boottime) return {};
  }
  return cgroup_path_in(tree, *text);
}

diagnosis::Event event_of(const diagnosis::OomIncident& incident, TimePoint now) {
  const Usec ago = now.boottime - std::min(incident.boottime, now.boottime);
  diagnosis::Event event;
  event.kind = diagnosis::EventKind::oom_kill;
  event.when = {incident.boottime, now.wall - std::min(ago, now.wall)};
  event.cgroup = incident.cgroup;
  event.numbers["attributed"] = incident.attributed ? 1 : 0;
  event.numbers["victims"] = incident.victims.size();
  std::uint64_t rss = 0;
  for (const auto& victim : incident.victims) rss += victim.rss.value_or(Bytes{0}).value;
  if (rss > 0) event.numbers["rss_bytes"] = rss;
  event.text = incident.victims.size() > 1
                   ? "the OOM killer killed " + std::to_string(incident.victims.size()) +
                         " processes: " + victims_text(incident.victims)
                   : "the OOM killer killed " + victims_text(incident.victims);
  if (!incident.attributed)
    event.text += "; its cgroup is not known, only that it is below this one";
  return event;
}

std::vector<diagnosis::SliceCounts> read_slices(const cgroup::Tree& tree) {
  std::vector<diagnosis::SliceCounts> slices;
  const auto root = cgroup::Directory::open(tree.root_fd(), ".");
  if (!root) return slices;
  for (const auto& name : root->children()) {
    const std::string path = "/" + name;
    const auto id = tree.id_of(path);
    const auto text = tree.read(path, "memory.events");
    if (!id || !text) continue;
    if (slices.size() == limits::kOomSlices) break;
    const auto events = cgroup::parse_memory_events(*text);
    // Another cgroup of that name by now: its counts are read the next time.
    const auto still = tree.id_of(path);
    if (!events || !events->oom_kill || !still || *still != *id) continue;
    slices.push_back({.id = *id,
                      .path = path,
                      .oom_kill = *events->oom_kill,
                      .oom_group_kill = events->oom_group_kill.value_or(0)});
  }
  return slices;
}

OomWatch::OomWatch(const cgroup::Tree& tree, const Clock& clock, exporters::SelfMetrics& metrics,
                   Told told)
    : tree_(&tree),
      clock_(&clock),
      metrics_(&metrics),
      proc_is_of_init_(proc_is_of_init_namespace()),
      told_(std::move(told)) {}

Result<std::unique_ptr<OomWatch>> OomWatch::start(EventLoop& loop, const cgroup::Tree& tree,
                                                  const Clock& clock,
                                                  exporters::SelfMetrics& metrics, Told told) {
  std::unique_ptr<OomWatch> watch(new OomWatch(tree, clock, metrics, std::move(told)));
  watch->ledger_.baseline(read_slices(tree));
  if (const Status on = watch->trace_on(loop); !on) watch->trace_off(on.error());
  auto* self = watch.get();
  CGW_ASSIGN(watch->timer_, loop.timer(kInterval, kInterval, [self] { self->tick(); }));
  return watch;
}

Status OomWatch::trace_on(EventLoop& loop) {
  auto opened = cgroup::TraceInstance::open();
  if (!opened) return fail(opened.error());
  trace_.emplace(*std::move(opened));
  CGW_ASSIGN(watch_, loop.add(trace_->fd(), EPOLLIN, [this](std::uint32_t) { drain(); }));
  metrics_->oom_trace(true);
  return {};
}

void OomWatch::trace_off(const Error& error) {
  watch_ = {};
  trace_.reset();
  fault_ = error.sentence();
  metrics_->oom_trace(false);
  log::warning(
      "oom_trace_off",
      {{"error", fault_},
       {"effect", "OOM kills outside of workloads are told by counters, without their victims"}});
}

void OomWatch::drain() {
  if (!trace_) return;
  auto events = trace_->drain();
  if (!events) return trace_off(events.error());
  for (const auto& event : *events) {
    if (const auto* kill = std::get_if<cgroup::KernelKill>(&event)) ledger_.feed(*kill);
    if (const auto* mark = std::get_if<cgroup::OomMark>(&event)) feed(*mark);
    if (const auto* emptied = std::get_if<cgroup::CgroupEmptied>(&event)) ledger_.feed(*emptied);
  }
  if (trace_->malformed() > malformed_) {
    metrics_->oom_trace_malformed(trace_->malformed() - malformed_);
    malformed_ = trace_->malformed();
  }
  if (trace_->lost() == lost_) return;
  metrics_->oom_trace_lost(trace_->lost() - lost_);
  log::warning("oom_trace_overrun", {{"events", std::to_string(trace_->lost() - lost_)}});
  lost_ = trace_->lost();
}

void OomWatch::counted(const std::string& cgroup, std::uint64_t kills) {
  if (trace_ || kills == 0) return;
  ledger_.feed({.boottime = clock_->now().boottime, .cgroup = cgroup, .incidents = kills});
}

SourceReport OomWatch::source() const {
  if (!fault_.empty()) return {SourceState::off, fault_};
  if (proc_is_of_init_) return {SourceState::live, ""};
  return {SourceState::limited,
          "the agent runs in a pid namespace of its own, so that kills have no cgroup: start it "
          "with the host's (hostPID: true, --pid=host)"};
}

void OomWatch::feed(const cgroup::OomMark& mark) {
  std::string path;
  bool group = false;
  if (proc_is_of_init_) path = cgroup_of_victim(*tree_, "/proc", mark, clock_->now().boottime);
  if (!path.empty()) {
    const auto text = tree_->read(path, "memory.oom.group");
    group = text && trim(*text) == "1";
  }
  ledger_.feed(mark, path, group);
}

void OomWatch::tick() {
  const Usec now = clock_->now().boottime;
  const auto slices = read_slices(*tree_);
  if (slices.size() == limits::kOomSlices && !std::exchange(many_said_, true)) {
    log::warning("oom_slices",
                 {{"read", std::to_string(slices.size())},
                  {"effect", "an OOM kill that no event tells is not seen in the cgroups beyond"}});
  }
  drain();
  ledger_.reconcile(slices, now);
  for (const auto& incident : ledger_.take(now)) report(incident);
}

void OomWatch::report(const diagnosis::OomIncident& incident) {
  metrics_->node_oom(incident.attributed, incident.victims.size());
  log::event(log::Level::warning, "oom_incident",
             {{"cgroup", printable(incident.cgroup)},
              {"attributed", incident.attributed ? "yes" : "no"},
              {"victims", victims_text(incident.victims)}},
             diagnosis::message_id(diagnosis::EventKind::oom_kill));
  told_(incident);
}

}  // namespace cgwarden::agent
