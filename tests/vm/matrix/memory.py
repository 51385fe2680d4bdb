"""Deaths by the OOM killer, and those that only look like one."""

from matrix.case import NO_OOM, NO_USER, OPEN, SMALL, Case, deed, gated, shell

NOT_OWN = ("own limit memory.max",)
CHILD = "was at work in this cgroup"
LIMIT_SCOPE = "echo 0 > {scope}/memory.swap.max; echo 48M > {scope}/memory.max; "
# Who shares the limit above, and may not be killed.
NEIGHBOUR = (
    "mkdir {scope}/neighbour; (echo 0 > {scope}/neighbour/cgroup.procs; "
    "exec {deed} adj -1000 eat 30 >/dev/null 2>&1 </dev/null) & "
)


def own(name, story, command, **more):
    more.setdefault("never", NO_USER)
    more.setdefault("resources", SMALL)
    return Case(name, story, command, "OOM_OWN_LIMIT", limit=("{payload}", "memory.max"),
                says=("own limit", *more.pop("says", ())), **more)


def above(name, story, command, how, **more):
    more.setdefault("never", (*NO_USER, *NOT_OWN))
    return Case(name, story, command, "OOM_ANCESTOR_LIMIT", limit=("{scope}", "memory.max"), deed=how,
                says=("{scope} above it", *more.pop("says", ())), **more)


# Not more than the kernel writes dumps of: 10 in 5 s.
FIRST = [
    own("oom-own", "its own limit", deed("eat", "64")),
    above("oom-above", "the limit of the cgroup above it", gated("eat", "64"), LIMIT_SCOPE + OPEN),
    above("oom-innocent", "the limit above it, which a neighbour reached", deed("eat", "24"),
          "sleep 1; " + LIMIT_SCOPE + NEIGHBOUR, says=("neighbour",)),
    own("oom-group", "memory.oom.group: the child that leaked takes all with it",
        shell("deed eat 4 & deed eat 64 & wait; sleep 1000"), subject="cgroup",
        resources="{memory: {max: 32MiB, swap.max: 0, oom.group: true}}", says=("memory.oom.group",)),
    Case("child-exit-0", "a child is OOM-killed, then it ends with 0", shell("deed eat 64; exit 0"), "EXITED",
         resources=SMALL, says=("exit code 0", CHILD), never=(NO_OOM[0], NO_OOM[2], *NO_USER), confidence=("strong", "proven")),
    Case("child-exit-137", "a child is OOM-killed, and it gives the shell's number for that", shell("deed eat 64; exit $?"),
         "EXITED", resources=SMALL, says=("exit code 137", CHILD), never=(NO_OOM[0], NO_OOM[2], *NO_USER),
         confidence=("strong", "proven"), exit_code_lies=True),
]

SECOND = [
    Case("child-kill-15", "a child is OOM-killed, and an operator sends SIGTERM", shell("deed eat 64; while :; do sleep 0.1; done"),
         "KILLED_BY_USER", resources=SMALL, deed="{await_kill}; kill -15 {pid}; sleep 1",
         says=("SIGTERM", "sent by pid", CHILD), never=(NO_OOM[0], NO_OOM[2])),
    Case("child-kill-9", "a child is OOM-killed, and an operator kills it at once", shell("deed eat 64; while :; do sleep 0.1; done"),
         "KILLED_BY_USER", resources=SMALL, deed="{await_kill}; kill -9 {pid}; sleep 1",
         says=("SIGKILL", "sent by pid", CHILD), never=(NO_OOM[0], NO_OOM[2])),
    own("oom-swap", "its own limit, and that of its swap", deed("eat", "96"),
        resources="{memory: {max: 32MiB, swap.max: 8MiB}}", says=("its swap was used up as well",)),
    own("oom-tmpfs", "its own limit, most of it tmpfs", shell("deed fill /data/big 26; exec deed eat 64"),
        extra="mounts: [{source: /run/matrix/data, destination: /data}]\n",
        says=("Raising this limit will not help", "tmpfs")),
    own("oom-left-over", "its own limit, most of it left by a process that was moved away", gated("eat", "64"),
        deed="(echo 0 > {payload}/cgroup.procs; exec {deed} eat 20) > {tmp}/left-over & left=$!; "
             "until grep -q fed {tmp}/left-over; do sleep 0.2; done; "
             "mkdir -p /sys/fs/cgroup/elsewhere; echo $left > /sys/fs/cgroup/elsewhere/cgroup.procs; touch {gate}; "
             "while kill -0 {pid}; do sleep 0.2; done; sleep 2; kill -9 $left",
        says=("will not help for long", "moved away")),
    Case("again", "OOM-killed and started again, it ends with 5",
         shell("[ -e /tmp/again.ran ] && exit 5; touch /tmp/again.ran; exec deed eat 64"), "EXITED", resources=SMALL,
         extra="restart: {policy: on-failure, backoff: 300ms, maxRestarts: 1}\n", incarnation=2,
         says=("exit code 5",), never=(*NO_OOM, *NO_USER)),
    above("oom-above-group", "memory.oom.group of the cgroup above it: a neighbour takes it along, and who watched it", deed("stay"),
          LIMIT_SCOPE + "echo 1 > {scope}/memory.oom.group; mkdir {scope}/neighbour; "
          "(echo 0 > {scope}/neighbour/cgroup.procs; exec {deed} eat 96 >/dev/null 2>&1 </dev/null) & ",
          confidence=("likely",), says=("memory.oom.group", "ended without recording an exit status")),
]

