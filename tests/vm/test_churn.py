"""Thousands of cgroups that come and go under an agent: none loses its last value, and nothing of them stays."""

import re
import time

import pytest
from agent_scenario import BUILD, Scenario

pytestmark = pytest.mark.fast

CHURN = BUILD / "tests" / "cgroup" / "cgroup_churn"
TOP = "/sys/fs/cgroup/churned"
WAVES, EACH = 4, 125  # and as many more that are gone at once
# Of a machine that does all the tests at once. Nothing is compared with a time.
PATIENCE = 600
SERIES = re.compile(r'^cgwarden_cgroup_cpu_usage_seconds_total\{cgroup="/churned/(c[^"]*)"\} (\S+)$', re.MULTILINE)
TICKS = re.compile(r"^cgwarden_agent_tick_duration_seconds_count (\S+)$", re.MULTILINE)


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        guest.run(f"mkdir {TOP}", check=True)
        made.start_agent()
        yield made
        guest.run(f"rmdir {TOP}/* {TOP}")


def held(scenario):
    """What a leak would make grow."""
    pid = scenario.agent.pid
    count = scenario.guest.run(
        f"ls /proc/{pid}/fd | wc -l; cat /proc/{pid}/fdinfo/* | grep -cE '^(inotify wd|fanotify (sdev|ino)|tfd)'", check=True)
    fds, watches = map(int, count.text.split())
    metrics = scenario.metrics()
    return {"fds": fds, "kernel watches": watches, "kept": metrics["cgwarden_agent_kept_files"],
            "cgroups": metrics["cgwarden_agent_cgroups"],
            "series": sum("/churned/" in series for series in metrics)}


def memory_kib(scenario):
    status = scenario.guest.read_file(f"/proc/{scenario.agent.pid}/status").decode()
    return int(re.search(r"^RssAnon:\s+(\d+)", status, re.MULTILINE)[1])


def churn(scenario, waves, gate):
    """Lets waves come and go. What was exported last of each cgroup, and what it had used in the end."""
    guest, exported = scenario.guest, {}
    program = guest.spawn([CHURN, TOP, str(waves), str(EACH), gate])

    def scrape():
        # Every scrape counts: a cgroup that went shows its last value to two of them.
        # Two in a tick are enough, and leave the agent the processor for its ticks.
        time.sleep(0.5)
        text = guest.run(["curl", "-sf", "http://127.0.0.1:9753/metrics"], check=True).text
        exported.update(SERIES.findall(text))
        return text

    def ticks():
        return float(TICKS.search(scrape())[1])

    def until(condition, what):
        scenario.until(lambda: condition() or not program.running, what, PATIENCE)
        assert program.running, program.stderr

    for wave in range(waves):
        until(lambda: scrape() and f"ended {wave}\n".encode() in program.stdout, f"wave {wave}")
        # What is compared is what was read, not how soon: the tick under way and two whole ones.
        begun = ticks()
        until(lambda: ticks() >= begun + 3, f"three ticks after wave {wave}")
        guest.write_file(f"{gate}{wave}", "")
    ended = program.wait(PATIENCE)
    assert ended.returncode == 0, ended
    lines = [line.split() for line in program.stdout.decode().splitlines()]
    scenario.until(lambda: "/churned/" not in scrape(), "the end of the series", PATIENCE)
    return exported, {name: int(usage) for name, usage in lines if name != "ended"}


def test_no_last_value_is_lost_and_nothing_stays(scenario):
    # The first waves bring the agent's tables to their size.
    churn(scenario, 2, f"{scenario.work}/first")
    before, memory = scenario.settled(lambda: held(scenario), "the agent"), memory_kib(scenario)
    assert before["series"] == 0
    exported, truth = churn(scenario, WAVES, f"{scenario.work}/then")
    assert len(truth) == WAVES * EACH
    assert {name: round(float(value) * 1e6) for name, value in exported.items()} == truth
    scenario.until(lambda: held(scenario) == before, f"{before} to return", PATIENCE)
    assert memory_kib(scenario) < memory + 3000
    metrics = scenario.metrics()
    assert metrics['cgwarden_agent_cgroups_dropped_total{reason="gone_hold"}'] == 0
    assert metrics['cgwarden_agent_collector_success{collector="tick"}'] == 1
