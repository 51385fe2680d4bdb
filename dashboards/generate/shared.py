"""Panels that stand in more than one dashboard."""

import queries as q
from panels import Panel, events, happenings, table, timeline


def throttled_share():
    return Panel(
        "Throttled share of periods",
        "Share of the periods of cpu.max in which the quota ran out. A high share with little lost time"
        " is normal for short bursts: read it with the lost time.",
        "percentunit",
        (
            (
                q.by_cgroup("cgwarden_cgroup_cpu_throttled_periods_total")
                + " / "
                + q.by_cgroup("cgwarden_cgroup_cpu_periods_total"),
                "{{cgroup}}",
            ),
        ),
        "runbook.md#throttled",
    )


def lost_time():
    return Panel(
        "Time lost to throttling",
        "Time per second that cpu.max held back, summed over CPUs: 100 % is one CPU kept waiting all"
        " the time.",
        "percentunit",
        ((q.by_cgroup("cgwarden_cgroup_cpu_throttled_seconds_total"), "{{cgroup}}"),),
        "runbook.md#throttled",
    )


def cpu_and_quota():
    return Panel(
        "CPU use and quota",
        "CPUs in use, and the quota of cpu.max where there is one.",
        "short",
        (
            (q.by_cgroup("cgwarden_cgroup_cpu_usage_seconds_total"), "{{cgroup}} used"),
            (q.select("cgwarden_cgroup_cpu_max_cores"), "{{cgroup}} quota"),
        ),
        "runbook.md#throttled",
    )


def memory_and_limits():
    return Panel(
        "Memory and its limits",
        "memory.current, the working set, memory.high (slowed down above it) and memory.max (killed"
        " above it); no line where there is no limit.",
        "bytes",
        (
            (q.select("cgwarden_cgroup_memory_current_bytes"), "{{cgroup}} current"),
            (q.select("cgwarden_cgroup_memory_working_set_bytes"), "{{cgroup}} working set"),
            (q.select("cgwarden_cgroup_memory_high_bytes"), "{{cgroup}} high"),
            (q.select("cgwarden_cgroup_memory_max_bytes"), "{{cgroup}} max"),
        ),
        "runbook.md#oom_own_limit",
    )


def memory_kinds():
    kinds = ("anon", "file", "shmem", "slab", "kernel")
    return Panel(
        "What the memory is",
        "Anonymous memory, page cache (tmpfs included), tmpfs alone, slab and all kernel memory. tmpfs"
        " stays charged when its process dies.",
        "bytes",
        tuple((q.select(f"cgwarden_cgroup_memory_{k}_bytes"), f"{{{{cgroup}}}} {k}") for k in kinds),
        "runbook.md#oom_own_limit",
    )


def memory_events():
    return events(
        "Memory events",
        "memory.events of the cgroup and those below: high slows down, max reclaims, oom fails or"
        " kills, oom_kill counts killed processes, oom_group_kill whole groups.",
        q.by_cgroup("cgwarden_cgroup_memory_events_total", "event", function="increase"),
        "{{cgroup}} {{event}}",
        "runbook.md#oom_own_limit",
    )


def pressure(resource=None):
    """Both panels: some and full, of one resource or of all."""
    selector = f'{q.CGROUP}, resource="{resource}"' if resource else q.CGROUP
    name = f"{resource} pressure" if resource else "Pressure"
    name = name[0].upper() + name[1:] if resource != "cpu" else "CPU pressure"
    labels, legend = ("resource",), "{{cgroup}} {{resource}}"
    docs = {"cpu": "runbook.md#throttled", "memory": "alerts.md#workloadmemoryhighstalled"}
    return [
        Panel(
            f"{name}: some task waits",
            "Share of time in which at least one task waited (`some` of the kernel's pressure files).",
            "percentunit",
            (
                (
                    q.by_cgroup(
                        "cgwarden_cgroup_pressure_waiting_seconds_total", *labels, selector=selector
                    ),
                    legend,
                ),
            ),
            docs.get(resource, "metrics.md#cgroups"),
        ),
        Panel(
            f"{name}: all tasks stall",
            "Share of time in which every task that had work waited at once (`full`).",
            "percentunit",
            (
                (
                    q.by_cgroup(
                        "cgwarden_cgroup_pressure_stalled_seconds_total", *labels, selector=selector
                    ),
                    legend,
                ),
            ),
            docs.get(resource, "metrics.md#cgroups"),
        ),
    ]


