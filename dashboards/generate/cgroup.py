"""Cgroup: everything about one cgroup, or a few, and the workload in it."""

import frame
import queries as q
import shared
from panels import Panel, events, table, timeline

FILE = "cgwarden-cgroup.json"


def whose():
    labels = ("instance", "cgroup", "kind", "unit", "namespace", "pod", "container", "runtime", "image")
    info = q.select("cgwarden_cgroup_info")
    return table(
        "Whose it is",
        "Kind, systemd unit, and as far as they are known container, pod, namespace and image.",
        ((f"count by ({', '.join(labels)}) ({info})", "cgroups|none"),),
        "metrics.md#cgroups",
        height=4,
    )


def cpu():
    return [
        shared.cpu_and_quota(),
        Panel(
            "User and system time",
            "CPUs in use by programs themselves and by the kernel for them.",
            "short",
            (
                (q.by_cgroup("cgwarden_cgroup_cpu_user_seconds_total"), "{{cgroup}} user"),
                (q.by_cgroup("cgwarden_cgroup_cpu_system_seconds_total"), "{{cgroup}} system"),
            ),
            "metrics.md#cgroups",
        ),
        shared.throttled_share(),
        shared.lost_time(),
    ]


def memory():
    return [
        shared.memory_and_limits(),
        shared.memory_kinds(),
        shared.memory_events(),
        Panel(
            "Peak, swap and protection",
            "Highest memory since the cgroup was made, swap in use, and memory.min and memory.low.",
            "bytes",
            (
                (q.select("cgwarden_cgroup_memory_peak_bytes"), "{{cgroup}} peak"),
                (q.select("cgwarden_cgroup_memory_swap_current_bytes"), "{{cgroup}} swap"),
                (q.select("cgwarden_cgroup_memory_min_bytes"), "{{cgroup}} min"),
                (q.select("cgwarden_cgroup_memory_low_bytes"), "{{cgroup}} low"),
            ),
            "metrics.md#cgroups",
        ),
    ]


def io(title, description, unit, metrics):
    return Panel(
        title,
        description,
        unit,
        tuple(
            (q.by_cgroup(f"cgwarden_cgroup_io_{m}_total", "device"), f"{{{{cgroup}}}} {{{{device}}}} {name}")
            for m, name in metrics
        ),
        "metrics.md#cgroups",
    )


def processes():
    return [
        Panel(
            "Processes and pids.max",
            "Processes and threads with their limit and their highest number; at the limit fork fails"
            " with EAGAIN.",
            "short",
            (
                (q.select("cgwarden_cgroup_pids_current"), "{{cgroup}} current"),
                (q.select("cgwarden_cgroup_pids_peak"), "{{cgroup}} peak"),
                (q.select("cgwarden_cgroup_pids_max"), "{{cgroup}} max"),
            ),
            "alerts.md#pidsnearlimit",
        ),
        events(
            "Refused forks",
            "Forks refused because of pids.max. Before Linux 6.12 they count at the cgroup that forked,"
            " from then on at the one with the limit.",
            q.by_cgroup("cgwarden_cgroup_pids_events_max_total", function="increase"),
            "{{cgroup}}",
            "alerts.md#pidsnearlimit",
        ),
        timeline(
            "Populated",
            "Whether a process lives in the cgroup or below it.",
            q.select("cgwarden_cgroup_populated"),
            "{{cgroup}}",
            "metrics.md#cgroups",
            ((0, "empty", "gray"), (1, "populated", "green")),
        ),
        timeline(
            "Frozen",
            "Whether the cgroup is frozen: its processes do not run and are not killed by a stop.",
            q.select("cgwarden_cgroup_frozen"),
            "{{cgroup}}",
            "alerts.md#workloadfrozen",
            ((0, "runs", "green"), (1, "frozen", "blue")),
        ),
    ]


def dashboard():
    rows = [
        ("Identity", [whose()]),
        ("CPU", cpu()),
        ("Memory", memory()),
        ("Pressure", shared.pressure()),
        (
            "I/O",
            [
                io(
                    "Bytes",
                    "Bytes per second read from and written to each device.",
                    "Bps",
                    (("read_bytes", "read"), ("written_bytes", "written")),
                ),
                io(
                    "Operations",
                    "Reads, writes and discards per second on each device.",
                    "ops",
                    (("reads", "reads"), ("writes", "writes"), ("discards", "discards")),
                ),
            ],
        ),
        ("Processes", processes()),
        (
            "Its workload",
            [
                shared.deaths_by_verdict(),
                shared.restarts_by_reason(),
                shared.running(),
                timeline(
                    "Healthy",
                    "Whether the workload's health check passes, where it has one.",
                    q.select("cgwarden_workload_healthy", q.WORKLOAD),
                    "{{workload}}",
                    "policy-reference.md#health-checks",
                ),
            ],
        ),
    ]
    return frame.dashboard(
        "cgwarden-cgroup",
        "Cgroup",
        "One cgroup in depth, and the workload in it.",
        rows,
        [frame.cgroup_variable(every=False), frame.workload_of_cgroup_variable()],
        [frame.deaths()],
    )
