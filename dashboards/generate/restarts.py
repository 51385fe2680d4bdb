"""Restarts and verdicts: which workloads died, of what, and how often they were started again."""

import frame
import queries as q
import shared
from panels import events, stat, table, timeline

FILE = "cgwarden-restarts.json"
RUNNING = "cgwarden_workload_running"


def glance():
    running = q.select(RUNNING, q.WORKLOAD)
    verdict = "workload_verdict:cgwarden_workload_deaths:increase1d"
    unknown = q.select(verdict, q.WORKLOAD + ', verdict="UNKNOWN"')
    return [
        stat("Running", "Workloads that run.", "none", f"sum({running})", "alerts.md#workloadcrashlooping"),
        stat(
            "Not running",
            "Workloads that are stopped or wait for their restart.",
            "none",
            f"count({running}) - sum({running})",
            "alerts.md#workloadcrashlooping",
        ),
        stat(
            "Unhealthy",
            "Running workloads whose health check fails or has not passed yet.",
            "none",
            f"count({q.select('cgwarden_workload_healthy', q.WORKLOAD)})"
            f" - sum({q.select('cgwarden_workload_healthy', q.WORKLOAD)})",
            "policy-reference.md#health-checks",
        ),
        stat(
            "Deaths in a day",
            "Deaths of the last 24 hours (a recording rule of rules.yml).",
            "short",
            f"round(sum({q.select(verdict, q.WORKLOAD)}))",
            "runbook.md",
        ),
        stat(
            "Restarts in a day",
            "Restarts of the last 24 hours (a recording rule of rules.yml).",
            "short",
            f"round(sum({q.select('workload_reason:cgwarden_workload_restarts:increase1d', q.WORKLOAD)}))",
            "alerts.md#workloadcrashlooping",
        ),
        stat(
            "Unexplained in a day",
            "Deaths of the last 24 hours without a verdict (a recording rule of rules.yml).",
            "short",
            f"round(sum({unknown}))",
            "runbook.md#unknown",
        ),
    ]


def day(title, description, metric, labels, docs):
    expression = f"round({q.by(('workload', *labels), q.select(metric, q.WORKLOAD))}) > 0"
    return table(title, description, ((expression, "count|short"),), docs, 12)


def dashboard():
    others = "Of the last 24 hours, from recording rules of rules.yml; the largest twenty of each column. Counters outlive the"
    rows = [
        ("At a glance", glance()),
        (
            "When",
            [
                shared.running(width=24),
                shared.deaths_by_verdict(),
                shared.restarts_by_reason(),
                timeline(
                    "Healthy",
                    "Of workloads with a health check: green while it passes.",
                    q.select("cgwarden_workload_healthy", q.WORKLOAD),
                    "{{workload}}",
                    "policy-reference.md#health-checks",
                ),
                events(
                    "Starts",
                    "Starts of a workload, restarts included.",
                    q.by_workload("cgwarden_workload_starts_total", function="increase"),
                    "{{workload}}",
                    "alerts.md#workloadcrashlooping",
                ),
            ],
        ),
        (
            "The last 24 hours",
            [
                day(
                    "Deaths by workload and verdict",
                    "From a recording rule of rules.yml. The runbook has a section for every verdict.",
                    "workload_verdict:cgwarden_workload_deaths:increase1d",
                    ("verdict",),
                    "runbook.md",
                ),
                day(
                    "Restarts by workload and reason",
                    "From a recording rule of rules.yml.",
                    "workload_reason:cgwarden_workload_restarts:increase1d",
                    ("reason",),
                    "alerts.md#workloadcrashlooping",
                ),
            ],
        ),
        (
            "Everybody's units and containers",
            [
                shared.deaths_of_others(),
                shared.restarts_of_others(),
                shared.in_a_day(
                    "Units of systemd in a day",
                    others + " unit's cgroups.",
                    "unit_uid",
                    "unit",
                    "metrics.md#units-and-containers",
                ),
                shared.in_a_day(
                    "Containers in a day",
                    others + " container's cgroups: a container of the same name goes on.",
                    "namespace_pod_container_runtime_uid",
                    "container",
                    "metrics.md#units-and-containers",
                ),
            ],
        ),
    ]
    return frame.dashboard(
        "cgwarden-restarts",
        "Restarts and verdicts",
        "Deaths by verdict, restarts by reason, and health: of workloads, units and containers.",
        rows,
        [frame.workload_variable()],
        [frame.deaths(), frame.deaths_of_others()],
    )
