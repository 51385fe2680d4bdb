"""Deaths and stalls that are told in another way than they look: moved processes, groups, odd signals, containers."""

import hashlib

from matrix.case import NO_OOM, NO_USER, OPEN, SMALL, Case, deed, gated, shell
from matrix.ends import ended, fault, killed
from matrix.hostile import CHILD, NOT_KILLED, unit
from matrix.memory import LIMIT_SCOPE, NEIGHBOUR, NOT_OWN, above, own
from matrix.stalls import DEATH, stall

NEVER = (*NO_OOM, *NO_USER)


def other(name, limit="24M"):
    """A cgroup of somebody else, with a limit."""
    return (f"mkdir -p /sys/fs/cgroup/{name} && echo 0 > /sys/fs/cgroup/{name}/memory.swap.max && "
            f"echo {limit} > /sys/fs/cgroup/{name}/memory.max; ")


def moved(name, story, command, expected, how, **more):
    place = f"elsewhere-{name}"
    return Case(f"moved-{name}", f"its main process was moved to another cgroup: {story}", command, expected,
                deed=f"{other(place)}echo {{pid}} > /sys/fs/cgroup/{place}/cgroup.procs; {how}", **more)


MOVED = [
    moved("oom", "it reaches the limit there", gated("eat", "64"), "OOM_ANCESTOR_LIMIT", OPEN, confidence=("strong",),
          limit=("/elsewhere-oom", "memory.max"), says=("moved to /elsewhere-oom",),
          never=(*NO_USER, *NOT_OWN, "RLIMIT", "by itself")),
    moved("neighbour", "another one reaches the limit there", deed("adj", "900", "after", "GATE", "eat", "8"), "OOM_ANCESTOR_LIMIT",
          OPEN + "; until [ $(cat /sys/fs/cgroup/elsewhere-neighbour/memory.current) -ge 8000000 ]; do sleep 0.2; done; (echo 0 > /sys/fs/cgroup/elsewhere-neighbour/cgroup.procs; exec {deed} adj -1000 eat 20 >/dev/null 2>&1) & "
          "while kill -0 {pid} 2>/dev/null; do sleep 0.2; done; echo 1 > /sys/fs/cgroup/elsewhere-neighbour/cgroup.kill",
          confidence=("strong",), limit=("/elsewhere-neighbour", "memory.max"), never=(*NO_USER, *NOT_OWN, "RLIMIT")),
    moved("kill", "an operator kills it there", deed("stay"), "KILLED_BY_USER", "kill -9 {pid}; sleep 1", says=("sent by pid",),
          never=NO_OOM),
    moved("exit", "it ends with 137 there, where another was OOM-killed", gated("exit", "137"), "EXITED",
          "(echo 0 > /sys/fs/cgroup/elsewhere-exit/cgroup.procs; exec {deed} eat 64 >/dev/null 2>&1); " + OPEN,
          says=("exit code 137",), never=NEVER, exit_code_lies=True),
    moved("segv", "it crashes there", gated("segv"), "SEGFAULT", OPEN, never=NEVER),
]

# Shell of a workload: some of it goes into a cgroup below its own, its main process stays.
INSIDE = ("until [ $(wc -l < {payload}/cgroup.procs) -ge 4 ]; do sleep 0.1; done; mkdir {payload}/inner; for p in $(cat {payload}/cgroup.procs); do "
          "[ $p = {pid} ] || [ $p = {init} ] || echo $p > {payload}/inner/cgroup.procs; done; ")
LIMIT_INNER = ("until echo +memory > {payload}/cgroup.subtree_control; do "
               "for p in $(cat {payload}/cgroup.procs); do echo $p > {payload}/rest/cgroup.procs; done; done 2>/dev/null; echo 0 > {payload}/inner/memory.swap.max; "
               "echo 24M > {payload}/inner/memory.max; ")
INNER_GROUP = "mkdir {payload}/rest; " + INSIDE + LIMIT_INNER + "echo 1 > {payload}/inner/memory.oom.group; touch {gate}; "
TWO_CHILDREN = "deed stay & deed after GATE eat 64 & "

