"""Evidence that is forged, lost, cut or hard to read."""

import shlex

from matrix.case import NO_OOM, NO_USER, OPEN, SMALL, Case, deed, gated, shell
from matrix.memory import NOT_OWN, own


# The kernel writes 10 dumps in 5 s.
def storm(count):
    return f"i=0; while [ $i -lt {count} ]; do deed eat 64; i=$((i+1)); done; "


CHILD = "was at work in this cgroup"
NOT_KILLED = (NO_OOM[0], NO_OOM[2])

STORMS = [
    own("storm-oom", "25 children are OOM-killed in a row, then it itself: most of it has no dump in the log",
        shell(storm(25) + "exec deed eat 64")),
    Case("storm-exit", "12 children are OOM-killed in a row, then it ends with 7", shell(storm(12) + "exit 7"), "EXITED",
         ("strong", "proven"), resources=SMALL, says=("exit code 7", CHILD), never=(*NOT_KILLED, *NO_USER)),
    Case("storm-kill", "12 children are OOM-killed in a row, then an operator kills it",
         shell(storm(12) + "touch /tmp/storm-kill.over; while :; do sleep 0.1; done"), "KILLED_BY_USER", resources=SMALL,
         deed="until [ -e {tmp}/storm-kill.over ]; do sleep 0.2; done; kill -9 {pid}; sleep 1",
         says=("SIGKILL", "sent by pid", CHILD), never=NOT_KILLED),
    own("storm-bystander", "its own limit, while others are killed by the dozen: its dump is not in the log", gated("eat", "64"),
        deed="until [ $(sed -n 's/^oom_kill //p' {workloads}/storm-oom.scope/payload/memory.events) -ge 12 ]; do sleep 0.1; done; " + OPEN),
    own("storm-group", "memory.oom.group, while others are killed by the dozen", shell("deed eat 4 & deed after GATE eat 64 & wait; sleep 1000"),
        resources="{memory: {max: 32MiB, swap.max: 0, oom.group: true}}", subject="cgroup", says=("memory.oom.group",),
        confidence=("likely", "strong", "proven"),
        deed="until [ $(sed -n 's/^oom_kill //p' {workloads}/storm-oom.scope/payload/memory.events) -ge 12 ]; do sleep 0.1; done; " + OPEN),
]

# What the kernel writes, word for word: only the facility tells.
FORGE = (
    "at={payload}; at=${{at#/sys/fs/cgroup}}; "
    "echo '<4>deed invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0' > /dev/kmsg; "
    "echo '<6>memory: usage 32768kB, limit 32768kB, failcnt 22' > /dev/kmsg; "
    'echo "<6>oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=payload,mems_allowed=0,oom_memcg=$at,'
    'task_memcg=$at,task=deed,pid={pid},uid=0" > /dev/kmsg; '
    'echo "<3>Memory cgroup out of memory: Killed process {pid} (deed) total-vm:103524kB, anon-rss:32448kB, '
    'file-rss:4kB, shmem-rss:688kB, UID:0 pgtables:104kB oom_score_adj:0" > /dev/kmsg; '
)
INNER = (
    "mkdir -p {payload}/%s; for p in $(cat {payload}/cgroup.procs); do echo $p > {payload}/%s/cgroup.procs; done; "
    "at={payload}; for part in %s; do echo +memory > $at/cgroup.subtree_control; at=$at/$part; done; "
    "echo 0 > $at/memory.swap.max; echo 24M > $at/memory.max; touch {gate}"
)


def nested(name, story, parts, **more):
    path = "/".join(parts)
    quoted = shlex.quote(path).replace("{", "{{").replace("}", "}}")
    more.setdefault("limit", ("{payload}/" + path, "memory.max"))
    more.setdefault("never", (*NO_USER, *NOT_OWN))
    return Case(name, story, gated("eat", "64"), "OOM_NESTED_LIMIT", deed=INNER % (quoted, quoted, " ".join(map(shlex.quote, parts))), **more)


# Over 1 KiB, and of what it writes in one piece the log has no more than that.
LONG = tuple(f"{level}-" + "long-name-" * 22 for level in range(5))

FORGED = [
    Case("forged-exit", "a forged record of its OOM kill, and it ends with 137", gated("exit", "137"), "EXITED",
         deed=FORGE + OPEN, says=("exit code 137",), never=(*NO_OOM, *NO_USER), exit_code_lies=True),
    Case("forged-kill", "a forged record of its OOM kill, and an operator kills it", deed("stay"), "KILLED_BY_USER",
         deed=FORGE + "kill -9 {pid}; sleep 1", says=("SIGKILL", "sent by pid"), never=NO_OOM),
    own("forged-limit", "forged records of another limit about its real OOM kill", gated("eat", "64"),
        deed=FORGE.replace("oom_memcg=$at", "oom_memcg=/") + OPEN + "; " + FORGE.replace("CONSTRAINT_MEMCG", "CONSTRAINT_NONE")),
    Case("forged-crash", "a forged record of its OOM kill, and it crashes", gated("segv"), "SEGFAULT", deed=FORGE + OPEN,
         never=(*NO_OOM, *NO_USER)),
]

