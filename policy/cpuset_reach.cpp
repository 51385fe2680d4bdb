#include "policy/cpuset_reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>
#include <vector>

#include "base/text.h"
#include "cgroup/grouped_files.h"

namespace cgwarden::policy {
namespace {

using Ids = std::set<std::uint64_t>;

Ids ids_of(std::string_view list) {
  Ids ids;
  for (const std::string_view part : split(list, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = parse_integer<std::uint64_t>(part.substr(0, dash));
    const auto last = dash == std::string_view::npos
                          ? first
                          : parse_integer<std::uint64_t>(part.substr(dash + 1));
    if (!first || !last) continue;
    for (std::uint64_t id = *first; id <= *last; ++id) ids.insert(id);
  }
  return ids;
}

// As the kernel prints it.
std::string list_of(const Ids& ids) {
  std::string text;
  for (auto at = ids.begin(); at != ids.end();) {
    const std::uint64_t first = *at;
    std::uint64_t last = first;
    for (++at; at != ids.end() && *at == last + 1; ++at) last = *at;
    if (!text.empty()) text += ',';
    text += last == first ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
  }
  return text;
}

std::optional<Ids> ids_in(const cgroup::Sample& sample, std::string_view file, bool effective) {
  using Files = cgroup::GroupedFiles;
  if (!sample.grouped) return std::nullopt;
  const bool cpus = file == "cpuset.cpus";
  const auto member = effective
                          ? (cpus ? &Files::cpuset_cpus_effective : &Files::cpuset_mems_effective)
                          : (cpus ? &Files::cpuset_cpus : &Files::cpuset_mems);
  const auto& list = *sample.grouped.*member;
  if (!list) return std::nullopt;
  return ids_of(list->text);
}

// The parent of a partition has its CPUs no longer, and the partition may keep them.
Ids of_partition(const cgroup::Sample& sample, std::string_view file) {
  if (file != "cpuset.cpus" || !sample.grouped) return {};
  const auto& state = sample.grouped->cpuset_cpus_partition;
  if (!state || state->starts_with("member") || state->contains("invalid")) return {};
  return ids_in(sample, file, true).value_or(Ids{});
}

// cgroup-v2.rst: what it asks for of what the parent has; if that is nothing, all that the parent
// has. Below the uppermost cgroup that is written nothing is yet as it will be.
std::optional<Ids> passed_on(std::string_view file, std::span<const CpusetAbove> above) {
  std::size_t changed = above.size();
  while (changed > 0 && !above[changed - 1].written) --changed;
  if (changed == 0) return ids_in(*above.front().sample, file, true);
  if (changed == above.size()) return std::nullopt;
  auto has = ids_in(*above[changed].sample, file, true);
  if (!has) return std::nullopt;
  for (std::size_t i = changed; i-- > 0;) {
    const auto& written = above[i].written;
    const Ids asked =
        written ? ids_of(*written) : ids_in(*above[i].sample, file, false).value_or(Ids{});
    has->merge(of_partition(*above[i].sample, file));
    Ids both;
    std::ranges::set_intersection(asked, *has, std::inserter(both, both.end()));
    if (!both.empty()) has = std::move(both);
  }
  return has;
}

}  // namespace

std::optional<std::string> cpuset_outside(const cgroup::Sample& sample, std::string_view file,
                                          std::string_view wanted,
                                          std::span<const CpusetAbove> above) {
  if (above.empty()) return std::nullopt;
  const auto parent = passed_on(file, above);
  if (!parent) return std::nullopt;
  Ids allowed = *parent;
  allowed.merge(of_partition(sample, file));
  if (std::ranges::includes(allowed, ids_of(wanted))) return std::nullopt;
  return list_of(*parent);
}

std::string outside_text(const Decision& decision, const std::string& allowed,
                         std::string_view parent) {
  return fmt::format("{} {} is not within {} of {}: what is outside is refused or replaced",
                     decision.knob->file, decision.value.text, allowed, parent);
}

void PlannedCpusets::note(const Write& write) {
  if (!write.file.starts_with("cpuset.")) return;
  (write.mode == Mode::enforce ? enforced_ : tried_)[{write.cgroup, write.file}] = write.new_value;
}

std::optional<std::string> PlannedCpusets::written(const Place& place, Mode mode) const {
  if (mode == Mode::plan) {
    if (const auto tried = tried_.find(place); tried != tried_.end()) return tried->second;
  }
  const auto enforced = enforced_.find(place);
  return enforced == enforced_.end() ? std::nullopt : std::optional(enforced->second);
}

std::optional<Refusal> PlannedCpusets::refuse(const cgroup::Sample& sample,
                                              const Decision& decision, Mode mode) const {
  const std::string file(decision.knob->file);
  if (!file.starts_with("cpuset.")) return std::nullopt;
  std::vector<CpusetAbove> above;
  for (const auto* at = snapshot_.parent(sample); at != nullptr; at = snapshot_.parent(*at)) {
    above.push_back({at, written({at->path, file}, mode)});
  }
  const auto allowed = cpuset_outside(sample, file, decision.value.text, above);
  if (!allowed) return std::nullopt;
  return Refusal{outside_text(decision, *allowed, above.front().sample->path), "L34"};
}

}  // namespace cgwarden::policy
