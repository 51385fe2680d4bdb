#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "launcher/process_attributes.h"

namespace cgwarden::launcher {
namespace {

// struct sched_attr of linux/sched/types.h, first version (48 bytes): that header clashes with
// sched.h.
struct SchedAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;
  std::uint64_t deadline;
  std::uint64_t period;
};
static_assert(sizeof(SchedAttributes) == 48);

template <typename Number>
struct NameRow {
  std::string_view name;
  Number value;
};
// include/uapi/linux/sched.h. SCHED_ISO has a number and no implementation: the kernel refuses it.
constexpr std::array<NameRow<std::uint32_t>, 7> kPolicies{{{"SCHED_OTHER", 0},
                                                           {"SCHED_FIFO", 1},
                                                           {"SCHED_RR", 2},
                                                           {"SCHED_BATCH", 3},
                                                           {"SCHED_ISO", 4},
                                                           {"SCHED_IDLE", 5},
                                                           {"SCHED_DEADLINE", 6}}};
constexpr std::array<NameRow<std::uint64_t>, 7> kSchedulerFlags{
    {{"SCHED_FLAG_RESET_ON_FORK", 0x01},
     {"SCHED_FLAG_RECLAIM", 0x02},
     {"SCHED_FLAG_DL_OVERRUN", 0x04},
     {"SCHED_FLAG_KEEP_POLICY", 0x08},
     {"SCHED_FLAG_KEEP_PARAMS", 0x10},
     {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
     {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}}};

template <typename Table, typename Number>
bool find(const Table& table, std::string_view name, Number& value) {
  for (const auto& row : table) {
    if (row.name != name) continue;
    value = row.value;
    return true;
  }
  return false;
}

const char* remedy(int errno_value) {
  switch (errno_value) {
    case EPERM:
      return " (real-time policies and a lower nice value need CAP_SYS_NICE; SCHED_DEADLINE needs "
             "every CPU of its root domain)";
    case EBUSY:
      return " (the CPUs have not that much time to give: sysctl kernel.sched_rt_runtime_us)";
    case EINVAL:
      return " (the kernel refuses these values together)";
    default:
      return "";
  }
}

}  // namespace

Step set_scheduler(const Process& process) {
  if (!process.scheduler) return {};
  const Scheduler& wanted = *process.scheduler;
  SchedAttributes attributes{};
  attributes.size = sizeof(attributes);
  if (!find(kPolicies, wanted.policy, attributes.policy)) {
    return refused("scheduler", "\"" + wanted.policy + "\" is not a scheduling policy");
  }
  for (const auto& name : wanted.flags) {
    std::uint64_t flag = 0;
    if (!find(kSchedulerFlags, name, flag)) {
      return refused("scheduler", "\"" + name + "\" is not a flag of sched_setattr");
    }
    attributes.flags |= flag;
  }
  // The kernel would cut it to the range without a word.
  if (wanted.nice < -20 || wanted.nice > 19) {
    return refused("scheduler", "nice " + std::to_string(wanted.nice) + " is not in -20 to 19");
  }
  if (wanted.priority < 0) return refused("scheduler", "the priority may not be negative");
  attributes.nice = wanted.nice;
  attributes.priority = static_cast<std::uint32_t>(wanted.priority);
  attributes.runtime = wanted.runtime_nsec;
  attributes.deadline = wanted.deadline_nsec;
  attributes.period = wanted.period_nsec;
  if (::syscall(SYS_sched_setattr, 0, &attributes, 0) != 0) {
    return failed("scheduler", wanted.policy + remedy(errno));
  }
  return {};
}

}  // namespace cgwarden::launcher
