"""Agent: whether cgwarden itself keeps up, and what it could not see."""

import frame
import queries as q
from panels import Panel, stat, table

FILE = "cgwarden-agent.json"
TICK = "cgwarden_agent_tick_duration_seconds"
SCRAPE = "cgwarden_agent_scrape_duration_seconds"


def gauge(name):
    return q.select(f"cgwarden_agent_{name}", q.TARGET)


def glance():
    return [
        stat(
            "Agents",
            "Agents that Prometheus reaches.",
            "none",
            f"count({q.select('cgwarden_build_info', q.TARGET)})",
            "alerts.md#agentdown",
        ),
        stat("Cgroups", "Cgroups read in the last tick.", "none", f"sum({gauge('cgroups')})", "metrics.md#the-agent"),
        stat(
            "Workloads",
            "Workloads that the agents supervise now.",
            "none",
            f"sum({gauge('workloads_running')})",
            "metrics.md#the-agent",
        ),
        stat(
            "Left out",
            "Cgroups left out of the last tick because of a limit.",
            "none",
            f"sum({gauge('cgroups_dropped')})",
            "metrics.md#the-agent",
        ),
        stat(
            "Unreadable",
            "Control files that exist but could not be read or parsed in the last tick.",
            "none",
            f"sum({gauge('unreadable_files')})",
            "metrics.md#the-agent",
        ),
        stat(
            "Ticks a second",
            "Ticks per second of the slowest agent; below one in the sampling interval it does not"
            " keep up.",
            "short",
            f"min({q.rate(TICK + '_count', q.TARGET)})",
            "metrics.md#the-agent",
        ),
    ]


def duration(title, description, metric):
    return Panel(
        title,
        description,
        "s",
        (
            (q.quantile(metric, 0.5), "{{instance}} p50"),
            (q.quantile(metric, 0.99), "{{instance}} p99"),
            (
                q.by((), q.rate(metric + "_sum", q.TARGET))
                + " / "
                + q.by((), q.rate(metric + "_count", q.TARGET)),
                "{{instance}} mean",
            ),
        ),
        "metrics.md#the-agent",
    )


def cost():
    return [
        duration("Time of a tick", "Time to read all cgroups and act on them.", TICK),
        duration(
            "Time of a scrape", "Time to answer a scrape of /metrics, compression included.", SCRAPE
        ),
        Panel(
            "Time spent",
            "Share of one CPU's time in ticks and in scrapes: the mean cost.",
            "percentunit",
            (
                (q.by((), q.rate(TICK + "_sum", q.TARGET)), "{{instance}} ticks"),
                (q.by((), q.rate(SCRAPE + "_sum", q.TARGET)), "{{instance}} scrapes"),
            ),
            "metrics.md#the-agent",
        ),
        Panel(
            "Bytes sent",
            "Bytes per second of /metrics, after compression.",
            "Bps",
            ((q.by((), q.rate("cgwarden_agent_scrape_bytes_total", q.TARGET)), "{{instance}}"),),
            "metrics.md#the-agent",
        ),
    ]


def sight():
    lost = (("store_errors_total", "store errors"), ("kmsg_lost_records_total", "kmsg records"))
    versions = f"count by (instance, version) ({q.select('cgwarden_build_info', q.TARGET)})"
    return [
        Panel(
            "What the agent watches",
            "Cgroups and workloads watched, cgroups left out because of a limit, and control"
            " files it could not read.",
            "short",
            (
                (gauge("cgroups"), "{{instance}} cgroups"),
                (gauge("workloads_running"), "{{instance}} workloads"),
                (gauge("cgroups_dropped"), "{{instance}} left out"),
                (gauge("unreadable_files"), "{{instance}} unreadable"),
            ),
            "metrics.md#the-agent",
        ),
        Panel(
            "Lost evidence",
            "Failed writes to the store, and records of the kernel log that were overwritten"
            " before the agent read them. Both make verdicts less certain.",
            "short",
            tuple(
                (q.by((), q.increase(f"cgwarden_agent_{m}", q.TARGET)), f"{{{{instance}}}} {name}")
                for m, name in lost
            ),
            "alerts.md#diagnosisevidencelost",
        ),
        table(
            "Versions",
            "Which version runs where.",
            ((versions, "agents|none"),),
            "metrics.md#the-agent",
            height=4,
        ),
    ]


def dashboard():
    rows = [("At a glance", glance()), ("Cost", cost()), ("What it sees", sight())]
    return frame.dashboard(
        "cgwarden-agent",
        "Agent",
        "Cost of the agent's ticks and scrapes, what it watches and what it lost.",
        rows,
    )
