"""Throttling: who is held back by cpu.max, how much, and what it does to latency."""

import frame
import queries as q
import shared
from panels import Panel, table

FILE = "cgwarden-throttling.json"
PERIODS = "cgwarden_cgroup_cpu_periods_total"
THROTTLED = "cgwarden_cgroup_cpu_throttled_periods_total"
LOST = "cgwarden_cgroup_cpu_throttled_seconds_total"


def wait_of_a_period():
    return Panel(
        "Wait of a throttled period (p99 hint)",
        "Lost time divided by throttled periods. When more than 1 % of the periods are throttled, the"
        " 99th percentile of short requests holds about this wait on top; summed over CPUs, so it is an"
        " upper bound for programs with many threads.",
        "s",
        ((f"{q.by_cgroup(LOST)} / {q.by_cgroup(THROTTLED)}", "{{cgroup}}"),),
        "runbook.md#throttled",
    )


def share_of_quota():
    return Panel(
        "Share of the quota in use",
        "CPU use divided by the quota of cpu.max. Throttled far below 100 %: bursts, which cpu.max.burst"
        " helps. Throttled near 100 %: the need is at least the quota.",
        "percentunit",
        (
            (
                q.by_cgroup("cgwarden_cgroup_cpu_usage_seconds_total")
                + " / "
                + q.by(("cgroup",), q.select("cgwarden_cgroup_cpu_max_cores")),
                "{{cgroup}}",
            ),
        ),
        "runbook.md#throttled",
    )


def bursts():
    return [
        Panel(
            "Burst use",
            "CPU time per second above the quota, out of what cpu.max.burst had saved.",
            "percentunit",
            ((q.by_cgroup("cgwarden_cgroup_cpu_burst_seconds_total"), "{{cgroup}}"),),
            "runbook.md#throttled",
        ),
        Panel(
            "Share of periods with a burst",
            "Periods that used saved quota. Bursts and no throttling: cpu.max.burst is large enough.",
            "percentunit",
            (
                (
                    q.by_cgroup("cgwarden_cgroup_cpu_bursts_total") + " / " + q.by_cgroup(PERIODS),
                    "{{cgroup}}",
                ),
            ),
            "runbook.md#throttled",
        ),
    ]


def by_whom():
    of_units, of_containers = (f"cgwarden_{kind}_throttled_seconds_total" for kind in ("unit", "container"))
    local = q.by_cgroup("cgwarden_cgroup_cpu_throttled_local_seconds_total")
    return [
        Panel(
            "Lost by the own or an ancestor's quota",
            "Time per second held back by any cpu.max from the cgroup up to the root. Before Linux 6.6"
            " the kernel tells only of the cgroup's own.",
            "percentunit",
            ((f"{local} or {q.by_cgroup(LOST)}", "{{cgroup}}"),),
            "runbook.md#throttled",
        ),
        Panel(
            "Throttled time by workload",
            "Time per second held back over all incarnations of a workload.",
            "percentunit",
            ((q.by_workload("cgwarden_workload_throttled_seconds_total"), "{{workload}}"),),
            "runbook.md#throttled",
        ),
        Panel(
            "Throttled time by unit and container: the ten largest",
            "Time per second held back over all cgroups of a systemd unit or of a container of that name.",
            "percentunit",
            (
                (q.top(q.by_unit(of_units, function="rate")), shared.UNIT_NAME),
                (q.top(q.by_container(of_containers, function="rate")), shared.CONTAINER_NAME),
            ),
            "runbook.md#throttled",
        ),
        Panel(
            "Period of cpu.max",
            "Short periods make short waits and more of them.",
            "s",
            ((q.select("cgwarden_cgroup_cpu_max_period_seconds"), "{{cgroup}}"),),
            "runbook.md#throttled",
        ),
        Panel(
            "Weight",
            "cpu.weight: the share of CPU time among siblings, which holds back only when CPUs are"
            " scarce; 0 while cpu.idle is set.",
            "short",
            ((q.select("cgwarden_cgroup_cpu_weight"), "{{cgroup}}"),),
            "policy-reference.md#resources",
        ),
    ]


def ranking():
    waiting = q.by_cgroup(
        "cgwarden_cgroup_pressure_waiting_seconds_total", selector=q.CGROUP + ', resource="cpu"'
    )
    quota = q.by(("cgroup",), q.select("cgwarden_cgroup_cpu_max_cores"))
    limited = f" and on (job, instance, cgroup) {quota}"
    return table(
        "Cgroups with a quota",
        "All that have a cpu.max: how often and how long they were held back, how much their tasks"
        " waited, and the quota.",
        (
            (f"{q.by_cgroup(THROTTLED)} / {q.by_cgroup(PERIODS)}{limited}", "throttled periods|percentunit"),
            (q.by_cgroup(LOST) + limited, "time lost|percentunit"),
            (waiting + limited, "tasks waiting|percentunit"),
            (quota, "quota in CPUs|short"),
        ),
        "alerts.md#cputhrottlinghigh",
    )


def dashboard():
    rows = [
        ("Who", [ranking()]),
        (
            "How much",
            [shared.throttled_share(), shared.lost_time(), wait_of_a_period(), share_of_quota()],
        ),
        ("What tasks feel", shared.pressure("cpu")),
        ("Bursts", bursts()),
        ("By whose quota", [shared.cpu_and_quota(), *by_whom()]),
    ]
    return frame.dashboard(
        "cgwarden-throttling",
        "Throttling",
        "Periods, lost seconds, burst use and CPU pressure of cgroups with cpu.max.",
        rows,
        [frame.cgroup_variable(), frame.workload_variable()],
        [frame.deaths()],
    )
