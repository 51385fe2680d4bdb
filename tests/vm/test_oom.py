"""OOM kills of cgroups that are not the agent's, gone before anybody could look at them."""

import json
import re
import signal

import foreign_cgroups
import pytest

from agent_scenario import BUILD, Scenario
from foreign_cgroups import UNIT

pytestmark = pytest.mark.fast

LEAKER = f"{BUILD}/examples/leaker"
STORM = BUILD / "tests" / "cgroup" / "oom_storm"
TRACING = "/sys/kernel/tracing"
ROOT = "/sys/fs/cgroup/oomstorm"
LINE = re.compile(r"oom_incident cgroup=(\S+) attributed=(\S+) victims=(.*)$", re.MULTILINE)
ATTRIBUTED = 'cgwarden_node_oom_kills_total{attributed="yes"}'
UNATTRIBUTED = 'cgwarden_node_oom_kills_total{attributed="no"}'


@pytest.fixture
def agent(guest):
    """An agent, and a cgroup for others' cgroups."""
    with Scenario(guest) as scenario:
        guest.run(f"mkdir {ROOT} && echo +memory > {ROOT}/cgroup.subtree_control", check=True)
        yield scenario
        guest.run(f"find {ROOT} -depth -type d -exec rmdir {{}} +")


def storm(guest, single, group):
    """Makes the kills; the pids that died in each cgroup."""
    told = guest.run([STORM, "/oomstorm", str(single), str(group)], timeout=200, check=True).text
    made = {path: sorted(pids.split()) for path, pids in re.findall(r"^\w+ (\S+) (.*)$", told, re.MULTILINE)}
    assert len(made) == single + group
    return made


def told_of(agent):
    """The same from the log, which has no cgroup twice."""
    incidents = LINE.findall(agent.log())
    told = {cgroup: sorted(re.findall(r"(\d+) \(oom_storm\) [\d.]+ \w+", victims))
            for cgroup, attributed, victims in incidents if attributed == "yes"}
    assert len(told) == len(incidents)
    return told


def check_counts(agent, guest, incidents, victims):
    agent.until(lambda: agent.metrics()[ATTRIBUTED] + agent.metrics()[UNATTRIBUTED] >= incidents, "all incidents")
    # A second count of anything would come from the counters, once they were waited for.
    guest.run("sleep 5")
    metrics = agent.metrics()
    assert (metrics[ATTRIBUTED], metrics[UNATTRIBUTED]) == (incidents, 0), agent.log()[-4000:]
    assert metrics["cgwarden_node_oom_victims_total"] == victims
    assert metrics["cgwarden_agent_oom_trace_lost_events_total"] == 0


@pytest.mark.each_kernel
def test_every_kill_of_a_storm_is_counted_once_with_cgroup_and_victim(agent, guest):
    agent.start_agent()
    assert agent.metrics()["cgwarden_agent_oom_trace_working"] == 1, agent.log()
    assert agent.metrics()[ATTRIBUTED] == agent.metrics()[UNATTRIBUTED] == 0
    made = storm(guest, 100, 100)
    check_counts(agent, guest, 200, 300)
    assert told_of(agent) == made


@pytest.mark.each_kernel
def test_kills_of_a_time_in_which_the_agent_did_not_run_have_their_cgroup_too(agent, guest):
    """Nothing is left in /proc: what names the cgroups is the event of their emptying."""
    agent.start_agent()
    agent.agent.kill(signal.SIGSTOP)
    made = storm(guest, 30, 30)
    agent.agent.kill(signal.SIGCONT)
    check_counts(agent, guest, 60, 90)
    assert told_of(agent) == made


def instances(guest):
    return guest.run(f"ls {TRACING}/instances", check=True).text.split()


def test_a_killed_agents_instance_is_swept_and_a_stopped_one_leaves_none(agent, guest):
    agent.start_agent()
    (left,) = instances(guest)
    agent.kill_agent()
    assert instances(guest) == [left]
    agent.start_agent()
    (mine,) = instances(guest)
    assert mine != left
    agent.stop_agent()
    assert instances(guest) == []


def test_tracefs_needs_not_be_mounted(agent, guest):
    guest.run(f"umount {TRACING}", check=True)
    try:
        agent.start_agent()
        assert agent.metrics()["cgwarden_agent_oom_trace_working"] == 1, agent.log()
        guest.run([STORM, "/oomstorm", "1", "1"], check=True)
        agent.until(lambda: agent.metrics()[ATTRIBUTED] == 2, "two incidents")
        agent.stop_agent()
    finally:
        guest.run(f"mount -t tracefs tracefs {TRACING}", check=True)
    assert instances(guest) == []


def test_without_tracefs_the_agent_says_so_and_counts_by_the_counters(agent, guest):
    guest.run(f"mount -o remount,ro {TRACING}", check=True)
    try:
        agent.start_agent()
        metrics = agent.metrics()
        assert metrics["cgwarden_agent_oom_trace_working"] == 0
        assert metrics[ATTRIBUTED] == metrics[UNATTRIBUTED] == 0
        assert agent.log().count("oom_trace_off") == 1
        assert "Read-only file system" in agent.log()
        guest.run([STORM, "/oomstorm", "1", "1"], check=True)
        agent.until(lambda: agent.metrics()[UNATTRIBUTED] >= 1, "an incident without its cgroup")
        assert agent.metrics()[ATTRIBUTED] == 0
        limits = {"memory.max": "32M", "memory.swap.max": "0"}
        leaks = ["sh", "-c", f"{LEAKER}; exec sleep 1000"]
        with foreign_cgroups.running(guest, (leaks, limits), (["sleep", "1000"], {})):
            agent.until(lambda: agent.metrics()[ATTRIBUTED] >= 1, "an incident of the unit", 120)
            kills = ["events", "--json", "--kind", "oom_kill", "--cgroup", UNIT]
            line = agent.until(lambda: agent.cli(*kills, check=True).text, "the event")
            assert "unknown: no event, only counters" in json.loads(line)["text"], line
        agent.stop_agent()
    finally:
        guest.run(f"mount -o remount,rw {TRACING}", check=True)
