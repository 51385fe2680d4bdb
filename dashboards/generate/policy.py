"""Policy: loads, writes, drift, what is only planned, and the limits that came of it all."""

import frame
import queries as q
from panels import Panel, events, stat, table

FILE = "cgwarden-policy.json"
RELOADS = "cgwarden_agent_policy_reloads_total"
WRITES = "cgwarden_agent_policy_writes_total"
PENDING = "cgwarden_agent_policy_pending_writes"
FOUND = "cgwarden_agent_policy_drift_found_total"
REPAIRED = "cgwarden_agent_policy_drift_repaired_total"
LIMITS = (
    ("cpu.max", "cgwarden_cgroup_cpu_max_cores", "short"),
    ("cpu.weight", "cgwarden_cgroup_cpu_weight", "short"),
    ("memory.low", "cgwarden_cgroup_memory_low_bytes", "bytes"),
    ("memory.high", "cgwarden_cgroup_memory_high_bytes", "bytes"),
    ("memory.max", "cgwarden_cgroup_memory_max_bytes", "bytes"),
    ("pids.max", "cgwarden_cgroup_pids_max", "short"),
)


def total(metric, result):
    selector = f'{q.TARGET}, result="{result}"'
    return f"sum({q.increase(metric, selector)})"


def pending(state):
    selector = f'{q.TARGET}, state="{state}"'
    return f"sum({q.select(PENDING, selector)})"


def glance():
    loaded = q.select("cgwarden_agent_policy_last_reload_successful", q.TARGET)
    return [
        stat(
            "Last load",
            "Whether all agents accepted the policy directory as it is now.",
            "none",
            f"min({loaded})",
            "alerts.md#agentpolicyrejected",
            ((0, "refused", "red"), (1, "accepted", "green")),
        ),
        stat(
            "Failed writes",
            "Writes that the kernel refused, or that read back as something else, lately.",
            "short",
            total(WRITES, "failure"),
            "alerts.md#agentpolicyrejected",
        ),
        stat(
            "Writes",
            "Control files written lately; 0 is the normal state: everything is as the policies say.",
            "short",
            total(WRITES, "success"),
            "policy-reference.md",
        ),
        stat(
            "Drifted",
            "Control files that somebody else changed lately, away from their policy.",
            "short",
            f"sum({q.increase(FOUND, q.TARGET)})",
            "alerts.md#policydrift",
        ),
        *[
            stat(title, description, "short", pending(state), docs)
            for state, title, description, docs in (
                (
                    "planned",
                    "Planned",
                    "What policies of mode plan would write; `cgwarden policy plan` lists it.",
                    "policy-reference.md",
                ),
                (
                    "skipped",
                    "Skipped",
                    "What policies want and the agent does not write, for a reason that its log tells.",
                    "policy-reference.md",
                ),
            )
        ],
        *[
            stat(
                f"With {name}",
                f"Cgroups that have {name}, from a policy or from somebody else.",
                "none",
                f"count({q.select(metric, q.CGROUP)})",
                "policy-reference.md#resources",
            )
            for name, metric, _ in LIMITS
        ],
    ]


def history():
    return [
        Panel(
            "Loads of the policy directory",
            "By result; a refused load leaves the policies before it in force.",
            "short",
            ((q.by(("result",), q.increase(RELOADS, q.TARGET)), "{{instance}} {{result}}"),),
            "alerts.md#agentpolicyrejected",
        ),
        Panel(
            "Writes to control files",
            "By result. The agent compares before it writes, so every write is a change.",
            "short",
            ((q.by(("result",), q.increase(WRITES, q.TARGET)), "{{instance}} {{result}}"),),
            "policy-reference.md",
        ),
        Panel(
            "Drift",
            "Control files that had the value of their policy and were changed by somebody else: how many were"
            " found, and how many repaired. Steady drift is a fight: find out who writes.",
            "short",
            (
                (q.by((), q.increase(FOUND, q.TARGET)), "{{instance}} found"),
                (q.by((), q.increase(REPAIRED, q.TARGET)), "{{instance}} repaired"),
            ),
            "alerts.md#policydrift",
        ),
        Panel(
            "Not as the policies want it",
            "Control files after the last tick: planned (only a policy of mode plan wants it), failed (the kernel"
            " refused it), skipped (not the agent's to write, or its controller is off).",
            "short",
            ((q.by(("state",), q.select(PENDING, q.TARGET)), "{{instance}} {{state}}"),),
            "alerts.md#policywritefailed",
        ),
        events(
            "Pressure triggers that fired",
            "PSI triggers of policies (watch.pressure), at most once per window each; `cgwarden events` names"
            " the cgroup.",
            q.by(
                ("resource", "kind"), q.increase("cgwarden_agent_pressure_fired_total", q.TARGET)
            ),
            "{{instance}} {{resource}} {{kind}}",
            "policy-reference.md",
        ),
        Panel(
            "Cgroups and armed triggers",
            "Cgroups read in the last tick, new ones are given their limits within a tick; and PSI triggers that"
            " are armed.",
            "short",
            (
                (q.select("cgwarden_agent_cgroups", q.TARGET), "{{instance}} cgroups"),
                (q.select("cgwarden_agent_pressure_triggers", q.TARGET), "{{instance}} triggers"),
            ),
            "metrics.md#the-agent",
        ),
    ]


def in_force():
    return table(
        "Limits in force",
        "What the kernel has now. `cgwarden policy plan` shows what the policies would change, and"
        " `cgwarden policy explain CGROUP` which policy a limit comes from.",
        tuple((q.by(("cgroup",), q.select(metric)), f"{name}|{unit}") for name, metric, unit in LIMITS),
        "policy-reference.md#resources",
    )


def dashboard():
    rows = [
        ("At a glance", glance()),
        ("Loads, writes, drift and plan", history()),
        ("What came of the plan", [in_force()]),
    ]
    return frame.dashboard(
        "cgwarden-policy",
        "Policy",
        "Loads of policies, writes to control files, drift, what is planned, and the limits in force.",
        rows,
        [frame.cgroup_variable()],
    )