def deaths_by_verdict():
    return events(
        "Deaths by verdict",
        "Deaths of the main process by cgwarden's verdict; `cgwarden why WORKLOAD` gives the evidence.",
        q.by_workload("cgwarden_workload_deaths_total", "verdict", function="increase"),
        "{{workload}} {{verdict}}",
        "runbook.md",
    )


def restarts_by_reason():
    return events(
        "Restarts by reason",
        "Restarts by the restart policy, by what made them necessary.",
        q.by_workload("cgwarden_workload_restarts_total", "reason", function="increase"),
        "{{workload}} {{reason}}",
        "alerts.md#workloadcrashlooping",
    )


def running(width=12):
    return timeline(
        "Workloads running",
        "Green while a workload runs, red while it is stopped or waits for its restart.",
        q.select("cgwarden_workload_running", q.WORKLOAD),
        "{{workload}}",
        "alerts.md#workloadcrashlooping",
        width=width,
    )


def oom_kills_by_workload():
    return events(
        "OOM kills by workload",
        "Processes killed by the kernel's OOM killer, over all incarnations of a workload.",
        q.by_workload("cgwarden_workload_oom_kills_total", function="increase"),
        "{{workload}}",
        "runbook.md#oom_own_limit",
    )


def oom_kills_of_the_node():
    kills = q.by(("attributed",), q.increase("cgwarden_node_oom_kills_total", q.TARGET))
    return events(
        "OOM kills on the node",
        "Every kill by the kernel's OOM killer, also in cgroups that ended before a scrape; a group's is"
        " one. attributed no: its cgroup is not known. The agent's log names cgroup and victims.",
        kills,
        "{{instance}} attributed {{attributed}}",
        "alerts.md#nodeglobaloom",
    )


UNIT_NAME = "{{unit}} {{uid}}"
CONTAINER_NAME = "{{namespace}} {{pod}} {{container}}"


def deaths_of_others():
    ended = q.TARGET + ', verdict!="STOPPED"'
    return happenings(
        "Deaths of units and containers",
        "Runs of systemd's services that ended otherwise than asked, and cgroups of containers that ended;"
        " of the latter only OOM kills are told from all else (UNKNOWN). `cgwarden why NAME` gives the evidence.",
        (
            (
                q.by_unit("cgwarden_unit_deaths_total", "verdict", selector=ended),
                UNIT_NAME + " {{verdict}}",
            ),
            (
                q.by_container("cgwarden_container_deaths_total", "verdict", selector=ended),
                CONTAINER_NAME + " {{verdict}}",
            ),
        ),
        "runbook.md",
    )


def restarts_of_others():
    return happenings(
        "Restarts of units and containers",
        "Automatic restarts of services by systemd's Result of the run before, and containers that came"
        " again under their name by how their run before ended.",
        (
            (q.by_unit("cgwarden_unit_restarts_total", "reason"), UNIT_NAME + " {{reason}}"),
            (q.by_container("cgwarden_container_restarts_total", "reason"), CONTAINER_NAME + " {{reason}}"),
        ),
        "alerts.md#unitcrashlooping",
    )


def oom_kills_of_others():
    return happenings(
        "OOM kills of units and containers",
        "OOM kills over all cgroups that a systemd unit or a container of that name has had.",
        (
            (q.by_unit("cgwarden_unit_oom_kills_total"), UNIT_NAME),
            (q.by_container("cgwarden_container_oom_kills_total"), CONTAINER_NAME),
        ),
        "runbook.md#oom_own_limit",
    )


def in_a_day(title, description, level, subject, docs):
    """A table of the counters of units or containers, by the recording rules of rules.yml."""
    columns = (
        ("starts", "starts|short"),
        ("deaths", "deaths|short"),
        ("restarts", "restarts|short"),
        ("oom_kills", "OOM kills|short"),
        ("throttled_seconds", "held back by cpu.max|s"),
        ("memory_high_events", "slowed at memory.high|short"),
    )

    def column(counter):
        name = f"{level}:cgwarden_{subject}_{counter}:increase1d"
        return f"round({q.top(q.select(name, q.TARGET), 20)}) > 0"

    return table(title, description, tuple((column(c), legend) for c, legend in columns), docs)
