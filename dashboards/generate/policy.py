"""Policy: loads, writes, repairs, and the limits that came of them."""

import frame
import queries as q
from panels import Panel, stat, table

FILE = "cgwarden-policy.json"
RELOADS = "cgwarden_agent_policy_reloads_total"
WRITES = "cgwarden_agent_policy_writes_total"
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
        *[
            stat(
                f"With {name}",
                f"Cgroups that have {name}, from a policy or from somebody else.",
                "none",
                f"count({q.select(metric, q.CGROUP)})",
                "policy-reference.md#resources",
            )
            for name, metric, _ in (LIMITS[0], LIMITS[4], LIMITS[5])
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
            "Drift: writes against what explains them",
            "Writes, loads of policies, and starts of workloads. Writes that neither a load nor a new"
            " cgroup explains are repairs: somebody else changes what the policies set.",
            "short",
            (
                (q.by((), q.increase(WRITES, q.TARGET)), "{{instance}} writes"),
                (q.by((), q.increase(RELOADS, q.TARGET)), "{{instance}} loads"),
                (q.by((), q.increase("cgwarden_workload_starts_total", q.TARGET)), "{{instance}} starts"),
            ),
            "policy-reference.md",
        ),
        Panel(
            "Cgroups",
            "Cgroups read in the last tick: new ones are given their limits within a tick.",
            "short",
            ((q.select("cgwarden_agent_cgroups", q.TARGET), "{{instance}}"),),
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
        ("Loads, writes and drift", history()),
        ("What came of the plan", [in_force()]),
    ]
    return frame.dashboard(
        "cgwarden-policy",
        "Policy",
        "Loads of policies, writes to control files, repairs, and the limits in force.",
        rows,
        [frame.cgroup_variable()],
    )