THIRD = [
    Case("oom-nested", "the limit of a cgroup that was made below its own", gated("eat", "64"), "OOM_NESTED_LIMIT",
         deed="mkdir {payload}/inner; for p in $(cat {payload}/cgroup.procs); do echo $p > {payload}/inner/cgroup.procs; done; "
              "echo +memory > {payload}/cgroup.subtree_control; echo 0 > {payload}/inner/memory.swap.max; "
              "echo 24M > {payload}/inner/memory.max; touch {gate}",
         limit=("{payload}/inner", "memory.max"), says=("inner",), never=(*NO_USER, *NOT_OWN)),
    own("oom-init", "its own limit, and the victim is PID 1 of its pid namespace", gated("eat", "64"),
        deed="echo -900 > /proc/{pid}/oom_score_adj; echo 1000 > /proc/{init}/oom_score_adj; touch {gate}", subject="main", confidence=("likely", "strong", "proven"),
        says=("PID 1",)),
    Case("meanwhile-137", "ends with 137 by itself, while another is OOM-killed", gated("exit", "137"), "EXITED",
         says=("exit code 137",), never=(*NO_OOM, *NO_USER), deed=OPEN, exit_code_lies=True),
    own("oom-meanwhile", "its own limit, while another ends with 137", deed("eat", "64")),
]

LOWER = "until [ $(cat {payload}/memory.current) -ge 20000000 ]; do sleep 0.2; done; %secho 8M > {payload}/memory.max; "
NO_SWAP = "{memory: {swap.max: 0}}"

FOURTH = [
    own("oom-lowered", "its memory.max is set below what it has", deed("eat", "24"), resources=NO_SWAP, deed=LOWER % ""),
    own("oom-frozen", "the same while it is frozen", deed("eat", "24"), resources=NO_SWAP,
        deed=LOWER % "echo 1 > {payload}/cgroup.freeze; " + "sleep 1; echo 0 > {payload}/cgroup.freeze"),
    own("oom-stopped", "the same while it is stopped by SIGSTOP", deed("eat", "24"), resources=NO_SWAP,
        deed=LOWER % "kill -STOP {pid}; "),
    own("oom-thread", "its own limit, which another thread than the first one reaches", deed("threaded", "eat", "64")),
    own("oom-pid1", "its own limit, and it is PID 1 of its pid namespace", deed("eat", "64"), extra="init: false\n"),
    own("oom-at-once", "its own limit is less than it needs to begin", deed("eat", "64"),
        resources="{memory: {max: 2MiB, swap.max: 0}}", confidence=("likely", "strong", "proven")),
]

# Each alone: who else would be hit is up to the kernel.
MANUAL = [
    Case("sysrq", "sysrq-f", deed("adj", "1000", "eat", "8"), "OOM_MANUAL",
         deed="sleep 1; echo f > /proc/sysrq-trigger; sleep 1", says=("sysrq-f",), never=(*NO_USER, *NOT_OWN, "was out of memory,")),
]
GLOBAL = [
    Case("global", "the machine is out of memory", deed("adj", "1000", "eat", "8000"), "OOM_GLOBAL",
         says=("whole machine",), never=(*NO_USER, *NOT_OWN, "sysrq-f)")),
]
