#include "policy/total_min.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "base/text.h"

namespace cgwarden::policy {
namespace {

// What the kernel and the others need: of the machine, in percent.
constexpr std::uint64_t kReservePercent = 10;

std::uint64_t bytes_in(const std::string& value) {
  return parse_integer<std::uint64_t>(value).value_or(std::numeric_limits<std::uint64_t>::max());
}

bool is_raised_min(const Write& write) {
  return write.file == "memory.min" && cgroup::parent_path(write.cgroup) == "/" &&
         bytes_in(write.new_value) > bytes_in(write.old_value);
}

// Of the cgroups below the root, as they will stand.
std::uint64_t total_of(const std::map<std::string_view, std::uint64_t>& of_top,
                       std::uint64_t memory) {
  std::uint64_t total = 0;
  for (const auto& [path, bytes] : of_top) total += std::min(bytes, memory);
  return total;
}

}  // namespace

std::optional<std::uint64_t> most_min(const NodeFacts& facts) {
  if (!facts.memory) return std::nullopt;
  return facts.memory->value / 100 * (100 - kReservePercent);
}

std::string total_min_text(std::uint64_t total, const NodeFacts& facts) {
  return fmt::format(
      "memory.min of all cgroups would be {} of {}: what is left cannot hold the "
      "others",
      human_bytes(Bytes{total}), human_bytes(facts.memory.value_or(Bytes{0})));
}

void skip_raised_min(const cgroup::Snapshot& snapshot, const NodeFacts& facts, Plan& plan) {
  const auto most = most_min(facts);
  if (!most || std::ranges::none_of(plan.writes, is_raised_min)) return;
  std::map<std::string_view, std::uint64_t> of_top;
  for (const cgroup::Sample& sample : snapshot.samples()) {
    if (cgroup::parent_path(sample.path) != "/" || !sample.memory_min) continue;
    const auto* bytes = std::get_if<Bytes>(&*sample.memory_min);
    of_top[sample.path] = bytes == nullptr ? bytes_in("max") : bytes->value;
  }
  for (const Mode mode : {Mode::enforce, Mode::plan}) {
    auto with = of_top;
    for (const Write& write : plan.writes) {
      if (write.mode != mode || write.file != "memory.min") continue;
      if (const auto top = with.find(write.cgroup); top != with.end()) {
        top->second = bytes_in(write.new_value);
      }
    }
    const std::uint64_t total = total_of(with, facts.memory->value);
    if (total <= *most) {
      of_top = std::move(with);
      continue;
    }
    const auto refused = [&](const Write& write) {
      return write.mode == mode && is_raised_min(write);
    };
    for (const Write& write : plan.writes) {
      if (!refused(write)) {
        const auto top = write.file == "memory.min" && write.mode == mode
                             ? of_top.find(write.cgroup)
                             : of_top.end();
        if (top != of_top.end()) top->second = bytes_in(write.new_value);
        continue;
      }
      plan.skips.push_back({write.cgroup, write.file, write.policy, write.position,
                            total_min_text(total, facts), "L19"});
    }
    std::erase_if(plan.writes, refused);
  }
}

}  // namespace cgwarden::policy