NAMES = [
    own("name-pid", "its name is ,pid=1,uid=0", deed("named", ",pid=1,uid=0", "eat", "64"), says=("`,pid=1,uid=0`",)),
    own("name-vm", "its name looks like the end of a name", deed("named", "a) total-vm:1", "eat", "64"),
        says=("`a) total-vm:1`",)),
    own("name-line", "its name has a line feed in it", deed("named", "a\nKilled proc", "eat", "64"), never=(*NO_USER, "`a\n")),
    own("name-killed", "its name is the beginning of a kernel's sentence", deed("named", "Killed process ", "eat", "64")),
    own("name-bytes", "its name is not text, and would clear the screen",
        shell("exec deed named \"$(printf '\\377\\033[2J')\" eat 64"), never=(*NO_USER, "\x1b[2J")),
    nested("cgroup-pid", "its cgroup's name holds ,task_memcg=/x,task=y,pid=1", ("a,task_memcg=,task=y,pid=1",)),
    nested("cgroup-escape", "its cgroup's name holds what looks like an escape", ("b\\x0aKilled process 1",)),
    nested("cgroup-long", "its cgroup's path is over 1 KiB", LONG, limit=None,
           says=("a cgroup below {payload}",), never=(*NO_USER, *NOT_OWN, "Limit  ")),
]

# The agent stands still meanwhile, and the log has gone over what it had to read.
FLOODED = [
    own("flood-oom", "its own limit, and the kernel log is overwritten before it is read", gated("eat", "64"),
        deed=OPEN, confidence=("likely", "strong"), says=("overwritten before they were read",)),
    Case("flood-kill", "an operator kills it, and the kernel log is overwritten", deed("stay"), "KILLED_BY_USER",
         ("likely", "strong"), deed="kill -9 {pid}; sleep 1", says=("SIGKILL", "overwritten before they were read"), never=NO_OOM),
    Case("flood-exit", "ends with 137 by itself, and the kernel log is overwritten", gated("exit", "137"), "EXITED",
         ("strong", "proven", "likely"), deed=OPEN, says=("exit code 137",), never=(*NO_OOM, *NO_USER), exit_code_lies=True),
]

# No agent runs meanwhile: it was killed.
OUTAGE = [
    own("alone-oom", "its own limit, while the agent is dead", gated("eat", "64"), deed=OPEN),
    Case("alone-kill", "an operator kills it, while the agent is dead", deed("stay"), "KILLED_BY_USER", ("likely", "strong"),
         deed="kill -9 {pid}; sleep 1", says=("SIGKILL",), never=NO_OOM),
    Case("alone-exit", "ends with 137 by itself, while the agent is dead", gated("exit", "137"), "EXITED",
         deed=OPEN, says=("exit code 137",), never=(*NO_OOM, *NO_USER), exit_code_lies=True),
    Case("alone-child", "a child is OOM-killed, and an operator kills it at once, while the agent is dead",
         shell("deed after GATE eat 64; while :; do sleep 0.1; done"), "KILLED_BY_USER", ("likely", "strong"), resources=SMALL,
         deed=OPEN + "; {await_kill}; kill -9 {pid}; sleep 1", says=("SIGKILL", CHILD), never=NOT_KILLED),
]


# It hangs meanwhile, and is killed before it has looked: nothing that it saw before is left.
CRASH = [
    own("crash-oom", "its own limit, while the agent hangs, which is then killed", gated("eat", "64"), deed=OPEN),
    Case("crash-kill", "an operator kills it, while the agent hangs, which is then killed", deed("stay"), "KILLED_BY_USER",
         ("likely", "strong"), deed="kill -9 {pid}; sleep 1", says=("SIGKILL",), never=NO_OOM),
    Case("crash-segv", "it crashes, while the agent hangs, which is then killed", gated("segv"), "SEGFAULT",
         ("likely", "strong"), deed=OPEN, never=(*NO_OOM, *NO_USER)),
]


def unit(name, story, command, expected, confidence=("proven",), *, limits=(("memory.max", "32M"), ("memory.swap.max", "0")), file="",
         within="", **more):
    if file:
        more["limit"] = ("{payload}", file)
    return Case(name, story, command, expected, confidence, foreign="/".join(filter(None, ("/system.slice", within, f"{name}.service"))),
                limits=limits, **more)