GROUPS = [
    stall("group-inner-lives", "memory.oom.group of a cgroup below its own takes two children, and it lives on",
          shell(TWO_CHILDREN + "wait; sleep 1000; :"), "OOM_CHILD", deed=INNER_GROUP, subject="child", says=("lives on",), never=(DEATH,)),
    ended("group-inner-exit", "memory.oom.group of a cgroup below its own takes two children, and it ends with 3",
          shell(TWO_CHILDREN + "wait; exit 3"), 3, deed=INNER_GROUP, confidence=("strong", "proven"), says=(CHILD,),
          never=(*NOT_KILLED, *NO_USER)),
    killed("group-inner-kill", "memory.oom.group of a cgroup below its own takes two children, and an operator kills it",
           INNER_GROUP + "until [ $(sed -n 's/^oom_kill //p' {payload}/memory.events) -ge 2 ]; do sleep 0.1; done; kill -9 {pid}; sleep 1",
           command=shell(TWO_CHILDREN + "while :; do sleep 0.1; done"), says=("sent by pid", CHILD), never=NOT_KILLED),
    above("group-above", "its own memory.oom.group, at the limit of the cgroup above it",
          shell("deed stay & deed after GATE eat 64 & wait; sleep 1000"), LIMIT_SCOPE + "echo 1 > {payload}/memory.oom.group; " + OPEN,
          subject="cgroup", says=("memory.oom.group",), confidence=("likely", "strong", "proven")),
    Case("group-nested", "it is in a cgroup below its own, with memory.oom.group and a limit", gated("eat", "64"), "OOM_NESTED_LIMIT",
         deed="mkdir {payload}/inner; for p in $(cat {payload}/cgroup.procs); do echo $p > {payload}/inner/cgroup.procs; done; "
              "echo +memory > {payload}/cgroup.subtree_control; echo 0 > {payload}/inner/memory.swap.max; "
              "echo 1 > {payload}/inner/memory.oom.group; echo 24M > {payload}/inner/memory.max; touch {gate}",
         limit=("{payload}/inner", "memory.max"), confidence=("likely", "strong", "proven"), subject="cgroup", never=(*NO_USER, *NOT_OWN)),
    own("group-own-inner", "its own limit, reached in a cgroup below its own", gated("eat", "64"),
        deed="mkdir {payload}/inner; for p in $(cat {payload}/cgroup.procs); do echo $p > {payload}/inner/cgroup.procs; done; "
             "echo +memory > {payload}/cgroup.subtree_control; " + OPEN, never=(*NO_USER, "set on")),
]

