#!/usr/bin/python3
"""Writes cgwarden-overview.json from the panels below: `python3 dashboards/generate.py`.

The JSON is what people import, so it is committed; a test compares it with what this file gives.
"""

import json
import pathlib

OUTPUT = pathlib.Path(__file__).with_name("cgwarden-overview.json")
TARGET = 'job=~"$job", instance=~"$instance"'
CGROUP = f'{TARGET}, cgroup=~"$cgroup"'
WORKLOAD = f'{TARGET}, workload=~"$workload"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
INTERVAL = "$__rate_interval"


def rate(metric, selector, function="rate"):
    return f"{function}({metric}{{{selector}}}[{INTERVAL}])"


def by(labels, expression):
    return f"sum by ({', '.join(('job', 'instance', *labels))}) ({expression})"


def by_cgroup(metric, *labels, selector=CGROUP, function="rate"):
    return by(("cgroup", *labels), rate(metric, selector, function))


def quantile(metric):
    return f"histogram_quantile(0.99, {by(('le',), rate(metric + '_bucket', TARGET))})"


# A panel: title, what it tells, unit, [(expression, legend), ...].
ROWS = [
    (
        "Throttling and CPU",
        [
            (
                "Throttled share of periods",
                "Share of the periods of cpu.max in which the quota ran out. A high share with little"
                " lost time is normal for short bursts: read it with the next panel.",
                "percentunit",
                [
                    (
                        by_cgroup("cgwarden_cgroup_cpu_throttled_periods_total")
                        + " / "
                        + by_cgroup("cgwarden_cgroup_cpu_periods_total"),
                        "{{cgroup}}",
                    )
                ],
            ),
            (
                "Time lost to throttling",
                "CPU time per second that cpu.max held back, summed over CPUs: 100 % is one CPU"
                " kept waiting all the time.",
                "percentunit",
                [(by_cgroup("cgwarden_cgroup_cpu_throttled_seconds_total"), "{{cgroup}}")],
            ),
            (
                "CPU use and quota",
                "CPUs in use, and the quota of cpu.max where there is one.",
                "short",
                [
                    (by_cgroup("cgwarden_cgroup_cpu_usage_seconds_total"), "{{cgroup}} used"),
                    (f"cgwarden_cgroup_cpu_max_cores{{{CGROUP}}}", "{{cgroup}} quota"),
                ],
            ),
            (
                "Share of the quota in use",
                "CPU use divided by the quota of cpu.max; cgroups without a quota are not shown.",
                "percentunit",
                [
                    (
                        by_cgroup("cgwarden_cgroup_cpu_usage_seconds_total")
                        + " / "
                        + by(("cgroup",), f"cgwarden_cgroup_cpu_max_cores{{{CGROUP}}}"),
                        "{{cgroup}}",
                    )
                ],
            ),
        ],
    ),
    (
        "Memory",
        [
            (
                "Memory and its limits",
                "memory.current with memory.high (slowed down above it) and memory.max (killed"
                " above it); no line where there is no limit.",
                "bytes",
                [
                    (f"cgwarden_cgroup_memory_current_bytes{{{CGROUP}}}", "{{cgroup}} current"),
                    (f"cgwarden_cgroup_memory_high_bytes{{{CGROUP}}}", "{{cgroup}} high"),
                    (f"cgwarden_cgroup_memory_max_bytes{{{CGROUP}}}", "{{cgroup}} max"),
                ],
            ),
            (
                "What the memory is",
                "Anonymous memory, page cache, tmpfs and kernel memory. tmpfs stays charged when its"
                " process dies.",
                "bytes",
                [
                    (f"cgwarden_cgroup_memory_anon_bytes{{{CGROUP}}}", "{{cgroup}} anon"),
                    (f"cgwarden_cgroup_memory_file_bytes{{{CGROUP}}}", "{{cgroup}} file"),
                    (f"cgwarden_cgroup_memory_shmem_bytes{{{CGROUP}}}", "{{cgroup}} shmem"),
                    (f"cgwarden_cgroup_memory_kernel_bytes{{{CGROUP}}}", "{{cgroup}} kernel"),
                ],
            ),
            (
                "Memory events",
                "memory.events: high slows down, max reclaims, oom fails or kills, oom_kill counts"
                " killed processes.",
                "short",
                [
                    (
                        by_cgroup(
                            "cgwarden_cgroup_memory_events_total", "event", function="increase"
                        ),
                        "{{cgroup}} {{event}}",
                    )
                ],
            ),
            (
                "OOM kills by workload",
                "Processes killed by the kernel's OOM killer; counted over all incarnations of a"
                " workload.",
                "short",
                [
                    (
                        by(
                            ("workload",),
                            rate("cgwarden_workload_oom_kills_total", WORKLOAD, "increase"),
                        ),
                        "{{workload}}",
                    )
                ],
            ),
        ],
    ),
    (
        "Deaths and restarts",
        [
            (
                "Deaths by verdict",
                "Deaths of the main process by cgwarden's verdict; `cgwarden why WORKLOAD` gives the"
                " evidence, docs/runbook.md what to do.",
                "short",
                [
                    (
                        by(
                            ("workload", "verdict"),
                            rate("cgwarden_workload_deaths_total", WORKLOAD, "increase"),
                        ),
                        "{{workload}} {{verdict}}",
                    )
                ],
            ),
            (
                "Restarts by reason",
                "Restarts by the restart policy.",
                "short",
                [
                    (
                        by(
                            ("workload", "reason"),
                            rate("cgwarden_workload_restarts_total", WORKLOAD, "increase"),
                        ),
                        "{{workload}} {{reason}}",
                    )
                ],
            ),
            (
                "Throttled time and memory.high by workload",
                "The same over all incarnations of a workload: seconds held back per second, and"
                " memory.high events per second.",
                "short",
                [
                    (
                        by(("workload",), rate("cgwarden_workload_throttled_seconds_total", WORKLOAD)),
                        "{{workload}} throttled",
                    ),
                    (
                        by(("workload",), rate("cgwarden_workload_memory_high_events_total", WORKLOAD)),
                        "{{workload}} memory.high",
                    ),
                ],
            ),
            (
                "Workloads running",
                "1 while a workload runs, 0 while it is stopped or waits for its restart.",
                "short",
                [(f"cgwarden_workload_running{{{WORKLOAD}}}", "{{workload}}")],
            ),
        ],
    ),
    (
        "Pressure and processes",
        [
            (
                "Pressure: some task waits",
                "Share of time in which at least one task waited for CPU, memory or IO (`some`).",
                "percentunit",
                [
                    (
                        by_cgroup("cgwarden_cgroup_pressure_waiting_seconds_total", "resource"),
                        "{{cgroup}} {{resource}}",
                    )
                ],
            ),
            (
                "Pressure: all tasks stall",
                "Share of time in which every task that had work waited at once (`full`).",
                "percentunit",
                [
                    (
                        by_cgroup("cgwarden_cgroup_pressure_stalled_seconds_total", "resource"),
                        "{{cgroup}} {{resource}}",
                    )
                ],
            ),
            (
                "Processes and pids.max",
                "Processes and threads with their limit; at the limit fork fails with EAGAIN.",
                "short",
                [
                    (f"cgwarden_cgroup_pids_current{{{CGROUP}}}", "{{cgroup}} current"),
                    (f"cgwarden_cgroup_pids_max{{{CGROUP}}}", "{{cgroup}} max"),
                ],
            ),
            (
                "Refused forks",
                "Forks refused because of pids.max. Before Linux 6.12 they count at the cgroup that"
                " forked, from then on at the one with the limit.",
                "short",
                [
                    (
                        by_cgroup("cgwarden_cgroup_pids_events_max_total", function="increase"),
                        "{{cgroup}}",
                    )
                ],
            ),
        ],
    ),
    (
        "The agent",
        [
            (
                "Time of a tick and of a scrape",
                "99th percentile of the time to read all cgroups and act, and to make the page"
                " /metrics.",
                "s",
                [
                    (quantile("cgwarden_agent_tick_duration_seconds"), "{{instance}} tick"),
                    (quantile("cgwarden_agent_scrape_duration_seconds"), "{{instance}} scrape"),
                ],
            ),
            (
                "What the agent watches",
                "Cgroups and workloads watched, cgroups left out because of a limit, and control"
                " files it could not read.",
                "short",
                [
                    (f"cgwarden_agent_cgroups{{{TARGET}}}", "{{instance}} cgroups"),
                    (f"cgwarden_agent_workloads_running{{{TARGET}}}", "{{instance}} workloads"),
                    (f"cgwarden_agent_cgroups_left_out{{{TARGET}}}", "{{instance}} dropped"),
                    (f"cgwarden_agent_unreadable_files{{{TARGET}}}", "{{instance}} unreadable"),
                ],
            ),
            (
                "Policy loads and writes",
                "Loads of the policy directory and writes to control files, by result.",
                "short",
                [
                    (
                        by(("result",), rate("cgwarden_agent_policy_reloads_total", TARGET, "increase")),
                        "{{instance}} loads {{result}}",
                    ),
                    (
                        by(("result",), rate("cgwarden_agent_policy_writes_total", TARGET, "increase")),
                        "{{instance}} writes {{result}}",
                    ),
                ],
            ),
            (
                "Lost evidence",
                "Failed writes to the store, and records of the kernel log that were overwritten"
                " before the agent read them. Both make verdicts less certain.",
                "short",
                [
                    (
                        by((), rate("cgwarden_agent_store_errors_total", TARGET, "increase")),
                        "{{instance}} store errors",
                    ),
                    (
                        by((), rate("cgwarden_agent_kmsg_lost_records_total", TARGET, "increase")),
                        "{{instance}} kmsg records",
                    ),
                ],
            ),
        ],
    ),
]

