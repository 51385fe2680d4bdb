"""Of workloads that live and do not get on."""

from matrix.case import NO_OOM, OPEN, SMALL, Case, deed, gated, shell
from matrix.memory import own

DEATH = "was killed by the kernel"


def stall(name, story, command, expected, confidence=("proven",), **more):
    more.setdefault("never", NO_OOM)
    return Case(name, story, command, expected, confidence, lives=True, subject=more.pop("subject", "cgroup"), **more)


FIRST = [
    stall("frozen", "its cgroup is frozen", deed("stay"), "FROZEN", deed="echo 1 > {payload}/cgroup.freeze",
          limit=("{payload}", "cgroup.freeze"), says=("is frozen",)),
    stall("frozen-above", "the cgroup above it is frozen", deed("stay"), "FROZEN", deed="echo 1 > {scope}/cgroup.freeze",
          limit=("{scope}", "cgroup.freeze"), says=("{scope} above it",)),
    stall("stopped", "SIGSTOP", deed("stay"), "STOPPED_BY_SIGNAL", deed="kill -STOP {pid}; sleep 1", subject="main",
          says=("SIGSTOP",)),
    stall("throttled", "cpu.max", deed("spin"), "THROTTLED", resources="{cpu: {max: 20ms/100ms}}",
          limit=("{payload}", "cpu.max"), says=("nr_throttled",)),
    stall("pids-own", "its own pids.max", gated("fork", "12"), "PIDS_LIMIT", resources="{pids: {max: 6}}", deed=OPEN,
          limit=("{payload}", "pids.max"), says=("pids.max = 6",)),
    # 6.12 counts where the limit is and no longer who wanted to fork.
    stall("pids-above", "pids.max of the cgroup above it", gated("fork", "12"), "PIDS_LIMIT", ("likely", "strong", "proven"),
          deed="echo 6 > {scope}/pids.max; " + OPEN, limit=("{scope}", "pids.max"), says=("{scope} above it",)),
    stall("pids-near", "pids.max of the cgroup above it, while its own is near", gated("fork", "12"), "PIDS_LIMIT",
          ("likely", "strong", "proven"), resources="{pids: {max: 7}}", deed="echo 6 > {scope}/pids.max; " + OPEN,
          limit=("{scope}", "pids.max"), says=("{scope} above it",)),
    stall("memory-high", "memory.high", deed("eat", "300"), "STALLED_MEMORY_HIGH",
          resources="{memory: {high: 16MiB, max: 512MiB, swap.max: 0}}", limit=("{payload}", "memory.high")),
    stall("pids-early", "its own pids.max, before anybody has looked at it", deed("fork", "12"), "PIDS_LIMIT",
          resources="{pids: {max: 6}}", limit=("{payload}", "pids.max"), says=("pids.max = 6",)),
    stall("child-early", "a child is OOM-killed before anybody has looked at it, and it lives on",
          shell("deed eat 64; sleep 1000; :"), "OOM_CHILD", resources=SMALL, subject="child", says=("lives on",), never=(DEATH,)),
    stall("child-oom", "a child is OOM-killed, and it lives on", shell("deed after GATE eat 64; sleep 1000; :"), "OOM_CHILD",
          resources=SMALL, deed=OPEN, subject="child", says=("lives on",), never=(DEATH,)),
]

# It floods the kernel log.
WEDGE = [
    stall("no-victim", "out of memory, and none of its processes may be killed", gated("eat", "64"), "STALLED_OOM_NO_VICTIM",
          resources=SMALL, says=("found none",), never=(DEATH,), floods=True,
          deed="for p in $(cat {payload}/cgroup.procs); do echo -1000 > /proc/$p/oom_score_adj; done; " + OPEN),
    own("wedge-oom", "its own limit, while the log is flooded with another's", gated("eat", "64"),
        confidence=("likely", "strong", "proven"),
        deed="until [ $(sed -n 's/^oom //p' {workloads}/no-victim.scope/payload/memory.events) -ge 200 ]; do sleep 0.2; done; " + OPEN),
    Case("wedge-kill", "an operator kills it, while the log is flooded with another's", deed("stay"), "KILLED_BY_USER",
         ("likely", "strong", "proven"), says=("SIGKILL", "sent by pid"), never=NO_OOM,
         deed="until [ $(sed -n 's/^oom //p' {workloads}/no-victim.scope/payload/memory.events) -ge 200 ]; do sleep 0.2; done; "
              "kill -9 {pid}; sleep 1"),
]
