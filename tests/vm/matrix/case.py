"""One scenario: what is run, what is done to it, and what must and must not be said of it."""

import dataclasses

DEED = "/bin/deed"


@dataclasses.dataclass(frozen=True)
class Case:
    """`command` and `deed` know the file whose making lets `deed after GATE` go on: as GATE inside, as {gate} outside."""

    name: str
    story: str
    command: tuple[str, ...]
    expected: str
    # Each of them is right: where what the log holds of it is up to the kernel's rate limit.
    confidence: tuple[str, ...] = ("proven",)
    resources: str = ""
    extra: str = ""
    # Shell, once it runs: {pid} {init} {payload} {scope} {gate} {name}; {workloads}: where the scopes of all are.
    deed: str = ""
    subject: str = "main"
    # (cgroup, file): {payload} and {scope} are those of the workload.
    limit: tuple[str, str] | None = None
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    # The answer is about one that lives.
    lives: bool = False
    incarnation: int = 1
    # Its cgroup is not the agent's, but a unit's: `command` runs in it.
    foreign: str = ""
    limits: tuple[tuple[str, str], ...] = ()
    # It runs in a cgroup of this name below that.
    within: str = ""
    # It writes to the kernel log as long as it lives.
    floods: bool = False
    # The main process ends itself with the number which a shell gives for a signal.
    exit_code_lies: bool = False


def deed(*words):
    return (DEED, *words)


def gated(*words):
    return (DEED, "after", "GATE", *words)


def shell(script):
    return ("/bin/sh", "-c", script)


OPEN = "touch {gate}"
NO_OOM = ("was killed by the kernel's OOM killer", "OOM killer was at work", "own limit memory.max")
NO_USER = (", sent by pid", "in user space", "wrote to cgroup.kill")
SMALL = "{memory: {max: 32MiB, swap.max: 0}}"
