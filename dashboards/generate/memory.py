"""Memory and OOM: limits, what fills them, stalls and kills."""

import frame
import queries as q
import shared
from panels import Panel, events, table

FILE = "cgwarden-memory.json"
CURRENT = "cgwarden_cgroup_memory_current_bytes"
WORKING_SET = "cgwarden_cgroup_memory_working_set_bytes"
EVENTS = "cgwarden_cgroup_memory_events_total"
LOCAL = "cgwarden_cgroup_memory_events_local_total"
OOM = '"oom|oom_kill|oom_group_kill"'


def ranking():
    limit = q.by(("cgroup",), q.select("cgwarden_cgroup_memory_max_bytes"))
    limited = f" and on (job, instance, cgroup) {limit}"
    return table(
        "Cgroups with memory.max",
        "How near each is to its memory.max: by all that is charged, and by what cannot be reclaimed"
        " easily.",
        (
            (f"{q.by(('cgroup',), q.select(CURRENT))} / {limit}", "charged|percentunit"),
            (f"{q.by(('cgroup',), q.select(WORKING_SET))} / {limit}", "working set|percentunit"),
            (q.by(("cgroup",), q.select(WORKING_SET)) + limited, "working set bytes|bytes"),
            (limit, "memory.max|bytes"),
        ),
        "runbook.md#oom_own_limit",
    )


def kills():
    return [
        events(
            "OOM in the cgroup and below",
            "oom: a limit was reached and nothing could be reclaimed; oom_kill: killed processes;"
            " oom_group_kill: groups killed as one, in which case oom_kill is no number of processes.",
            q.by_cgroup(EVENTS, "event", selector=f"{q.CGROUP}, event=~{OOM}", function="increase"),
            "{{cgroup}} {{event}}",
            "runbook.md#oom_own_limit",
        ),
        events(
            "OOM of the cgroup itself",
            "memory.events.local. oom here: this cgroup's limit. oom_kill here without oom: the limit is"
            " an ancestor's or the machine's. oom without oom_kill: no victim could be found. A cgroup that"
            " ends before the next scrape shows nothing here; the panels below miss no kill.",
            q.by_cgroup(LOCAL, "event", selector=f"{q.CGROUP}, event=~{OOM}", function="increase"),
            "{{cgroup}} {{event}}",
            "alerts.md#workloadoomnovictim",
        ),
        shared.oom_kills_of_the_node(),
        events(
            "OOM victims on the node",
            "Processes that the kernel's OOM killer killed, of anybody. More than kills where"
            " memory.oom.group ends a whole group.",
            q.by((), q.increase("cgwarden_node_oom_victims_total", q.TARGET)),
            "{{instance}}",
            "alerts.md#nodeglobaloom",
        ),
        shared.oom_kills_by_workload(),
        shared.oom_kills_of_others(),
        events(
            "OOM verdicts",
            "Deaths of workloads that were an OOM kill: at the own limit, at an ancestor's, or for want"
            " of the machine's memory.",
            q.by(
                ("workload", "verdict"),
                q.increase("cgwarden_workload_deaths_total", q.WORKLOAD + ', verdict=~"OOM.*"'),
            ),
            "{{workload}} {{verdict}}",
            "runbook.md#oom_ancestor_limit",
        ),
    ]


def ratio(title, description, limit):
    return Panel(
        title,
        description,
        "percentunit",
        ((f"{q.select(CURRENT)} / {q.select(limit)}", "{{cgroup}}"),),
        "runbook.md#oom_own_limit",
    )


def stalls():
    return [
        Panel(
            "Slowed down at memory.high",
            "Times per second that allocations were slowed down because memory.high was exceeded.",
            "short",
            (
                (q.by_cgroup(EVENTS, selector=q.CGROUP + ', event="high"'), "{{cgroup}}"),
                (q.by_workload("cgwarden_workload_memory_high_events_total"), "{{workload}} (workload)"),
            ),
            "alerts.md#workloadmemoryhighstalled",
        ),
        Panel(
            "Reclaim at memory.max, protection broken",
            "Times per second that memory.max was about to be exceeded (max), and that memory below"
            " memory.low was taken nevertheless (low).",
            "short",
            (
                (
                    q.by_cgroup(EVENTS, "event", selector=q.CGROUP + ', event=~"max|low"'),
                    "{{cgroup}} {{event}}",
                ),
            ),
            "runbook.md#oom_own_limit",
        ),
    ]


def dashboard():
    rows = [
        ("Who", [ranking()]),
        ("Kills", kills()),
        (
            "Limits",
            [
                shared.memory_and_limits(),
                shared.memory_kinds(),
                ratio(
                    "Share of memory.max",
                    "memory.current divided by memory.max; at 100 % reclaim or the OOM killer works.",
                    "cgwarden_cgroup_memory_max_bytes",
                ),
                ratio(
                    "Share of memory.high",
                    "memory.current divided by memory.high; above 100 % the cgroup is slowed down.",
                    "cgwarden_cgroup_memory_high_bytes",
                ),
                Panel(
                    "Swap and its limit",
                    "Swap in use, and memory.swap.max; no line where there is no limit.",
                    "bytes",
                    (
                        (q.select("cgwarden_cgroup_memory_swap_current_bytes"), "{{cgroup}} swap"),
                        (q.select("cgwarden_cgroup_memory_swap_max_bytes"), "{{cgroup}} max"),
                    ),
                    "metrics.md#cgroups",
                ),
                Panel(
                    "Peak",
                    "Highest memory.current since the cgroup was made, that is, of this incarnation.",
                    "bytes",
                    ((q.select("cgwarden_cgroup_memory_peak_bytes"), "{{cgroup}}"),),
                    "metrics.md#cgroups",
                ),
            ],
        ),
        ("Stalls", [*stalls(), *shared.pressure("memory")]),
    ]
    return frame.dashboard(
        "cgwarden-memory",
        "Memory and OOM",
        "Limits, working set, stalls at memory.high, and who was killed at whose limit.",
        rows,
        [frame.cgroup_variable(), frame.workload_variable()],
        [frame.deaths(q.WORKLOAD + ', verdict=~"OOM.*"'), frame.deaths_of_others('verdict=~"OOM.*"')],
    )