FOREIGN = [
    unit("others-oom", "a unit at its own limit", gated("eat", "64"), "OOM_OWN_LIMIT", file="memory.max", deed=OPEN,
         never=NO_USER),
    unit("others-kill", "an operator kills a unit", deed("stay"), "KILLED_BY_USER", deed="kill -9 {pid}; sleep 1",
         says=("SIGKILL", "sent by pid"), never=NO_OOM),
    unit("others-segv", "a unit crashes", gated("segv"), "SEGFAULT", deed=OPEN, never=(*NO_OOM, *NO_USER)),
    unit("others-child", "a child of a unit is OOM-killed, and it ends with 7",
         shell("deed after GATE eat 64; sleep 1; exit 7"), "EXITED", ("strong", "proven"), deed=OPEN,
         says=("exit code 7", CHILD), never=(*NOT_KILLED, *NO_USER)),
    unit("others\\x2cpid\\x3d1", "a unit with escapes in its name, at its own limit", gated("eat", "64"), "OOM_OWN_LIMIT",
         file="memory.max", deed=OPEN, never=NO_USER),
    unit("others-137", "a unit ends with 137 by itself", gated("exit", "137"), "EXITED", deed=OPEN, says=("exit code 137",),
         never=(*NO_OOM, *NO_USER), exit_code_lies=True),
    unit("others-above", "a unit at the limit of the slice above it", gated("eat", "64"), "OOM_ANCESTOR_LIMIT", limits=(),
         within="pool.slice", limit=("/system.slice/pool.slice", "memory.max"), says=("/system.slice/pool.slice above it",),
         never=(*NO_USER, *NOT_OWN),
         deed="echo 0 > {payload}/../memory.swap.max; echo 32M > {payload}/../memory.max; " + OPEN),
    unit("others-lives", "a child of a unit is OOM-killed, and it lives on", shell("deed after GATE eat 64; sleep 1000; :"), "OOM_CHILD",
         deed=OPEN, lives=True, subject="child", says=("lives on",), never=(*NOT_KILLED, *NO_USER)),
    unit("others-forks", "a unit at its own pids.max", gated("fork", "12"), "PIDS_LIMIT", limits=(("pids.max", "6"),), file="pids.max",
         deed=OPEN, lives=True, subject="cgroup", says=("pids.max = 6",), never=NO_OOM),
    unit("others-forks-above", "a unit at the pids.max of the slice above it", gated("fork", "12"), "PIDS_LIMIT", ("strong", "proven"),
         limits=(), within="crowd.slice", limit=("/system.slice/crowd.slice", "pids.max"), lives=True, subject="cgroup",
         says=("could not fork: /system.slice/crowd.slice above it",), never=NO_OOM,
         deed="echo 6 > {payload}/../pids.max; " + OPEN),
    unit("others-parent", "a unit's parent dies, at which it asked for SIGKILL", deed("orphan", "GATE"), "KILLED_BY_USER",
         ("likely",), deed=OPEN, says=("PR_SET_PDEATHSIG",), never=NO_OOM),
    unit("others-terminal", "Ctrl-C on the terminal of a unit", deed("terminal", "GATE"), "KILLED_BY_USER", ("strong",), deed=OPEN,
         says=("SIGINT", "Ctrl-C"), never=(*NO_OOM, "not recorded")),
    unit("others-leaderless", "a unit's first thread ends, and later the process with 7", deed("leaderless", "after", "GATE", "exit", "7"),
         "EXITED", deed=OPEN, says=("exit code 7",), never=(*NO_OOM, *NO_USER)),
    unit("others-leaderless-kill", "a unit's first thread ends, and later an operator kills it", deed("leaderless", "stay"),
         "KILLED_BY_USER", deed="sleep 1; kill -9 {pid}; sleep 1", says=("SIGKILL", "sent by pid"), never=NO_OOM),
    unit("others-gone", "a unit at its own limit, whose cgroup is removed at once", gated("eat", "64"), "OOM_OWN_LIMIT",
         ("likely", "strong", "proven"), file="memory.max", never=NO_USER,
         deed=OPEN + "; until rmdir {payload}; do :; done 2>/dev/null"),
    unit("others-killed-gone", "an operator kills a unit, whose cgroup is removed at once", deed("stay"), "KILLED_BY_USER",
         ("strong", "proven"), deed="kill -9 {pid}; until rmdir {payload}; do :; done 2>/dev/null; sleep 1",
         says=("SIGKILL",), never=NO_OOM),
]
