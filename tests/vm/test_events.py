"""Events: from the kernel to the store, the metrics and `cgwarden events`."""

import json

import pytest
from agent_scenario import BUILD, CGWARDEN, Scenario

pytestmark = pytest.mark.fast

ROOT = "/sys/fs/cgroup/eventful"
STORM = BUILD / "tests" / "cgroup" / "oom_storm"


@pytest.fixture
def agent(guest):
    """A running agent, and a cgroup that is not its own."""
    with Scenario(guest) as scenario:
        guest.run(f"mkdir {ROOT} && echo +memory > {ROOT}/cgroup.subtree_control", check=True)
        scenario.start_agent()
        yield scenario
        guest.run(f"for c in $(find {ROOT} -type d); do echo 1 > $c/cgroup.kill; done; "
                  f"sleep 0.2; find {ROOT} -depth -type d -exec rmdir {{}} +")


def events(scenario, *words):
    told = scenario.cli("events", "--json", *words, check=True).stdout.decode()
    return [json.loads(line) for line in told.splitlines()]


def wait_for(scenario, count, *words):
    scenario.until(lambda: len(events(scenario, *words)) >= count, f"{count} events {words}")
    return events(scenario, *words)


def test_events_of_cgroups_that_nobody_manages(agent, guest):
    (started,) = wait_for(agent, 1, "--kind", "agent_started")
    assert "cgroup" not in started

    # One group kill is one event with its victims, and has the cgroup that is gone by now.
    guest.run([STORM, "/eventful", "1", "1"], timeout=100, check=True)
    ooms = wait_for(agent, 2, "--kind", "oom_kill")
    assert sorted(oom["numbers"]["victims"] for oom in ooms) == [1, 2]
    assert all(oom["cgroup"].startswith("/eventful/") and oom["numbers"]["attributed"] == 1 for oom in ooms)

    guest.run(f"mkdir {ROOT}/still", check=True)
    sleeper = guest.spawn(["sleep", "1000"], cgroup=f"{ROOT}/still")
    guest.run(f"sleep 2; echo 1 > {ROOT}/still/cgroup.freeze", check=True)
    wait_for(agent, 1, "--kind", "frozen", "--cgroup", "/eventful/still")
    guest.run(f"echo 0 > {ROOT}/still/cgroup.freeze", check=True)
    (thawed,) = wait_for(agent, 1, "--kind", "thawed", "--cgroup", "/eventful/*")
    assert thawed["cgroup_id"] == int(guest.run(f"stat -c %i {ROOT}/still", check=True).text)
    guest.run(f"echo 1 > {ROOT}/still/cgroup.kill", check=True)
    sleeper.wait(30)

    # A limit that is hit by a process that may not be killed.
    guest.run(f"mkdir {ROOT}/tight && echo 8M > {ROOT}/tight/memory.max && echo 0 > {ROOT}/tight/memory.swap.max",
              check=True)
    eater = guest.spawn(
        ["sh", "-c", "echo -1000 > /proc/self/oom_score_adj; exec tail /dev/zero"], cgroup=f"{ROOT}/tight")
    (stuck, *_) = wait_for(agent, 1, "--kind", "oom_no_victim")
    assert stuck["cgroup"] == "/eventful/tight" and stuck["numbers"]["times"] > 0
    guest.run(f"echo 1 > {ROOT}/tight/cgroup.kill", check=True)
    eater.wait(30)

    metrics = agent.metrics()
    for kind, least in (("oom_kill", 2), ("frozen", 1), ("thawed", 1), ("oom_no_victim", 1)):
        assert metrics[f'cgwarden_agent_events_total{{kind="{kind}"}}'] >= least
    assert metrics["cgwarden_agent_events_dropped_total"] == 0

    # The agent's end is one too; all is readable without it, and the node's counters go on.
    agent.stop_agent()
    assert events(agent)[-1]["kind"] == "agent_stopped"
    agent.start_agent()
    assert agent.metrics()['cgwarden_node_oom_kills_total{attributed="yes"}'] == 2


def test_the_death_of_a_workload_and_what_follows_it(agent, guest):
    follow = guest.spawn(
        [CGWARDEN, "--state-dir", f"{agent.work}/state", "events", "--follow", "--cgroup", "short"])
    agent.add_workload("short", ["/bin/sh", "-c", "sleep 1; exit 4"])
    agent.wait_died("short")
    (death,) = wait_for(agent, 1, "--kind", "death", "--cgroup", "short")
    assert death["verdict"] == "EXITED" and death["workload"] == "short"
    assert death["cgroup"].endswith("/short.scope/payload")
    follow.wait_for_output(b"death EXITED  short")
    follow.kill()
    follow.wait(30)


def test_a_policy_asks_for_pressure(agent, guest):
    guest.run(f"mkdir {ROOT}/busy && echo +cpu > {ROOT}/cgroup.subtree_control", check=True)
    guest.write_file(f"{ROOT}/busy/cpu.max", "5000 100000")
    guest.write_file(f"{agent.work}/policies/busy.yaml", """apiVersion: cgwarden/v1
kind: Policy
metadata: {name: busy}
match: {cgroups: "/eventful/*"}
watch: {pressure: {cpu: {some: 100ms}}}
""")
    agent.until(lambda: agent.metrics()["cgwarden_agent_pressure_triggers"] >= 1, "the trigger")
    assert events(agent, "--kind", "pressure") == []
    burners = [guest.spawn(["sh", "-c", "while :; do :; done"], cgroup=f"{ROOT}/busy") for _ in range(2)]
    (fired,) = wait_for(agent, 1, "--kind", "pressure")
    assert fired["cgroup"] == "/eventful/busy"
    assert fired["numbers"]["stall_usec"] == 100_000 and fired["numbers"]["window_usec"] == 2_000_000
    assert agent.metrics()['cgwarden_agent_pressure_fired_total{kind="some",resource="cpu"}'] >= 1
    # A cgroup of the same path has a trigger of its own; none is left for one that went.
    guest.run(f"echo 1 > {ROOT}/busy/cgroup.kill", check=True)
    for burner in burners:
        burner.wait(30)
    agent.until(lambda: guest.run(f"rmdir {ROOT}/busy").returncode == 0, "it to be empty")
    agent.until(lambda: agent.metrics()["cgwarden_agent_pressure_triggers"] == 0, "the trigger to go")
    guest.run(f"mkdir {ROOT}/busy", check=True)
    agent.until(lambda: agent.metrics()["cgwarden_agent_pressure_triggers"] == 1, "the new one")
