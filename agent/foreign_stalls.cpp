#include "agent/foreign_stalls.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "identity/identity.h"
#include "identity/subject.h"

#include "base/limits.h"
#include "base/text.h"
#include "cgroup/format.h"
#include "diagnosis/death_case.h"

namespace cgwarden::agent {
namespace {

// Waiting for a disk is common where no limit is: those are asked for one, and this seldom.
constexpr double kIoPercent = 25.0;
constexpr Usec kIoLimitBelieved{30'000'000};

bool waits(const std::optional<cgroup::Pressure>& pressure,
           std::optional<cgroup::PressureLine> cgroup::Pressure::* line, double percent) {
  return pressure && (*pressure).*line && ((*pressure).*line)->avg10 >= percent;
}

bool has_high(const cgroup::Sample& sample) {
  return sample.memory_high && !is_max(*sample.memory_high);
}

// What a file of events has counted between two samples of a cgroup, or in one that is new.
template <typename Events>
bool rose(const cgroup::Sample* before, bool fresh, const cgroup::Sample& now,
          std::optional<Events> cgroup::Sample::* file, cgroup::Count Events::* key) {
  if (!(now.*file)) return false;
  const cgroup::Count after = (*(now.*file)).*key;
  if (before == nullptr) return fresh && after.value_or(0) > 0;
  if (!(before->*file)) return false;
  return diagnosis::rise((*(before->*file)).*key, after).value_or(0) > 0;
}

// A workload, its fence, or a group inside it.
bool is_ours(const cgroup::Sample& sample) {
  return identity::of_path(sample.path).runtime == "cgwarden" ||
         identity::of_path(sample.path + "/payload").kind == identity::Kind::workload;
}

std::optional<identity::Subject> own_subject(const cgroup::Sample& sample,
                                             const identity::Table& identities) {
  const identity::Known* known = identities.find(sample.id);
  if (known == nullptr) return std::nullopt;
  return known->subject ? known->subject : identity::passing_subject_of(known->identity);
}

// The cgroup of the unit or container that it is or is in; nullptr: it is in none.
const cgroup::Sample* of_subject(const cgroup::Snapshot& snapshot, const cgroup::Sample& sample,
                                 const identity::Table& identities) {
  for (const auto* at = &sample; at != nullptr; at = snapshot.parent(*at)) {
    if (own_subject(*at, identities)) return at;
  }
  return nullptr;
}

std::optional<identity::Subject> subject_of(const cgroup::Snapshot& snapshot,
                                            const cgroup::Sample& sample,
                                            const identity::Table& identities) {
  const auto* of = of_subject(snapshot, sample, identities);
  return of != nullptr ? own_subject(*of, identities) : std::nullopt;
}

// Units and containers below a cgroup whose forks it may have refused, the likeliest first.
std::vector<const cgroup::Sample*> may_have_forked(const cgroup::Snapshot& snapshot,
                                                   const std::string& above,
                                                   const identity::Table& identities,
                                                   const diagnosis::RefusedForks* forks) {
  struct Candidate {
    const cgroup::Sample* sample;
    bool refused_before;
    std::uint64_t tasks;
  };
  const auto logged =
      forks != nullptr ? diagnosis::at_or_below(*forks, above) : diagnosis::RefusedForks();
  std::vector<Candidate> found;
  for (const auto& sample : snapshot.samples()) {
    if (sample.path == above || !diagnosis::path_is_at_or_below(sample.path, above)) continue;
    if (!own_subject(sample, identities) || is_ours(sample)) continue;
    const std::uint64_t tasks = sample.pids_current.value_or(0);
    const auto of_it = diagnosis::at_or_below(logged, sample.path);
    const bool refused = std::ranges::any_of(of_it.lines, [&](const auto& line) {
      const cgroup::Sample* forking = snapshot.find(line.cgroup);
      return !line.id || forking == nullptr || forking->id == *line.id;
    });
    const bool complete = diagnosis::is_complete_for(logged, sample.id);
    if (refused || (tasks > 0 && !complete)) found.push_back({&sample, refused, tasks});
  }
  std::ranges::sort(found, std::greater(), [](const Candidate& candidate) {
    return std::pair(candidate.refused_before, candidate.tasks);
  });
  if (found.size() > limits::kForksRefusedBelow) found.resize(limits::kForksRefusedBelow);
  std::vector<const cgroup::Sample*> samples;
  for (const auto& candidate : found) samples.push_back(candidate.sample);
  return samples;
}

}  // namespace

ForeignStalls::ForeignStalls(const cgroup::Tree& tree, const Clock& clock,
                             StallWatch::RefusedForks forks, Usec oldest)
    : tree_(&tree),
      forks_(std::move(forks)),
      watch_(
          [&tree, &clock](std::string_view path) { return read_stall_cgroup(tree, clock, path); },
          forks_, oldest) {}

bool ForeignStalls::has_io_limit(const cgroup::Sample& sample, Usec now) {
  if (const auto known = without_io_limit_.find(sample.id); known != without_io_limit_.end()) {
    return false;
  }
  for (std::string_view at = sample.path; at.size() > 1; at = cgroup::parent_path(at)) {
    const auto text = tree_->read(at, "io.max");
    if (!text) continue;
    if (const auto limits = cgroup::parse_io_max(*text); limits && !limits->empty()) return true;
  }
  without_io_limit_[sample.id] = now + kIoLimitBelieved;
  return false;
}

void ForeignStalls::suspect(const cgroup::Sample& sample, const cgroup::Sample* before,
                            std::optional<TimePoint> born, Usec now) {
  using Memory = cgroup::MemoryEvents;
  const auto counted = [&](cgroup::Count Memory::* key) {
    return rose(before, born.has_value(), sample, &cgroup::Sample::memory_events, key);
  };
  const bool held =
      has_high(sample) && counted(&Memory::high) &&
      waits(sample.memory_pressure, &cgroup::Pressure::full, StallWatch::kSignPercent);
  const bool wedged = counted(&Memory::oom) && !counted(&Memory::oom_kill);
  const bool refused = rose(before, born.has_value(), sample, &cgroup::Sample::pids_events,
                            &cgroup::PidsEvents::max);
  const bool hit = counted(&Memory::oom) || counted(&Memory::oom_kill) || refused;
  const bool io = waits(sample.io_pressure, &cgroup::Pressure::some, kIoPercent);
  const bool below =
      waits(sample.memory_pressure, &cgroup::Pressure::some, StallWatch::kSignPercent) &&
      is_below_wedge(sample, now);
  if (!held && !hit && !io && !below) return;
  const auto known = suspects_.find(sample.id);
  if (known != suspects_.end()) {
    known->second.sign = now;
    if (wedged) known->second.out_of_memory = now;
    if (refused) known->second.forks_refused = now;
    return;
  }
  if (suspects_.size() >= limits::kForeignStalls || is_ours(sample)) return;
  if (!held && !hit && !below && !has_io_limit(sample, now)) return;
  suspects_[sample.id] = {.path = sample.path,
                          .sign = now,
                          .out_of_memory = wedged ? now : Usec{0},
                          .forks_refused = refused ? now : Usec{0},
                          .born = born};
}

void ForeignStalls::find_refused_by_log(const cgroup::Snapshot& snapshot,
                                        const identity::Table& identities, Usec now) {
  constexpr Usec kNews{5'000'000};
  const auto* forks = forks_ ? forks_() : nullptr;
  if (forks == nullptr) return;
  for (const auto& line : forks->lines) {
    if (line.sequence <= lines_seen_) continue;
    lines_seen_ = line.sequence;
    const cgroup::Sample* sample = snapshot.find(line.cgroup);
    if (sample == nullptr || line.boottime + kNews < now || is_ours(*sample)) continue;
    if (line.id && sample->id != *line.id) continue;
    if (const auto* of = of_subject(snapshot, *sample, identities)) sample = of;
    if (const auto known = suspects_.find(sample->id); known != suspects_.end()) {
      known->second.sign = now;
    } else if (suspects_.size() < limits::kForeignStalls) {
      suspects_[sample->id] = {.path = sample->path, .sign = now};
    }
  }
}

// From 6.12 a refused fork is counted where the limit is, and by nobody below it.
void ForeignStalls::find_refused_below(const cgroup::Snapshot& snapshot,
                                       const identity::Table& identities, Usec now) {
  std::vector<std::string> limited;
  for (const auto& [id, above] : suspects_) {
    if (above.forks_refused == now) limited.push_back(above.path);
  }
  for (const auto& path : limited) {
    // That of the snapshot may be older than the limit.
    const auto limit = tree_->read(path, "pids.max");
    if (!limit || trim(*limit) == "max") continue;
    for (const auto* sample :
         may_have_forked(snapshot, path, identities, forks_ ? forks_() : nullptr)) {
      const auto known = suspects_.find(sample->id);
      if (known != suspects_.end()) {
        known->second.sign = now;
      } else if (suspects_.size() < limits::kForeignStalls) {
        suspects_[sample->id] = {.path = sample->path, .sign = now};
      }
    }
  }
}

bool ForeignStalls::is_below_wedge(const cgroup::Sample& sample, Usec now) const {
  return std::ranges::any_of(suspects_, [&](const auto& entry) {
    const Suspect& above = entry.second;
    return above.out_of_memory > Usec{0} && above.out_of_memory + StallWatch::kWindow > now &&
           above.path != sample.path && diagnosis::path_is_at_or_below(sample.path, above.path);
  });
}

// Both are sorted by path.
void ForeignStalls::find_suspects(const cgroup::Snapshot& snapshot, const cgroup::Snapshot* before,
                                  Usec now) {
  const cgroup::SampleList none;
  const cgroup::SampleList& old = before != nullptr ? before->samples() : none;
  // What was left out by a limit is not new when it comes in.
  const bool complete = before != nullptr && before->dropped() == 0;
  auto last = old.begin();
  for (const auto& sample : snapshot.samples()) {
    while (last != old.end() && last->path < sample.path) ++last;
    const bool known = last != old.end() && last->id == sample.id;
    // The same object: nothing in it has changed.
    if (sample.path == "/" || (known && &*last == &sample)) continue;
    std::optional<TimePoint> born;
    if (!known && complete) born = before->taken();
    suspect(sample, known ? &*last : nullptr, born, now);
  }
}

std::vector<diagnosis::Verdict> ForeignStalls::look_at(Suspect& suspect, const Look& look) {
  // Another main process outlived nothing of what was before it.
  if (suspect.incarnation != look.run.incarnation && suspect.incarnation != 0) {
    watch_.forget(suspect.path);
    suspect.born.reset();
  }
  suspect.incarnation = look.run.incarnation;
  StallWatch::Process process;
  process.main_pid = look.run.main_pid;
  process.devices = *look.devices;
  const cgroup::Sample& sample = *look.snapshot->find(suspect.path);
  if (waits(sample.memory_pressure, &cgroup::Pressure::full, StallWatch::kSignPercent)) {
    process.over_high = held_over_high(*tree_, suspect.path);
  }
  if (sample.memory_events && sample.memory_events->oom_kill.value_or(0) > 0) {
    process.oom_records = look.kills();
  }
  auto verdicts = watch_.observe({.name = look.name,
                                  .incarnation = look.run.incarnation,
                                  .cgroup = suspect.path,
                                  .born = suspect.born,
                                  .before = look.before,
                                  .key = suspect.path},
                                 look.snapshot->taken(), *look.snapshot, process);
  // Without a main process that is known to live nobody outlived anything.
  std::erase_if(verdicts, [&](const auto& verdict) {
    return verdict.verdict == diagnosis::VerdictClass::oom_child && look.run.main_pid <= 0;
  });
  return verdicts;
}

std::vector<diagnosis::Verdict> ForeignStalls::observe(const cgroup::Snapshot& snapshot,
                                                       const cgroup::Snapshot* before,
                                                       const identity::Table& identities,
                                                       const identity::DeviceNames& devices,
                                                       const RunOf& run_of, const Kills& kills) {
  std::vector<diagnosis::Verdict> found;
  const TimePoint taken = snapshot.taken();
  const Usec now = taken.boottime;
  std::erase_if(without_io_limit_, [&](const auto& known) { return known.second <= now; });
  find_suspects(snapshot, before, now);
  find_refused_by_log(snapshot, identities, now);
  find_refused_below(snapshot, identities, now);
  std::erase_if(suspects_, [&](const auto& entry) {
    const cgroup::Sample* sample = snapshot.find(entry.second.path);
    const bool gone = sample == nullptr || sample->id != entry.first;
    // Long enough for the watch to say that it is over.
    const bool calm = now - entry.second.sign > 2 * StallWatch::kWindow;
    if (!gone && !calm) return false;
    watch_.forget(entry.second.path);
    return true;
  });
  for (auto& [id, suspect] : suspects_) {
    const cgroup::Sample& sample = *snapshot.find(suspect.path);
    const auto subject = subject_of(snapshot, sample, identities);
    const Look look{.snapshot = &snapshot,
                    .before = before,
                    .devices = &devices,
                    .run = run_of(id),
                    .kills = kills,
                    .name = subject ? identity::spoken_name(*subject) : suspect.path};
    for (auto& verdict : look_at(suspect, look)) {
      if (subject) verdict.workload = to_key(*subject);
      found.push_back(std::move(verdict));
    }
  }
  return found;
}

}  // namespace cgwarden::agent