SIGNALS = [
    killed("kill-as", "kill -9 by the process of another user", "{deed} as 1000 send 9 {pid}; sleep 1",
           command=deed("as", "1000", "stay"), says=("sent by pid", "uid 1000")),
    killed("kill-code", "SIGKILL with a code of the sender's own", "{deed} queue 9 -60 {pid}", says=("sent by pid",)),
    killed("kill-queued", "SIGTERM by sigqueue", "{deed} queue 15 -1 {pid}", says=("SIGTERM", "sent by pid")),
    killed("kill-thread", "SIGKILL to a thread of it", "{deed} tkill 9 {pid}", command=deed("threaded", "stay"), says=("SIGKILL",),
           confidence=("likely", "strong", "proven")),
    killed("kill-tracer", "who traces it ends, and takes it along", "{deed} guard {pid}; sleep 1", says=("PTRACE_O_EXITKILL", "deed"),
           confidence=("strong", "likely"), never=(*NO_OOM, "RLIMIT", "not recorded")),
    killed("kill-scope", "1 written to the cgroup.kill of the cgroup above it", "echo 1 > {scope}/cgroup.kill; sleep 1",
           "KILLED_BY_CGROUP_KILL", subject="cgroup", says=("cgroup.kill",), confidence=("strong",)),
    ended("kill-a-child", "an operator kills its child, and it ends with 3", shell("deed stay & wait; exit 3"), 3,
          deed="for p in $(cat {payload}/cgroup.procs); do [ $(cat /proc/$p/comm) = deed ] && kill -9 $p; done; sleep 1"),
    Case("raise-sys", "it sends itself SIGSYS", deed("raise", "31"), "KILLED_BY_USER", says=("SIGSYS by itself",),
         never=(*NO_OOM, "seccomp")),
    Case("raise-segv", "it sends itself SIGSEGV", shell("kill -11 $$"), "SEGFAULT", ("likely",), says=("sent to itself",),
         never=(*NO_OOM, "touched memory")),
    fault("overflow", "SEGFAULT"),
    Case("beyond", "a mapped file that its file system has no room for", deed("beyond", "/tiny/mapped", "4"), "BUS_ERROR", ("strong",),
         extra="mounts: [{source: /run/matrix/tiny, destination: /tiny}]\n", says=("could not be filled",), never=NEVER),
    Case("core", "it crashes and leaves a core dump", shell("cd /tmp; ulimit -c unlimited; exec deed segv"), "SEGFAULT",
         says=("wrote a core dump",), never=NEVER),
    Case("alarm", "a timer that it does not handle", deed("alarm"), "KILLED_BY_USER", ("likely",), says=("SIGALRM", "timer"), never=NEVER),
    Case("timer", "a timer that sends SIGTERM", deed("timer", "15"), "KILLED_BY_USER", ("likely", "strong"), says=("SIGTERM", "a timer"),
         never=NEVER),
    Case("rlimit-cpu-soft", "the soft RLIMIT_CPU", shell("ulimit -S -t 1; exec deed spin"), "RLIMIT_EXCEEDED", ("strong",),
         says=("SIGXCPU", "RLIMIT_CPU"), never=NEVER),
    ended("exit-139", "a child crashes, and it gives the shell's number for that", shell("deed segv; exit $?"), 139,
          never=(*NEVER, "crashed"), exit_code_lies=True),
    Case("exec-loop", "a link to itself as its command", ("/tmp/loop",), "EXEC_FAILED", says=("was never started", "/tmp/loop"),
         never=NEVER),
    Case("exec-empty", "an empty file as its command", ("/tmp/empty",), "EXEC_FAILED", says=("was never started", "Exec format error"),
         never=NEVER),
    Case("twin-one", "it and another are killed at once", deed("stay"), "KILLED_BY_USER", says=("sent by pid",), never=NO_OOM,
         deed="sleep 1; kill -9 {pid} $(for p in $(cat {workloads}/twin-two.scope/payload/cgroup.procs); do "
              "[ $(cat /proc/$p/comm) = deed ] && echo $p; done); sleep 1"),
    Case("twin-two", "the other", deed("stay"), "KILLED_BY_USER", says=("sent by pid",), never=NO_OOM),
    Case("again-kill", "OOM-killed and started again, an operator kills it",
         shell("[ -e /tmp/again-kill.ran ] && exec deed stay; touch /tmp/again-kill.ran; exec deed after GATE eat 64"), "KILLED_BY_USER",
         resources=SMALL, extra="restart: {policy: on-failure, backoff: 300ms, maxRestarts: 1}\n", incarnation=2,
         deed=OPEN + "; second=; until [ -n \"$second\" ]; do sleep 0.3; for p in $(cat {payload}/cgroup.procs); do "
              "tr '\\0' ' ' < /proc/$p/cmdline | grep -q '^deed stay' && second=$p; done; done 2>/dev/null; kill -9 $second; sleep 1",
         says=("sent by pid",), never=(*NO_OOM, CHILD)),
]

# It fills the swap of the machine, of which there is 64 MiB.
SWAP = [
    own("oom-full-swap", "its own limit, and the machine's swap is full", deed("eat", "200"), resources="{memory: {max: 32MiB}}"),
]


def container(name, story, command, expected, shape, confidence=("proven",), **more):
    """`shape`: the path of its cgroup, with {id}; nobody has told anything else of it."""
    identifier = hashlib.sha256(name.encode()).hexdigest()
    if "file" in more:
        more["limit"] = ("{payload}", more.pop("file"))
    more.setdefault("limits", (("memory.max", "32M"), ("memory.swap.max", "0")))
    return Case(name, story, command, expected, confidence, foreign=shape.format(id=identifier), **more)


DOCKER = "/system.slice/docker-{id}.scope"
PODMAN = "/machine.slice/libpod-{id}.scope"
POD = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod6a1d1a3e_1f0b_4c1c_9d5e_0d2f7d1c9b11.slice"

