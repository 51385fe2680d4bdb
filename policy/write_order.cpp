#include "policy/write_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cgwarden::policy {
namespace {

struct Step {
  std::string_view file;
  bool raised;
};

// Lowered burst, quota, raised burst: the burst in force is never above the quota in force, at no
// step, as long as it is not at both ends. Memory: first what gives room (hard limit outermost),
// then what takes it, the hard limit last so that memory.high and swap can shrink the cgroup first.
constexpr std::array kOrder{
    Step{"cpu.idle", false},         Step{"cpu.idle", true},         Step{"cpu.weight", false},
    Step{"cpu.weight", true},        Step{"cpu.max.burst", false},   Step{"cpu.max", false},
    Step{"cpu.max", true},           Step{"cpu.max.burst", true},    Step{"memory.max", true},
    Step{"memory.swap.max", true},   Step{"memory.high", true},      Step{"memory.low", true},
    Step{"memory.min", true},        Step{"memory.min", false},      Step{"memory.low", false},
    Step{"memory.high", false},      Step{"memory.swap.max", false}, Step{"memory.max", false},
    Step{"memory.oom.group", false}, Step{"memory.oom.group", true}, Step{"pids.max", false},
    Step{"pids.max", true},
};

// A knob that no other depends on is written after those that do, in the order of knobs().

std::size_t place_of(const OrderedWrite& write) {
  const bool raised = write.new_amount >= write.old_amount;
  const auto* const step = std::ranges::find_if(kOrder, [&](const Step& candidate) {
    return candidate.file == write.write.file && candidate.raised == raised;
  });
  return static_cast<std::size_t>(step - kOrder.begin());
}

// A knob before and after the plan.
struct Standing {
  std::uint64_t now = 0;
  std::uint64_t after = 0;
  bool decided = false;
  std::string said;  // of `after`, for a reason: "5000 of policy web" or "5000 in force"
};

// Nothing for a knob without a current value: it is not written.
std::optional<Standing> standing(const Decisions& decisions, const cgroup::Sample& sample,
                                 std::string_view file) {
  const auto knob = std::ranges::find(knobs(), file, &Knob::file);
  const auto current = knob->current(sample);
  if (!current) return std::nullopt;
  const auto decision = decisions.find(file);
  if (decision == decisions.end() || !decision->second.known()) {
    return Standing{current->amount, current->amount, false,
                    fmt::format("{} in force", current->amount)};
  }
  const std::uint64_t wanted = decision->second.value.amount;
  return Standing{current->amount, wanted, true,
                  fmt::format("{} of policy {}", wanted, decision->second.winner->name)};
}

void check_weight(const Decisions& decisions, const cgroup::Sample& sample,
                  std::map<std::string_view, Refusal>& refused) {
  const auto idle = standing(decisions, sample, "cpu.idle");
  if (!idle || idle->after == 0 || !decisions.contains("cpu.weight")) return;
  refused["cpu.weight"] = {
      fmt::format("the kernel refuses a weight while cpu.idle is {} (EINVAL)", idle->said), "L10"};
}

// A quota of max takes any burst.
void check_burst(const Decisions& decisions, const cgroup::Sample& sample,
                 std::map<std::string_view, Refusal>& refused) {
  const auto burst = standing(decisions, sample, "cpu.max.burst");
  const auto quota = standing(decisions, sample, "cpu.max");
  if (!burst || !quota || burst->after <= quota->after) return;
  if (burst->decided) {
    refused["cpu.max.burst"] = {
        fmt::format("the kernel refuses a burst of {}us above the quota, {} (EINVAL)", burst->after,
                    quota->said),
        "L03"};
  }
  if (quota->decided && burst->now > quota->after) {
    refused["cpu.max"] = {
        fmt::format("the kernel refuses a quota of {}us below the burst, {} in force (EINVAL): "
                    "lower cpu.burst too",
                    quota->after, burst->now),
        "L04"};
  }
}

}  // namespace

void sort_by_kernel_order(std::vector<OrderedWrite>& writes) {
  std::ranges::stable_sort(writes, {}, place_of);
}

std::map<std::string_view, Refusal> find_refused(const Decisions& decisions,
                                                 const cgroup::Sample& sample) {
  std::map<std::string_view, Refusal> refused;
  check_weight(decisions, sample, refused);
  check_burst(decisions, sample, refused);
  return refused;
}

}  // namespace cgwarden::policy
