#include "agent/foreign_stalls.h"

#include <string_view>
#include <utility>

#include "identity/identity.h"
#include "identity/subject.h"

#include "base/limits.h"
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

std::uint64_t rise_of_events(const cgroup::Sample* before, const cgroup::Sample& now,
                             cgroup::Count cgroup::MemoryEvents::* key) {
  if (before == nullptr || !before->memory_events || !now.memory_events) return 0;
  return diagnosis::rise((*before->memory_events).*key, (*now.memory_events).*key).value_or(0);
}

// A workload, its fence, or a group inside it.
bool is_ours(const cgroup::Sample& sample) {
  return identity::of_path(sample.path).runtime == "cgwarden" ||
         identity::of_path(sample.path + "/payload").kind == identity::Kind::workload;
}

// Of the unit or container that it is or is in.
const identity::Subject* subject_of(const cgroup::Snapshot& snapshot, const cgroup::Sample& sample,
                                    const identity::Table& identities) {
  for (const auto* at = &sample; at != nullptr; at = snapshot.parent(*at)) {
    const identity::Known* known = identities.find(at->id);
    if (known != nullptr && known->subject) return &*known->subject;
  }
  return nullptr;
}

}  // namespace

ForeignStalls::ForeignStalls(const cgroup::Tree& tree, const Clock& clock)
    : tree_(&tree), watch_([&tree, &clock](std::string_view path) {
        return read_stall_cgroup(tree, clock, path);
      }) {}

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

void ForeignStalls::suspect(const cgroup::Sample& sample, const cgroup::Sample* before, Usec now) {
  const bool held =
      has_high(sample) && rise_of_events(before, sample, &cgroup::MemoryEvents::high) > 0 &&
      waits(sample.memory_pressure, &cgroup::Pressure::full, StallWatch::kSignPercent);
  const bool wedged = rise_of_events(before, sample, &cgroup::MemoryEvents::oom) > 0;
  const bool io = waits(sample.io_pressure, &cgroup::Pressure::some, kIoPercent);
  if (!held && !wedged && !io) return;
  const auto known = suspects_.find(sample.id);
  if (known != suspects_.end()) {
    known->second.sign = now;
    return;
  }
  if (suspects_.size() >= limits::kForeignStalls || is_ours(sample)) return;
  if (!held && !wedged && !has_io_limit(sample, now)) return;
  suspects_[sample.id] = {.path = sample.path, .sign = now};
}

// Both are sorted by path.
void ForeignStalls::find_suspects(const cgroup::Snapshot& snapshot,
                                  const cgroup::SampleList& before, Usec now) {
  auto last = before.begin();
  for (const auto& sample : snapshot.samples()) {
    while (last != before.end() && last->path < sample.path) ++last;
    const bool known = last != before.end() && last->id == sample.id;
    // The same object: nothing in it has changed.
    if (sample.path == "/" || (known && &*last == &sample)) continue;
    suspect(sample, known ? &*last : nullptr, now);
  }
}

std::vector<diagnosis::Verdict> ForeignStalls::observe(const cgroup::Snapshot& snapshot,
                                                       const cgroup::Snapshot* before,
                                                       const identity::Table& identities,
                                                       const identity::DeviceNames& devices,
                                                       const IncarnationOf& incarnation_of) {
  std::vector<diagnosis::Verdict> found;
  const TimePoint taken = snapshot.taken();
  const Usec now = taken.boottime;
  std::erase_if(without_io_limit_, [&](const auto& known) { return known.second <= now; });
  find_suspects(snapshot, before != nullptr ? before->samples() : cgroup::SampleList(), now);
  std::erase_if(suspects_, [&](const auto& entry) {
    const cgroup::Sample* sample = snapshot.find(entry.second.path);
    const bool gone = sample == nullptr || sample->id != entry.first;
    // Long enough for the watch to say that it is over.
    const bool calm = now - entry.second.sign > 2 * StallWatch::kWindow;
    if (!gone && !calm) return false;
    watch_.forget(entry.second.path);
    return true;
  });
  for (const auto& [id, suspect] : suspects_) {
    const cgroup::Sample& sample = *snapshot.find(suspect.path);
    const identity::Subject* subject = subject_of(snapshot, sample, identities);
    StallWatch::Process process;
    process.devices = devices;
    if (waits(sample.memory_pressure, &cgroup::Pressure::full, StallWatch::kSignPercent)) {
      process.over_high = held_over_high(*tree_, suspect.path);
    }
    const std::string name = subject != nullptr ? subject->name : suspect.path;
    for (auto& verdict : watch_.observe({.name = name,
                                         .incarnation = incarnation_of(id),
                                         .cgroup = suspect.path,
                                         .key = suspect.path},
                                        taken, snapshot, process)) {
      if (subject != nullptr) verdict.workload = to_key(*subject);
      found.push_back(std::move(verdict));
    }
  }
  return found;
}

}  // namespace cgwarden::agent