CONTAINERS = [
    container("docker-oom", "a container of docker at its own limit", gated("eat", "64"), "OOM_OWN_LIMIT", DOCKER, file="memory.max",
              deed=OPEN, never=NO_USER),
    container("docker-kill", "an operator kills a container of docker", deed("stay"), "KILLED_BY_USER", DOCKER,
              deed="kill -9 {pid}; sleep 1", says=("sent by pid",), never=NO_OOM),
    container("docker-stop", "docker stop of a container that does not end on SIGTERM", deed("deaf"), "TERM_IGNORED", DOCKER,
              deed="kill -15 {pid}; sleep 1; kill -9 {pid}; sleep 1", says=("ignores SIGTERM",), never=NO_OOM),
    container("docker-137", "a container of docker ends with 137 by itself", gated("exit", "137"), "EXITED", DOCKER, deed=OPEN,
              says=("exit code 137",), never=NEVER, exit_code_lies=True),
    container("podman-oom", "a container of podman, in a cgroup below that which has its limit", gated("eat", "64"), "OOM_OWN_LIMIT",
              PODMAN, file="memory.max", within="container", deed=OPEN, never=NO_USER),
    container("podman-kill", "an operator kills a container of podman, in a cgroup below its own", deed("stay"), "KILLED_BY_USER", PODMAN,
              within="container", deed="kill -9 {pid}; sleep 1", says=("sent by pid",), never=NO_OOM),
    container("pod-oom", "a container at the limit of its pod", gated("eat", "64"), "OOM_ANCESTOR_LIMIT", POD + "/cri-containerd-{id}.scope",
              limits=(), limit=(POD, "memory.max"), says=(POD + " above it",), never=(*NO_USER, *NOT_OWN),
              deed="echo 0 > {payload}/../memory.swap.max; echo 32M > {payload}/../memory.max; " + OPEN),
]

TWO_UP = "echo 0 > {payload}/../../memory.swap.max; echo 48M > {payload}/../../memory.max; "

UNITS = [
    unit("deep-oom", "a unit at a limit two levels above it, most of which a neighbour has", gated("eat", "40"), "OOM_ANCESTOR_LIMIT",
         limits=(), within="deep.slice/deep-mid.slice", limit=("/system.slice/deep.slice", "memory.max"),
         says=("/system.slice/deep.slice above it",), never=(*NO_USER, *NOT_OWN, "deep-mid.slice above"),
         deed=TWO_UP + "mkdir {payload}/../../neighbour; (echo 0 > {payload}/../../neighbour/cgroup.procs; "
              "exec {deed} adj -1000 eat 30 >/dev/null 2>&1) & until [ $(cat {payload}/../../memory.current) -ge 31000000 ]; do sleep 0.2; done; "
              + OPEN + "; while kill -0 {pid} 2>/dev/null; do sleep 0.2; done; echo 1 > {payload}/../../neighbour/cgroup.kill"),
    unit("twice", "a unit's second main process is killed, after the first was OOM-killed in the same cgroup", gated("eat", "64"),
         "KILLED_BY_USER", incarnation=2, says=("sent by pid",), never=NO_OOM,
         deed=OPEN + "; while kill -0 {pid} 2>/dev/null; do sleep 0.2; done; sleep 3; "
              "(echo 0 > {payload}/cgroup.procs; exec {deed} stay >/dev/null 2>&1 </dev/null) & second=$!; "
              "sleep 8; kill -9 $second; sleep 1"),
    unit("moved-unit", "a unit's main process was moved to another cgroup, whose limit it reaches", gated("eat", "64"),
         "OOM_ANCESTOR_LIMIT", ("strong",), limits=(), limit=("/elsewhere-unit", "memory.max"), says=("moved to /elsewhere-unit",),
         never=(*NO_USER, *NOT_OWN, "RLIMIT"),
         deed=other("elsewhere-unit") + "echo {pid} > /sys/fs/cgroup/elsewhere-unit/cgroup.procs; " + OPEN),
    unit("cgroup-kill-above", "1 written to the cgroup.kill of the slice above a unit", deed("stay"), "KILLED_BY_CGROUP_KILL",
         ("strong", "proven"),
         within="killed.slice", subject="cgroup", says=("cgroup.kill",), never=NO_OOM,
         deed="echo 1 > {payload}/../cgroup.kill; sleep 1"),
    unit("daemon-segv", "a unit's first process ends with 0, and the one that goes on crashes", deed("background", "after", "GATE", "segv"),
         "SEGFAULT", deed="sleep 12; " + OPEN, never=NEVER),
    unit("strict", "a unit in seccomp's strict mode makes another system call", gated("strict"), "SECCOMP_VIOLATION", deed=OPEN,
         says=("strict mode", "system call 110"), never=NEVER),
    unit("frozen-oom", "a unit at its own limit, which is frozen", gated("eat", "24"), "OOM_OWN_LIMIT", limits=(("memory.swap.max", "0"),),
         file="memory.max", never=NO_USER,
         deed=OPEN + "; until [ $(cat {payload}/memory.current) -ge 20000000 ]; do sleep 0.2; done; echo 1 > {payload}/cgroup.freeze; "
              "sleep 0.5; echo 8M > {payload}/memory.max; sleep 1; echo 0 > {payload}/cgroup.freeze"),
    unit("huge", "a unit at its limit of huge pages", gated("huge", "6"), "BUS_ERROR", ("strong",),
         limits=(("hugetlb.2MB.max", "2M"),), deed="echo 8 > /proc/sys/vm/nr_hugepages; " + OPEN + "; sleep 1; echo 0 > /proc/sys/vm/nr_hugepages",
         says=("could not be filled",), never=NEVER),
]

