"""How the agent watches cgroups that are not its own, on a real kernel: they come, go and leave their last values."""

import pytest
from agent_scenario import Scenario

pytestmark = pytest.mark.fast

TOP = "/sys/fs/cgroup/watched"
# Longer than any of these cgroups lives: what is seen of them was not seen by a tick.
INTERVAL = "5"

SHORT_LIFE = f"""
mkdir {TOP}/short
sh -c 'echo $$ > {TOP}/short/cgroup.procs; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'
while ! grep -q "populated 0" {TOP}/short/cgroup.events; do sleep 0.05; done
sleep 1
sed -n "s/^usage_usec //p" {TOP}/short/cpu.stat
rmdir {TOP}/short
"""

CHURN = f"""
for round in 1 2 3 4 5 6; do
  for i in $(seq 50); do mkdir {TOP}/churn$round.$i; done
  for i in $(seq 50); do rmdir {TOP}/churn$round.$i; done
done
"""


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        guest.run(f"echo +cpu +memory > /sys/fs/cgroup/cgroup.subtree_control; mkdir -p {TOP}; "
                  f"echo +cpu +memory > {TOP}/cgroup.subtree_control", check=True)
        made.start_agent("--interval", INTERVAL)
        yield made
        guest.run(f"rmdir {TOP}")


def about(metrics, cgroup):
    return {series: value for series, value in metrics.items() if f'cgroup="{cgroup}"' in series}


def test_the_best_watch_of_the_kernel_is_in_use(scenario):
    major, minor = map(int, scenario.guest.run("uname -r", check=True).text.split(".")[:2])
    wanted = "fanotify" if (major, minor) >= (6, 6) else "inotify"
    metrics = scenario.metrics()
    assert {kind: metrics[f'cgwarden_agent_discovery{{kind="{kind}"}}'] for kind in ("fanotify", "inotify", "polling")} == {
        "fanotify": 0, "inotify": 0, "polling": 0} | {wanted: 1}
    assert metrics['cgwarden_agent_read_errors_total{file="cpu.stat",kind="io"}'] == 0
    assert metrics['cgwarden_agent_cgroups_dropped_total{reason="cap"}'] == 0
    assert metrics['cgwarden_agent_collector_success{collector="tick"}'] == 1


def test_a_cgroup_between_two_ticks_shows_its_last_values_to_two_scrapes(scenario):
    used = int(scenario.guest.run(SHORT_LIFE, check=True).text)
    assert used > 0
    series = 'cgwarden_cgroup_cpu_usage_seconds_total{cgroup="/watched/short"}'
    first = scenario.until(lambda: about(scenario.metrics(), "/watched/short"), "the last values")
    assert first[series] == pytest.approx(used / 1e6, abs=1e-9)
    second = about(scenario.metrics(), "/watched/short")
    assert second == first
    scenario.until(lambda: not about(scenario.metrics(), "/watched/short"), "the end of the series")


def test_a_workload_between_two_ticks_shows_its_last_values_under_its_name(scenario):
    scenario.add_workload("brief", ["/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"])
    scenario.wait_died("brief")
    series = ('cgwarden_cgroup_cpu_usage_seconds_total'
              '{cgroup="/cgwarden.slice/brief.scope/payload",workload="brief"}')
    first = scenario.until(lambda: scenario.metrics().get(series), "the last values")
    assert first > 0
    assert scenario.metrics().get(series) == first
    scenario.until(lambda: series not in scenario.metrics(), "the end of the series")


def test_churn_leaves_nothing_behind(scenario):
    def state():
        # The BPF program comes half a minute after the start, and may go again.
        fds = int(scenario.guest.run(f"ls -l /proc/{scenario.agent.pid}/fd | grep -vcE 'bpf|btf'", check=True).text)
        metrics = scenario.metrics()
        return {
            "fds": fds,
            "kept": metrics["cgwarden_agent_kept_files"],
            "cgroups": metrics["cgwarden_agent_cgroups"],
            "series": len([series for series in metrics if "/watched/" in series]),
        }

    before = state()
    scenario.guest.run(CHURN, check=True, timeout=120)
    scenario.until(lambda: state() == before, "fds, cgroups and series to return")
    metrics = scenario.metrics()
    assert metrics['cgwarden_agent_cgroups_dropped_total{reason="gone_hold"}'] == 0
    # A cgroup that ends while it is read is no failure.
    assert metrics['cgwarden_agent_collector_success{collector="tick"}'] == 1
