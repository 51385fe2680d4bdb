"""Thousands of cgroups that come and go under an agent: none loses its last value, and nothing of them stays."""

import re
import time

import pytest
from agent_scenario import BUILD, Scenario

pytestmark = pytest.mark.fast

CHURN = BUILD / "tests" / "cgroup" / "cgroup_churn"
TOP = "/sys/fs/cgroup/churned"
WAVES, EACH = 6, 125  # and as many more that are gone at once
# After its process a cgroup lives a few ticks of a busy emulated machine: what is compared is what was read, not how soon.
HOLD_MSEC = 5000
SERIES = re.compile(r'^cgwarden_cgroup_cpu_usage_seconds_total\{cgroup="/churned/(c[^"]*)"\} (\S+)$', re.MULTILINE)


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        guest.run(f"mkdir {TOP}", check=True)
        # The recorder opens its file when it first stores, after a minute, and a BPF program that nobody asked for is loaded
        # after half a minute: neither is a leak.
        guest.write_file(f"{made.work}/agent.yaml",
                         "apiVersion: cgwarden/v1\nkind: Agent\nrecorder: {enabled: false}\n"
                         "sampling: {collector: bpf}\n")
        made.start_agent("--config", f"{made.work}/agent.yaml")
        yield made
        guest.run(f"rmdir {TOP}/* {TOP}")


def held(scenario):
    """What a leak would make grow. A BPF program whose walks take too long is given up."""
    pid = scenario.agent.pid
    count = scenario.guest.run(
        f"ls -l /proc/{pid}/fd | grep -vcE 'bpf|btf'; "
        f"cat /proc/{pid}/fdinfo/* | grep -cE '^(inotify wd|fanotify (sdev|ino)|tfd)'", check=True)
    fds, watches = map(int, count.text.split())
    metrics = scenario.metrics()
    return {"fds": fds, "kernel watches": watches, "kept": metrics["cgwarden_agent_kept_files"],
            "cgroups": metrics["cgwarden_agent_cgroups"],
            "series": sum("/churned/" in series for series in metrics)}


def memory_kib(scenario):
    status = scenario.guest.read_file(f"/proc/{scenario.agent.pid}/status").decode()
    return int(re.search(r"^RssAnon:\s+(\d+)", status, re.MULTILINE)[1])


def test_no_last_value_is_lost_and_nothing_stays(scenario):
    guest = scenario.guest
    exported = {}

    def scrape():
        text = guest.run(["curl", "-sf", "http://127.0.0.1:9753/metrics"], check=True).text
        # The last one of each name stays: a cgroup that went shows its last value.
        found = dict(SERIES.findall(text))
        exported.update(found)
        return found

    def churned(waves):
        """What the kernel said of each at its end."""
        exported.clear()
        churn = guest.spawn([CHURN, TOP, str(waves), str(EACH), str(HOLD_MSEC)])
        while churn.running:
            scrape()
            time.sleep(1)
        assert churn.wait(60).returncode == 0, churn.stderr
        scenario.until(lambda: not scrape(), "the end of the series")
        return dict(line.split() for line in churn.stdout.decode().splitlines())

    # The first waves bring the agent's tables, and what a scrape needs, to their size.
    churned(2)
    before, memory = held(scenario), memory_kib(scenario)
    truth = churned(WAVES)
    assert len(truth) == WAVES * EACH
    assert {name: round(float(value) * 1e6) for name, value in exported.items()} == {
        name: int(usage) for name, usage in truth.items()}
    now = {}

    def returned():
        now.update(held(scenario))
        return now == before

    try:
        scenario.until(returned, "what it held before")
    except AssertionError:
        assert now == before
        raise
    assert memory_kib(scenario) < memory + 3000
    metrics = scenario.metrics()
    assert metrics['cgwarden_agent_cgroups_dropped_total{reason="gone_hold"}'] == 0
    assert metrics['cgwarden_agent_collector_success{collector="tick"}'] == 1
