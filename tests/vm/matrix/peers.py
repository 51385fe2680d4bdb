"""What other tools would say of the same scenario: their documented rules, in words of our own.

They are given more than they get in practice: the final counters, although their cgroup may be gone when they look, and every
record of the kernel log, although it may be overwritten.
"""

import re

OOM_DEATHS = {"OOM_OWN_LIMIT", "OOM_NESTED_LIMIT", "OOM_ANCESTOR_LIMIT", "OOM_GLOBAL", "OOM_MANUAL"}
# Where the number of the signal, 128 and more in the exit code, is the story.
TOLD_BY_NUMBER = {"SEGFAULT", "ILLEGAL_INSTRUCTION", "ARITHMETIC_FAULT", "BUS_ERROR", "ABORTED", "SECCOMP_VIOLATION", "BROKEN_PIPE"}
RIGHT, WRONG, SILENT = "right", "wrong", "silent"


def at_or_below(path, top):
    return path == top or path.startswith(top + "/")


def judge_flag(case, says_oom):
    """Of a tool that has an OOM flag of the container, beside its exit code."""
    if says_oom:
        return RIGHT if case.expected in OOM_DEATHS or case.expected == "OOM_CHILD" else WRONG
    told = case.expected in TOLD_BY_NUMBER or case.expected == "EXEC_FAILED"
    # An exit code of 137 is the same as a SIGKILL to them.
    if told or (case.expected == "EXITED" and not case.exit_code_lies):
        return RIGHT
    return SILENT


def containerd(case, found):
    """TaskOOM when oom_kill of memory.events, which counts all cgroups below, is not 0."""
    return judge_flag(case, (found.events or {}).get("oom_kill", 0) > 0)


def conmon(case, found):
    """Its `oom` file when oom or oom_kill of memory.events is not 0."""
    events = found.events or {}
    return judge_flag(case, events.get("oom", 0) > 0 or events.get("oom_kill", 0) > 0)


_CONTAINER = re.compile(r"oom-kill:constraint=.*,oom_memcg=(.*),task_memcg=(.*),task=(.*),pid=(\d+),uid=\d+$")
_KILLED = re.compile(r"Killed process (\d+) \((.*)\)")


def kubelet_events(records):
    """(cgroup of the victim, pid): each opens with "invoked oom-killer" and ends with "Killed process"; one without the
    cgroups' line in between is of "/"."""
    events, victim = [], None
    for text in records:
        if victim is None:
            victim = "/" if "invoked oom-killer" in text else None
            continue
        if found := _CONTAINER.search(text):
            victim = found[2]
        elif found := _KILLED.search(text):
            events.append((victim, int(found[1])))
            victim = None
    return events


def kubelet(case, found):
    """An OOM event of the container by the log; "/" is told as an OOM of the system."""
    mine = [(cgroup, pid) for cgroup, pid in found.kubelet_events
            if at_or_below(cgroup, found.cgroup) or (cgroup == "/" and pid in found.pids)]
    if not mine:
        return SILENT
    if case.expected == "OOM_CHILD":
        return RIGHT
    of_main = [cgroup for cgroup, pid in mine if pid == found.main_pid]
    if not of_main:
        return SILENT if case.expected not in OOM_DEATHS else WRONG
    if of_main[0] == "/":
        return RIGHT if case.expected == "OOM_GLOBAL" else WRONG
    return RIGHT if case.expected in OOM_DEATHS else WRONG


def node_problem_detector(case, found):
    """Any line with "Killed process PID", whoever wrote it; the pid is all that says whose it was."""
    if not found.pids & found.killed_pids:
        return SILENT
    if case.expected == "OOM_CHILD":
        return RIGHT
    if found.main_pid not in found.killed_pids:
        return SILENT
    return RIGHT if case.expected in OOM_DEATHS else WRONG


PEERS = {
    "containerd": containerd,
    "conmon": conmon,
    "kubelet, cAdvisor": kubelet,
    "node-problem-detector": node_problem_detector,
}


def killed_pids(records):
    return {int(found[1]) for text in records if (found := _KILLED.search(text))}
