"""Node: the largest users, and what goes wrong, of everything on a machine."""

import frame
import queries as q
import shared
from panels import Panel, events, stat

FILE = "cgwarden-overview.json"


def glance():
    running = q.select("cgwarden_workload_running", q.WORKLOAD)
    usage = q.rate("cgwarden_cgroup_cpu_usage_seconds_total", q.ROOT)
    return [
        stat(
            "Agents",
            "Agents that Prometheus reaches.",
            "none",
            f"count({q.select('cgwarden_build_info', q.TARGET)})",
            "alerts.md#agentdown",
        ),
        stat(
            "Cgroups",
            "Cgroups read in the last tick.",
            "none",
            f"sum({q.select('cgwarden_agent_cgroups', q.TARGET)})",
            "metrics.md#the-agent",
        ),
        stat(
            "Running",
            "Workloads of cgwarden that run.",
            "none",
            f"sum({running})",
            "alerts.md#workloadcrashlooping",
        ),
        stat(
            "Not running",
            "Workloads that are stopped or wait for their restart.",
            "none",
            f"count({running}) - sum({running})",
            "alerts.md#workloadcrashlooping",
        ),
        stat(
            "CPUs in use",
            "CPU time per second of everything on the machines chosen.",
            "short",
            f"sum({usage})",
            "metrics.md#cgroups",
        ),
        stat(
            "Processes",
            "Processes and threads in all cgroups right below the root.",
            "short",
            f"sum({q.select('cgwarden_cgroup_pids_current', q.TOP_LEVEL)})",
            "alerts.md#pidsnearlimit",
        ),
    ]


def largest(title, description, unit, expression, docs, legend="{{instance}} {{cgroup}}"):
    return Panel(title, description, unit, ((q.top(expression), legend),), docs)


BELOW = " A cgroup's figures hold those of the cgroups below it."


def users():
    return [
        largest(
            "CPU: the ten largest",
            "CPUs in use." + BELOW,
            "short",
            q.by_cgroup("cgwarden_cgroup_cpu_usage_seconds_total"),
            "runbook.md#throttled",
        ),
        largest(
            "Time lost to throttling: the ten largest",
            "Time per second that cpu.max held back, summed over CPUs.",
            "percentunit",
            q.by_cgroup("cgwarden_cgroup_cpu_throttled_seconds_total"),
            "runbook.md#throttled",
        ),
        largest(
            "Working set: the ten largest",
            "memory.current less the page cache that is easily reclaimed." + BELOW,
            "bytes",
            q.select("cgwarden_cgroup_memory_working_set_bytes"),
            "runbook.md#oom_global",
        ),
        Panel(
            "Memory of the top-level cgroups",
            "memory.current right below the root: together nearly all that is charged.",
            "bytes",
            (
                (
                    q.select("cgwarden_cgroup_memory_current_bytes", q.TOP_LEVEL),
                    "{{instance}} {{cgroup}}",
                ),
            ),
            "runbook.md#oom_global",
        ),
    ]


def waiting():
    some = "cgwarden_cgroup_pressure_waiting_seconds_total"
    read, written = "cgwarden_cgroup_io_read_bytes_total", "cgwarden_cgroup_io_written_bytes_total"
    return [
        largest(
            "Waiting: the ten largest",
            "Share of time in which at least one task waited for CPU, memory or I/O.",
            "percentunit",
            q.by_cgroup(some, "resource"),
            "runbook.md#throttled",
            "{{instance}} {{cgroup}} {{resource}}",
        ),
        largest(
            "I/O: the ten largest",
            "Bytes per second read and written on all devices." + BELOW,
            "Bps",
            q.by_cgroup(read) + " + " + q.by_cgroup(written),
            "metrics.md#cgroups",
        ),
    ]


def kills():
    oom = f'{q.TOP_LEVEL}, event=~"oom|oom_kill|oom_group_kill"'
    return [
        events(
            "OOM below the top-level cgroups",
            "Everybody's OOM events, not only of cgwarden's workloads. oom_kill without oom is"
            " the machine's own lack of memory: no cgroup's limit was reached.",
            q.by_cgroup(
                "cgwarden_cgroup_memory_events_total",
                "event",
                selector=oom,
                function="increase",
            ),
            "{{instance}} {{cgroup}} {{event}}",
            "alerts.md#nodeglobaloom",
        ),
        shared.oom_kills_of_the_node(),
        shared.deaths_by_verdict(),
        shared.restarts_by_reason(),
        shared.deaths_of_others(),
        shared.restarts_of_others(),
        events(
            "Events",
            "What the agents told of, by kind; `cgwarden events` has the texts.",
            q.by(("kind",), q.increase("cgwarden_agent_events_total", q.TARGET)),
            "{{instance}} {{kind}}",
            "metrics.md#the-agent",
        ),
        shared.running(),
    ]


def dashboard():
    rows = [
        ("At a glance", glance()),
        ("CPU and memory", users()),
        ("Pressure and I/O", waiting()),
        ("Kills, deaths and restarts", kills()),
    ]
    return frame.dashboard(
        "cgwarden-overview",
        "Node",
        "What uses a machine, what waits on it, and what died on it.",
        rows,
        [frame.cgroup_variable(), frame.workload_variable()],
        [frame.deaths(), frame.deaths_of_others()],
    )