WIDTH, HEIGHT, COLUMNS = 12, 8, 2


def target(index, expression, legend):
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expression,
        "legendFormat": legend,
        "range": True,
        "refId": chr(ord("A") + index),
    }


def panel(identifier, x, y, title, description, unit, targets):
    return {
        "id": identifier,
        "type": "timeseries",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": x, "y": y},
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "min": 0,
                "custom": {"lineWidth": 1, "fillOpacity": 5, "showPoints": "never"},
            },
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [target(i, *t) for i, t in enumerate(targets)],
    }


def panels():
    out, identifier, y = [], 0, 0
    for title, row in ROWS:
        identifier += 1
        out.append(
            {
                "id": identifier,
                "type": "row",
                "title": title,
                "collapsed": False,
                "gridPos": {"h": 1, "w": 24, "x": 0, "y": y},
                "panels": [],
            }
        )
        y += 1
        for index, content in enumerate(row):
            identifier += 1
            x = index % COLUMNS * WIDTH
            out.append(panel(identifier, x, y + index // COLUMNS * HEIGHT, *content))
        y += -(-len(row) // COLUMNS) * HEIGHT
    return out


def query_variable(name, label, query):
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def variables():
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
        query_variable("job", "Job", "label_values(cgwarden_build_info, job)"),
        query_variable(
            "instance", "Instance", 'label_values(cgwarden_build_info{job=~"$job"}, instance)'
        ),
        query_variable("cgroup", "Cgroup", f"label_values(cgwarden_cgroup_info{{{TARGET}}}, cgroup)"),
        query_variable(
            "workload", "Workload", f"label_values(cgwarden_workload_running{{{TARGET}}}, workload)"
        ),
    ]


def dashboard():
    deaths = f"changes(cgwarden_workload_deaths_total{{{WORKLOAD}}}[{INTERVAL}])"
    return {
        "uid": "cgwarden-overview",
        "title": "cgwarden / Overview",
        "description": "Throttling, memory, deaths and restarts of cgroups and workloads.",
        "tags": ["cgwarden"],
        "schemaVersion": 41,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {
            "list": [
                {
                    "name": "Deaths",
                    "datasource": DATASOURCE,
                    "enable": True,
                    "iconColor": "red",
                    "expr": by(("workload", "verdict"), deaths) + " > 0",
                    "titleFormat": "{{workload}}",
                    "textFormat": "{{verdict}}",
                }
            ]
        },
        "links": [
            {
                "title": "cgwarden",
                "type": "dashboards",
                "tags": ["cgwarden"],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "templating": {"list": variables()},
        "panels": panels(),
    }


def text():
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(text(), encoding="utf-8")
