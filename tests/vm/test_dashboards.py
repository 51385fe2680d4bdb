"""A real Prometheus scrapes a real agent: every expression of the dashboards and rules has data."""

import foreign_cgroups
import pytest
from agent_scenario import PORT, Scenario
from prometheus_in_guest import configuration, expressions, running_prometheus

pytestmark = pytest.mark.fast

# A scrape that takes longer than the step fails, and emulation is slow.
STEP = 3
PATIENCE = 240
# Ten scrapes, of which some may fail.
INTERVALS = expressions.Intervals(rate="30s", interval="30s", range="2m")
# Every limit the dashboards draw, on a program that is throttled, lives and is healthy.
RESOURCES = (
    "{cpu: {max: 20ms/100ms}, memory: {high: 64MiB, max: 96MiB, swap.max: 0}, pids: {max: 64}}"
)
# Of these only the counters matter.
OTHERS = ("exec sleep 1000", {"cpu.max": "max", "memory.max": "64M"})
POLICIES = """\
apiVersion: cgwarden/v1
kind: Policy
metadata: {name: unit}
match: {cgroups: /system.slice/report.service}
pids: {max: 40}
---
apiVersion: cgwarden/v1
kind: Policy
metadata: {name: tryout}
match: {cgroups: /system.slice/report.service}
mode: plan
memory: {high: 32MiB}
"""
HEALTH = "health: {exec: [/bin/busybox, 'true'], interval: 1s, timeout: 5s}\n"


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        yield made


@pytest.fixture
def others(guest):
    """A unit of systemd and a container of Kubernetes."""
    with foreign_cgroups.running(guest, OTHERS, OTHERS) as container_again:
        yield container_again


@pytest.fixture
def prometheus(scenario):
    with running_prometheus(scenario, configuration(PORT, STEP)) as found:
        yield found


def test_every_expression_has_data_and_the_oom_alert_fires(scenario, others, prometheus):
    scenario.guest.write_file(f"{scenario.work}/policies/p.yaml", POLICIES)
    scenario.start_agent()
    scenario.add_workload(
        "busy", ["/bin/sh", "-c", "while :; do :; done"], resources=RESOURCES, extra=HEALTH
    )
    scenario.wait_running("busy")
    scraped = "sum_over_time(up[2m])"
    scenario.until(lambda: (prometheus.value(scraped) or 0) >= 10, "ten scrapes", PATIENCE)

    wanted = expressions.all_expressions(INTERVALS)
    assert len(wanted) >= 200
    # A rate needs two samples of a series, also of one that came late.
    scenario.until(lambda: not prometheus.without_data(wanted), "data for every expression", PATIENCE)
    assert prometheus.without_data(wanted) == []
    throttled = 'increase(cgwarden_workload_throttled_seconds_total{workload="busy"}[2m])'
    assert prometheus.value(throttled) > 0

    what_happens_shows(scenario, others, prometheus)

    # The counters of a workload are scraped at 0 before its death, so that increase() sees it.
    scenario.add_workload(
        "leaker",
        ["/bin/sh", "-c", "sleep 15; exec /bin/leaker"],
        resources="{memory: {max: 32MiB, swap.max: 0}}",
    )
    scenario.until(lambda: "workload_died workload=leaker " in scenario.log(), "its death", PATIENCE)
    alert = 'ALERTS{alertname="WorkloadOOMOwnLimit", workload="leaker", alertstate="firing"}'
    scenario.until(lambda: prometheus.value(alert) == 1, "the alert", PATIENCE)
    other = 'ALERTS{alertname=~"WorkloadOOM.*|NodeGlobalOOM|AgentDown", alertname!="WorkloadOOMOwnLimit"}'
    assert prometheus.query(other) == []


def what_happens_shows(scenario, container_again, prometheus):
    """Drift, plans, and the ends of containers: born at 0, so that increase() sees the first."""

    def becomes(value, promql):
        scenario.until(lambda: prometheus.value(promql) == value, f"{promql} to be {value}", PATIENCE)

    becomes(1, 'cgwarden_agent_policy_pending_writes{state="planned"}')
    becomes(0, 'cgwarden_agent_policy_pending_writes{state="failed"}')
    assert prometheus.value("cgwarden_agent_policy_drift_found_total") == 0
    pids = f"{foreign_cgroups.ROOT}{foreign_cgroups.UNIT}/pids.max"
    scenario.until(lambda: scenario.guest.read_file(pids) == b"40\n", "the policy")
    scenario.guest.write_file(pids, "41")
    becomes(1, "cgwarden_agent_policy_drift_repaired_total")
    assert scenario.guest.read_file(pids) == b"40\n"
    assert prometheus.value("increase(cgwarden_agent_policy_drift_found_total[10m]) > bool 0") == 1

    assert prometheus.value('sum(cgwarden_container_deaths_total{container="cart"})') == 0
    container_again()
    becomes(1, 'cgwarden_container_deaths_total{container="cart", verdict="KILLED_BY_CGROUP_KILL"}')
    becomes(1, 'cgwarden_container_restarts_total{container="cart", reason="signal"}')
    assert prometheus.value('sum(increase(cgwarden_container_deaths_total{container="cart"}[10m])) > bool 0') == 1
