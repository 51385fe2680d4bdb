#include "policy/lint_rules.h"

#include <algorithm>
#include <array>

namespace cgwarden::policy {
namespace {

constexpr Severity kError = Severity::error;
constexpr Severity kWarn = Severity::warning;
constexpr RuleScope kFile = RuleScope::file;
constexpr RuleScope kNode = RuleScope::node;
constexpr RuleScope kEngine = RuleScope::engine;

constexpr std::array kLintRules{
    LintRule{"L01", kError, kFile, "a quota below 1 ms, or a period outside 1 ms to 1 s",
             "The write fails with EINVAL (sched-bwc.rst).",
             "Raise the quota, or take a longer period for a smaller share: `1ms/1s`."},
    LintRule{"L02", kError, kFile, "a quota without its period",
             "A single number written to cpu.max keeps whatever period is in force, so that the "
             "same file gives different shares.",
             "Write cores (`1.5`, `500m`) or both numbers (`50ms/100ms`): both are then written."},
    LintRule{"L03", kError, kFile, "a burst above the quota",
             "The write fails with EINVAL, whatever the mean load.",
             "Lower `cpu.burst`; one equal to the quota is the most."},
    LintRule{"L04", kError, kNode, "a quota below the burst in force",
             "The write fails with EINVAL, also when the quota was max before.",
             "Let the policy set `cpu.burst` too: it is lowered before the quota."},
    LintRule{"L05", kWarn, kFile, "a burst on a cgroup whose quota systemd manages",
             "systemd has no property for it: a later change of CPUQuota= below the burst reports "
             "success while the kernel refuses it, and systemctl show tells the value that is not "
             "in force.",
             "Match cgroups of your own below a delegated unit, or leave the burst alone. With "
             "`allowUnmanagedKnobs` the burst is lowered before each change of the quota that a "
             "policy makes."},
    LintRule{"L06", kError, kEngine, "the same cpu.max written again and again",
             "Every write refills the quota and unthrottles: 5.7 times the quota was used in a "
             "measurement.",
             "Nothing to do: every write is compared with the value in force first, and a second "
             "plan is empty."},
    LintRule{"L07", kWarn, kNode, "a quota above that of an ancestor",
             "It is accepted, and the ancestor's quota stops the cgroup first.",
             "Lower it, or raise the ancestor's."},
    LintRule{"L08", kWarn, kNode, "a small quota without burst for many threads",
             "The threads use the quota up together and all wait for the rest of the period: the "
             "longest wait is period - quota / min(threads, CPUs).",
             "Set `cpu.burst`, up to the quota, or a larger quota."},
    LintRule{
        "L09", kWarn, kFile, "a quota that systemd rounds, on one of its units",
        "CPUQuota= keeps whole percents: 33.7 % written as such becomes 33 %, and a policy that "
        "wants it asks for 34 %. A quota below 1 % is dropped at the next daemon-reload, so that "
        "an earlier one comes back: it is an error.",
        "Take whole percents of a CPU: hundredths of a core."},
    LintRule{"L10", kError, kFile, "cpu.idle together with a weight",
             "With cpu.idle 1 the weight is forgotten and a new one fails with EINVAL.",
             "Remove one of them."},
    LintRule{"L11", kError, kFile, "a weight outside 1 to 10000", "The write fails with ERANGE.",
             "Take a weight from 1 to 10000; 100 is that of all others."},
    LintRule{"L12", kWarn, kNode, "a weight that competes with nothing",
             "A weight counts among siblings only: without any it has no effect.",
             "Set it on the ancestor that has siblings."},
    LintRule{"L13", kWarn, kFile, "CPU shares converted to a weight by the old linear formula",
             "1024 shares become 39, while systemd's services have 100: the cgroup gets 2.5 times "
             "less than they.",
             "Write `cpu.weight`, or leave `weightFormula` at its default."},
    LintRule{"L14", kWarn, kFile, "memory.high not below memory.max",
             "It is accepted, and never throttles: the kill at memory.max comes first.",
             "Set memory.high below memory.max."},
    LintRule{"L15", kWarn, kFile, "memory.high without usable swap",
             "What is mostly anonymous memory cannot be reclaimed: its tasks sleep in the kernel "
             "for minutes, nothing is killed, and killers that wait for reclaim never act.",
             "Allow swap, or set memory.max alone. The agent tells of such stalls."},
    LintRule{"L16", kError, kFile,
             "memory.high or memory.max below one page, or below the working set",
             "4095 is stored as 0: everything stalls or is killed. Below the working set of a "
             "cgroup (`policy plan` knows it) its tasks are throttled at once; that is a warning.",
             "Give the unit (`512MiB`), and more than the cgroup needs."},
    LintRule{"L17", kWarn, kFile, "a protection above a limit",
             "It is accepted, and the cgroup is reclaimed at the limit before the protection is "
             "used up.",
             "Lower memory.min or memory.low to memory.high or below."},
    LintRule{"L18", kWarn, kNode, "protections that the parent does not cover",
             "When siblings are promised more than their parent is, each gets its part of the "
             "parent's in proportion; below a parent without protection that is 0.",
             "Protect the parent with at least the sum, all the way up."},
    LintRule{"L19", kError, kNode, "memory.min of all cgroups takes (nearly) all memory",
             "What is left cannot hold the others: OOM kills without end.",
             "Lower memory.min, or use memory.low, which gives way. Until then none is raised."},
    LintRule{"L20", kError, kNode, "memory.max below the memory in use",
             "The kernel reclaims, and kills at once if that is not enough.",
             "Lower memory.high first, wait until the memory is reclaimed, then lower memory.max."},
    LintRule{"L21", kWarn, kNode, "memory.high lowered far below the memory in use in one step",
             "The write reclaims before it returns, and the workload stalls meanwhile.",
             "Go down in steps of some percent."},
    LintRule{"L22", kWarn, kNode, "memory.oom.group off where several processes run",
             "An OOM kill takes one of them; the rest goes on without it, and a health check may "
             "not see that.",
             "Set `oom.group: true`, unless the processes are independent."},
    LintRule{"L23", kWarn, kFile, "memory.oom.group on a cgroup that holds several workloads",
             "One OOM kill takes all processes of the whole subtree.",
             "Set it on each workload's own cgroup."},
    LintRule{"L24", kWarn, kNode, "memory.max without a limit of swap",
             "With swap on the machine, what is above memory.max is swapped without a bound: the "
             "workload crawls instead of being killed.",
             "Set `swap.max`."},
    LintRule{"L25", kError, kEngine, "a kill rule that waits for reclaim, without swap",
             "Without swap nothing is reclaimed, pgscan stays flat, and such a rule never fires.",
             "Nothing to do: pressure alone decides here."},
    LintRule{"L26", kError, kFile,
             "a pressure window outside 500 ms to 10 s, or a threshold above it",
             "The trigger is refused with EINVAL (psi.rst).",
             "Take a window from 500ms to 10s and a stall of at most the window."},
    LintRule{"L27", kError, kNode, "a controller that an ancestor does not pass on",
             "The control file is not there.",
             "Add it to cgroup.subtree_control of the ancestor named."},
    LintRule{"L28", kError, kNode, "the controller cannot be enabled: its cgroup has processes",
             "A write to cgroup.subtree_control fails with EBUSY where a cgroup has processes of "
             "its own (no internal processes).",
             "Move the processes into a leaf below it first."},
    LintRule{"L29", kWarn, kNode,
             "enabling a threaded controller turns a cgroup with processes threaded",
             "+cpu or +pids succeeds there, and makes the cgroup a threaded domain, which refuses "
             "the memory and io controllers from then on.",
             "Move the processes into a leaf first."},
    LintRule{"L30", kError, kNode, "a memory or io limit on a threaded cgroup",
             "The file is not there, and enabling the controller fails with EOPNOTSUPP.",
             "Set it on the threaded domain above."},
    LintRule{
        "L31", kError, kNode, "a write to a cgroup of another manager, where systemd runs",
        "Each cgroup has one writer: what is below a delegated unit is its manager's (containerd, "
        "a user's systemd), and what is in no unit belongs to whoever made it. Two writers undo "
        "each other's values. Cgroups of units are written by way of systemd.",
        "Match a unit or `/cgwarden.slice/*.scope/payload`; or say `owner: adopt` where no other "
        "manager writes. As `policy check` cannot see whether systemd runs, it warns."},
    LintRule{"L32", kError, kFile, "Delegate= or OOMPolicy= in a policy",
             "systemd takes them when a scope is made and never later: \"Cannot set property\".",
             "Set them in the unit."},
    LintRule{"L33", kWarn, kFile, "two policies of one priority want one knob differently",
             "The last writer wins, or both write by turns.",
             "Give them priorities. Until then the later name in byte order wins, and only it is "
             "written."},
    LintRule{"L34", kError, kNode, "CPUs or memory nodes that the parent does not have",
             "An absent CPU is refused (ERANGE); one outside the parent's set is accepted and "
             "silently replaced by the parent's set.",
             "Take CPUs of cpuset.cpus.effective of the parent. Until then nothing is written."},
    LintRule{"L35", kError, kFile, "an empty cpuset",
             "An empty text is a write of 0 bytes: it is ignored, and the old set stays.",
             "Remove the key, or list the CPUs: `0-3,7`."},
    LintRule{"L36", kWarn, kNode, "io.weight without a scheduler that obeys it",
             "It is accepted without effect, unless io.cost.qos is enabled for a device or the "
             "device's scheduler is BFQ.",
             "Enable io.cost.qos in the root, or choose bfq."},
    LintRule{"L37", kError, kFile, "an io limit for what is not a whole device",
             "A partition and an unknown MAJOR:MINOR are ENODEV; a unit suffix is EINVAL. Where "
             "the name does not tell (`8:1`, a link below /dev), `policy plan` knows it, and skips "
             "the file.",
             "Name the device as a whole, `vda` and not `vda1`."},
    LintRule{"L38", kError, kFile, "pids.max of 0, or below the tasks that run",
             "It is accepted; every fork then fails with EAGAIN. Below what runs (`policy plan` "
             "knows it) it is a warning.",
             "Give room for the tasks that run and a reserve."},
    LintRule{"L39", kError, kFile, "a percentage without its base",
             "The kernel has no percentages; systemd means the RAM, Kubernetes the allocatable "
             "part, others the parent.",
             "Name the base: `80% of node`, `50% of parent`."},
    LintRule{"L40", kError, kFile, "a size in a unit of two meanings",
             "The kernel refuses `100MB` and `1.5G` (EINVAL), and tools do not agree on 1000 or "
             "1024.",
             "Write KiB, MiB, GiB or TiB, or bytes."},
    LintRule{"L41", kWarn, kFile, "a match of nothing, of very much, or of what must run",
             "A glob that matches no cgroup does nothing. One that takes in the root, init.scope "
             "or this agent limits what keeps the machine alive. A limit of a cgroup that holds "
             "something protected, as system.slice holds sshd, limits that too; a freeze of it is "
             "not written.",
             "Match the workloads alone."},
    LintRule{"L42", kWarn, kFile, "a group kill whose scope holds the session",
             "memory.oom.group on a user's slice, manager or session kills the terminal and "
             "everything started from it; so may `adapt.kill` on what holds them, as `/` does. "
             "`adapt.stall` with the action kill kills the matched cgroup as a whole, a slice with "
             "all its workloads; one that holds something protected it never kills.",
             "Set it on the scope of the one application."},
    LintRule{"L43", kError, kFile, "a loop and a fixed value for one knob",
             "`adapt.cpu` finds cpu.max and cpu.max.burst, `adapt.memoryHigh` finds memory.high: a "
             "fixed value in the same policy would be written over at the next tick.",
             "Remove the fixed value, and bound the loop by its floor and ceiling."},
    LintRule{"L44", kError, kFile, "bounds of a loop that contradict each other",
             "A floor above its ceiling, or a pressure that does not fit in its window, leaves no "
             "value to find.",
             "Give a floor below the ceiling."},
    LintRule{"L45", kError, kFile, "a kill rule without a budget",
             "Pressure that comes from elsewhere (a slow disk, a limit above) does not end with "
             "the victim: without a bound the rule goes on until nothing is left.",
             "Say how many kills are to be borne: `budget: 3`, in `budgetTime`."},
    LintRule{"L46", kWarn, kFile, "a kill rule that kills for nothing, or whose bound is none",
             "memory.pressure falls slowly: with a short coolDown the next victim dies for what "
             "the last one did. Under a tenth of the time stalls are daily life, and a budget that "
             "the coolDown never lets it use up bounds nothing.",
             "coolDown: 15s or more, full: 0.6, and a budget of a few kills an hour."},
};

}  // namespace

std::span<const LintRule> lint_rules() { return kLintRules; }

const LintRule* find_lint_rule(std::string_view id) {
  const auto* const found = std::ranges::find(kLintRules, id, &LintRule::id);
  return found == kLintRules.end() ? nullptr : found;
}

std::string_view to_string(Severity severity) {
  return severity == Severity::error ? "error" : "warning";
}

std::string_view to_string(RuleScope scope) {
  switch (scope) {
    case RuleScope::file:
      return "file";
    case RuleScope::node:
      return "node";
    case RuleScope::engine:
      return "engine";
  }
  return "";
}

}  // namespace cgwarden::policy