# It ends every process but PID 1, the agent among them.
TO_ALL = [
    Case("sysrq-e", "sysrq-e: SIGTERM to every process", shell("sleep 1000; :"), "KILLED_BY_USER", ("strong", "proven"), subject="cgroup",
         deed="sleep 1; echo e > /proc/sysrq-trigger", says=("sysrq-e", "every process"), never=(*NO_OOM, "not recorded")),
    ended("sysrq-e-ends", "sysrq-e: SIGTERM to every process, on which it ends with 3", shell("trap 'exit 3' TERM; while :; do sleep 0.1; done"),
          3, says=("sysrq-e",)),
]

# No agent runs meanwhile.
OUTAGE = [
    above("alone-above", "the limit of the cgroup above it, while the agent is dead", gated("eat", "64"), LIMIT_SCOPE + OPEN,
          confidence=("proven", "strong")),
    above("alone-innocent", "the limit above it, which a neighbour reached, while the agent is dead", deed("eat", "24"),
          "sleep 1; " + LIMIT_SCOPE + NEIGHBOUR + "while kill -0 {pid} 2>/dev/null; do sleep 0.2; done", says=("neighbour",),
          confidence=("proven", "strong")),
    moved("alone", "it reaches the limit there, while the agent is dead", gated("eat", "64"), "OOM_ANCESTOR_LIMIT", OPEN,
          confidence=("strong", "likely"), limit=("/elsewhere-alone", "memory.max"), never=(*NO_USER, *NOT_OWN, "RLIMIT")),
    Case("alone-segv", "it crashes, while the agent is dead", gated("segv"), "SEGFAULT", ("likely", "strong"), deed=OPEN, never=NEVER),
    Case("alone-term", "an operator sends SIGTERM, while the agent is dead", shell("while :; do sleep 0.1; done"), "KILLED_BY_USER",
         ("likely", "strong"), deed="kill -15 {pid}; sleep 1", says=("SIGTERM",), never=NO_OOM),
]

# It floods the kernel log.
WEDGE = [
    stall("no-victim-above", "out of memory at the limit above it, and nobody there may be killed", gated("eat", "64"),
          "STALLED_OOM_NO_VICTIM", ("likely", "strong"), limit=("{scope}", "memory.max"), says=("{scope} above it", "found none"),
          never=(DEATH,), floods=True,
          deed=LIMIT_SCOPE + "for p in $(cat {scope}/cgroup.procs {scope}/*/cgroup.procs); do echo -1000 > /proc/$p/oom_score_adj; done; " + OPEN),
]
