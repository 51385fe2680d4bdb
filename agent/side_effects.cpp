#include "agent/side_effects.h"

#include <algorithm>
#include <string>
#include <utility>

#include "agent/kept_properties.h"
#include "agent/memory_shrink.h"
#include "agent/original_restore.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

// cap_growth() of memory_shrink.cpp leaves it alone.
bool is_low_enough(std::string_view high, std::string_view target) {
  const auto now = parse_integer<std::uint64_t>(high);
  const auto wanted = parse_integer<std::uint64_t>(target);
  return now && wanted && *now <= *wanted;
}

}  // namespace

std::vector<policy::Write> side_effects(const cgroup::Tree& tree,
                                        const std::vector<policy::Write>& writes) {
  std::vector<policy::Write> effects;
  const auto add = [&](const policy::Write& write, const char* file, std::string after) {
    const bool is_written = std::ranges::any_of(writes, [&](const policy::Write& other) {
      return other.id == write.id && other.file == file;
    });
    const auto text = tree.read(write.cgroup, file);
    if (is_written || !text || trim(*text) == after) return;
    policy::Write effect = write;
    effect.file = file;
    effect.old_value = trim(*text);
    effect.new_value = std::move(after);
    effect.allow_oom = false;
    effects.push_back(std::move(effect));
  };
  for (const policy::Write& write : writes) {
    if (write.file == "cpu.idle" && write.new_value == "1") add(write, "cpu.weight", "100");
    if (write.file == "memory.max" && write.through == policy::Through::cgroupfs &&
        needs_room(write, memory_in_use(tree, write.cgroup))) {
      add(write, "memory.high", write.new_value);
    }
  }
  std::erase_if(effects, [](const policy::Write& effect) {
    return effect.file == "memory.high" && is_low_enough(effect.old_value, effect.new_value);
  });
  return effects;
}

std::vector<policy::Original> side_originals(const OriginalJournal& journal,
                                             const std::vector<policy::Write>& effects,
                                             policy::Keeper keeper, Usec now) {
  std::vector<policy::Original> entries;
  for (const policy::Write& effect : effects) {
    if (find_original(journal, effect) != nullptr) continue;
    entries.push_back(after_write(nullptr, effect, keeper, now));
  }
  return entries;
}

Status forget_settled(const cgroup::Tree& tree, OriginalJournal& journal,
                      const std::vector<policy::Original>& entries) {
  std::vector<policy::KnobKey> settled;
  for (const policy::Original& entry : entries) {
    const auto report = look_at_original(tree, entry);
    if (report && (report->outcome == Restored::needless || report->outcome == Restored::gone)) {
      settled.push_back(entry.key());
    }
  }
  return journal.forget(settled);
}

}  // namespace cgwarden::agent
