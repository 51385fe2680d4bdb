"""How the agent watches cgroups that are not its own, on a real kernel: they come, go and leave their last values."""

import pytest
from agent_scenario import Scenario

pytestmark = pytest.mark.fast

TOP = "/sys/fs/cgroup/watched"
# Longer than any of these cgroups lives: what is seen of them was not seen by a tick.
INTERVAL = "5"
# Of a machine that does all the tests at once. Nothing is compared with a time.
PATIENCE = 600

# A process of its own that works a little and ends.
WORK = "sh -c 'echo $$ > {cgroup}/cgroup.procs; i=0; while [ $i -lt {loops} ]; do i=$((i+1)); done'"

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


def live_briefly(guest, cgroup, loops):
    """A process in it that works and ends; returns when the kernel calls it empty."""
    guest.run(WORK.format(cgroup=cgroup, loops=loops) +
              f"; while ! grep -q 'populated 0' {cgroup}/cgroup.events; do sleep 0.05; done", check=True, timeout=PATIENCE)


def events_are_taken(scenario, witness):
    """Returns when the agent has read all that the kernel told of up to now: its first read that began later is done."""
    runs = 'cgwarden_agent_collector_runs_total{collector="events"}'
    # The one that may be under way, and a whole one.
    wanted = scenario.metrics()[runs] + 2

    def taken():
        live_briefly(scenario.guest, witness, 1)
        return scenario.metrics()[runs] >= wanted

    scenario.until(taken, "the agent to read what became empty", PATIENCE)


def test_a_cgroup_between_two_ticks_shows_its_last_values_to_two_scrapes(scenario):
    guest = scenario.guest
    guest.run(f"mkdir {TOP}/witness", check=True)
    scenario.until(lambda: about(scenario.metrics(), "/watched/witness"), "the witness", PATIENCE)
    guest.run(f"mkdir {TOP}/short", check=True)
    live_briefly(guest, f"{TOP}/short", 20000)
    events_are_taken(scenario, f"{TOP}/witness")
    used = int(guest.run(f"sed -n 's/^usage_usec //p' {TOP}/short/cpu.stat; rmdir {TOP}/short {TOP}/witness", check=True).text)
    assert used > 0
    series = 'cgwarden_cgroup_cpu_usage_seconds_total{cgroup="/watched/short"}'
    *_, first, second = scenario.last_shown(lambda metrics: about(metrics, "/watched/short"), "the series", PATIENCE)
    assert first[series] == pytest.approx(used / 1e6, abs=1e-9)
    assert second == first


def test_a_workload_between_two_ticks_shows_its_last_values_under_its_name(scenario):
    scenario.add_workload("brief", ["/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"])
    scenario.until(lambda: "workload_died workload=brief " in scenario.log(), "its death", PATIENCE)
    series = ('cgwarden_cgroup_cpu_usage_seconds_total'
              '{cgroup="/cgwarden.slice/brief.scope/payload",workload="brief"}')
    *_, first, second = scenario.last_shown(lambda metrics: metrics.get(series), "the series", PATIENCE)
    assert second == first > 0


def test_churn_leaves_nothing_behind(scenario):
    def state():
        fds = int(scenario.guest.run(f"ls /proc/{scenario.agent.pid}/fd | wc -l", check=True).text)
        metrics = scenario.metrics()
        return {
            "fds": fds,
            "kept": metrics["cgwarden_agent_kept_files"],
            "cgroups": metrics["cgwarden_agent_cgroups"],
            "series": len([series for series in metrics if "/watched/" in series]),
        }

    before = scenario.settled(state, "the agent", PATIENCE)
    scenario.guest.run(CHURN, check=True, timeout=PATIENCE)
    scenario.until(lambda: state() == before, "fds, cgroups and series to return", PATIENCE)
    metrics = scenario.metrics()
    assert metrics['cgwarden_agent_cgroups_dropped_total{reason="gone_hold"}'] == 0
    # A cgroup that ends while it is read is no failure.
    assert metrics['cgwarden_agent_collector_success{collector="tick"}'] == 1
