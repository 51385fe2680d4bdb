"""The loops of policies (`adapt:`): a quota that is found, a cgroup that hangs at memory.high, and mode plan."""

import json
import re

import pytest
from agent_scenario import BUILD
from policy_lab import HEAD, ROOT, Lab, agent_beside

pytestmark = pytest.mark.fast

LAB = "/adapted"
LEAKER = f"{BUILD}/examples/leaker"
MIB = 1 << 20
# Bursts, as of requests: some work, then nothing.
BURSTY = "while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.3; done"


@pytest.fixture(scope="module")
def scenario(machine_slot):
    """One agent and one guest for all: each case has a cgroup and a policy of its own."""
    with agent_beside(machine_slot.guest(), LAB) as made:
        yield made


class LoopLab(Lab):
    """With what its loops decided."""

    def decisions(self):
        """Those of the store, the oldest first."""
        text = self.scenario.cli("events", "--kind", "policy_adapt", "--cgroup", self.path, "--json", check=True).text
        events = [json.loads(line) for line in text.splitlines() if line.strip()]
        return [event for event in events if event["cgroup"] == self.path]

    def explained(self):
        return self.scenario.cli("policy", "explain", self.path, "--policy-dir", f"{self.scenario.work}/policies",
                                 check=True).text

    def ends(self):
        self.wants_nothing()
        self.scenario.guest.run(f"echo 1 > {ROOT}{self.path}/cgroup.kill", check=True)


@pytest.fixture
def lab(scenario, request):
    return LoopLab(scenario, LAB, request)


def quota(text):
    """Of cpu.max, in microseconds; None: max."""
    value = text.split()[0]
    return None if value == "max" else int(value)


def after_ticks(scenario, count):
    before = scenario.ticks()
    scenario.until(lambda: scenario.ticks() >= before + count, f"{count} ticks", 300)


def test_a_quota_that_is_too_small_is_found_and_given_back(scenario, lab):
    lab.write("cpu.max", "2000 100000")
    lab.runs(["/bin/sh", "-c", BURSTY])
    lab.wants("adapt: {cpu: {floor: 20m, ceiling: 1.5}}\n")
    scenario.until(lambda: quota(lab.read("cpu.max")) > 4000, "a larger quota", 300)
    raised = lab.said("policy_adapt", "loop=cpu ", "reason=backlog ")
    assert "mode=enforce" in raised[0] and "cpu.max" in raised[0], raised
    # The burst goes with it, and the kernel took both in this order.
    scenario.until(lambda: quota(lab.read("cpu.max")) == int(lab.read("cpu.max.burst")), "the burst", 300)
    assert not lab.lines("policy_write_failed"), lab.lines("policy_write_failed")
    # Our own values are no drift.
    assert not lab.lines("policy_drift"), lab.lines("policy_drift")
    # Stored with its inputs, and told by `policy explain`.
    scenario.until(lambda: any(event["numbers"].get("throttled_periods") for event in lab.decisions()), "the store", 120)
    event = next(event for event in lab.decisions() if event["numbers"].get("throttled_periods"))
    numbers = event["numbers"]
    assert numbers["after_millicores"] > numbers["before_millicores"], event
    # Held from one look to the next it has used nothing, and the kernel counts what it lost when it goes on.
    assert numbers["periods"] >= numbers["throttled_periods"], event
    assert {"usage_usec", "throttled_usec", "length_usec"} <= set(numbers), event
    text = lab.explained()
    assert "last decisions of loops" in text and "the cpu loop of policy" in text, text
    assert f"the agent for policy {lab.name}" in text and "found by its loop" in text, text
    metrics = scenario.metrics()
    assert metrics['cgwarden_agent_policy_adapt_decisions_total{loop="cpu",reason="backlog"}'] >= 1
    assert metrics["cgwarden_agent_policy_adapted_cgroups"] >= 1
    # Somebody else's quota is drift as that of any policy: repaired, and not gone on with.
    for _ in range(10):
        lab.write("cpu.max", "777000 1000000")
        after_ticks(scenario, 3)
        # One that comes between a tick's look and its own write is overwritten unseen.
        if lab.lines("policy_drift", "file=cpu.max ", "777000 1000000"):
            break
    lab.said("policy_drift", "file=cpu.max ", "777000 1000000")
    scenario.until(lambda: lab.read("cpu.max") != "777000 1000000", "the repair", 120)
    # Without the policy it has again what it had, and the journal is empty.
    lab.ends()
    lab.becomes("cpu.max", "2000 100000")
    lab.becomes("cpu.max.burst", "0")
    assert scenario.metrics()["cgwarden_agent_policy_adapted_cgroups"] == 0


LOOKS = 'cgwarden_agent_collector_runs_total{collector="cpu_loops"}'


def test_a_backlog_is_found_between_two_ticks(scenario, lab):
    """Of an agent that samples once per second; what a look takes is counted."""
    assert scenario.metrics()["cgwarden_agent_sampling_interval_seconds"] == 1
    looks = scenario.metrics()[LOOKS]
    lab.write("cpu.max", "2000 100000")
    lab.runs(["/bin/sh", "-c", BURSTY])
    lab.wants("adapt: {cpu: {floor: 20m, ceiling: 1.5}}\n")
    scenario.until(lambda: any(reason_of(event) == "backlog" and event["numbers"]["length_usec"] < 500_000
                               for event in lab.decisions()), "a backlog found between two ticks", 300)
    scenario.until(lambda: scenario.metrics()[LOOKS] >= looks + 20, "looks", 300)
    # What was written between two ticks is nobody else's doing, and no failure.
    after_ticks(scenario, 5)
    assert not lab.lines("policy_drift"), lab.lines("policy_drift")
    assert not lab.lines("policy_write_failed"), lab.lines("policy_write_failed")
    # Nobody looks where no loop is.
    lab.ends()
    lab.becomes("cpu.max", "2000 100000")
    after_ticks(scenario, 2)
    looks = scenario.metrics()[LOOKS]
    after_ticks(scenario, 3)
    assert scenario.metrics()[LOOKS] == looks


def test_an_agent_that_comes_back_goes_on(scenario, lab):
    lab.write("cpu.max", "2000 100000")
    lab.runs(["/bin/sh", "-c", BURSTY])
    lab.wants("adapt: {cpu: {floor: 20m, ceiling: 1.5}}\n")
    scenario.until(lambda: quota(lab.read("cpu.max")) > 4000, "a larger quota", 300)
    scenario.kill_agent()
    scenario.start_agent()
    # It is the loop's, and not given back in between.
    after_ticks(scenario, 5)
    assert not lab.lines("policy_restored"), lab.lines("policy_restored")
    assert quota(lab.read("cpu.max")) >= 2000 and lab.read("cpu.max") != "2000 100000", lab.read("cpu.max")
    lab.ends()
    lab.becomes("cpu.max", "2000 100000")


def test_mode_plan_tells_and_writes_nothing(scenario, lab):
    lab.write("cpu.max", "2000 100000")
    lab.runs(["/bin/sh", "-c", BURSTY])
    lab.wants("mode: plan\nadapt: {cpu: {floor: 20m, ceiling: 1.5}}\n")
    (line, *_) = lab.said("policy_adapt", "loop=cpu ", "reason=backlog ")
    assert "mode=plan" in line, line
    after_ticks(scenario, 5)
    assert (lab.read("cpu.max"), lab.read("cpu.max.burst")) == ("2000 100000", "0")
    assert not lab.lines("policy_write"), lab.lines("policy_write")
    scenario.until(lambda: any("would write" in event["text"] for event in lab.decisions()), "the store", 120)
    lab.ends()


def hangs(lab):
    """Anonymous memory without swap above memory.high: nothing can be reclaimed, and nobody is killed."""
    lab.becomes("memory.high", str(16 * MIB))
    lab.write("memory.swap.max", "0")
    lab.write("memory.max", str(512 * MIB))
    return lab.runs([LEAKER])


def test_a_stall_at_memory_high_is_told_and_raised(scenario, lab):
    lab.wants("memory: {high: 16MiB}\nadapt: {stall: {action: raise, raiseBudget: 0.5}}\n")
    job = hangs(lab)
    (line, *_) = lab.said("policy_adapt", "loop=stall ", "reason=notify ")
    assert "has hung at memory.high" in line, line
    lab.said("policy_adapt", "loop=stall ", "reason=raise ", "memory.high 16.0 MiB ->")
    scenario.until(lambda: int(lab.read("memory.high")) > 16 * MIB, "memory.high to be raised", 120)
    # Within the budget, however long it hangs, and nobody is killed.
    after_ticks(scenario, 10)
    assert 16 * MIB < int(lab.read("memory.high")) <= 24 * MIB, lab.read("memory.high")
    assert job.running
    assert not lab.lines("policy_drift") and not lab.lines("policy_write_failed"), scenario.log()
    scenario.until(lambda: {"notify", "raise"} <= {reason_of(event) for event in lab.decisions()}, "the store", 120)
    raised = next(event for event in lab.decisions() if reason_of(event) == "raise")
    # Of the program's own text some may be taken, and come back: reclaim gains less than a tenth, or a thousandth of memory.high.
    numbers = raised["numbers"]
    gained = numbers["pgsteal"] - min(numbers["pgsteal"], numbers["refaults"])
    assert 10 * gained <= numbers["pgsteal"] or gained * 4096 <= 16 * MIB // 1000, raised
    assert numbers["high_events"] > 0, raised
    assert raised["numbers"]["full_usec"] > 0 and raised["numbers"]["before_bytes"] == 16 * MIB, raised
    lab.ends()
    lab.becomes("memory.high", "max")


def reason_of(event):
    return re.match(r"the \w+ loop of policy [^:]+: (\w+)", event["text"]).group(1)


def test_a_stall_is_only_told_where_no_more_is_asked(scenario, lab):
    lab.write("memory.high", str(16 * MIB))
    job = hangs(lab)
    lab.wants("adapt: {stall: {action: notify}}\n")
    lab.said("policy_adapt", "loop=stall ", "reason=notify ")
    after_ticks(scenario, 8)
    assert lab.read("memory.high") == str(16 * MIB)
    assert job.running and not lab.lines("policy_write"), scenario.log()
    # It goes on when somebody gives it more.
    lab.write("memory.high", "max")
    lab.ends()


def test_a_stall_that_raises_do_not_end_is_killed(scenario, lab):
    lab.wants("memory: {high: 16MiB}\nadapt: {stall: {action: kill, raiseBudget: 0.1, killAfter: 5s}}\n")
    job = hangs(lab)
    lab.said("policy_adapt", "loop=stall ", "reason=kill ")
    job.wait(120)
    assert "oom_kill 0" in lab.read("memory.events"), lab.read("memory.events")
    lab.wants_nothing()
    lab.becomes("memory.high", "max")


def test_what_is_killed_of_a_workload_says_by_which_policy(scenario):
    scenario.guest.write_file(
        f"{scenario.work}/policies/guard.yaml",
        HEAD % ("guard", "/cgwarden.slice/hung.scope/payload") +
        "adapt: {stall: {action: kill, raiseBudget: 0.1, killAfter: 5s}}\n")
    scenario.add_workload("hung", ["/bin/leaker"], resources=f"{{memory: {{high: {16 * MIB}, max: 512MiB, swap.max: 0}}}}")
    scenario.wait_running("hung")
    scenario.until(lambda: "workload_died workload=hung " in scenario.log(), "the guard to kill it", 300)
    verdict, text = scenario.why("hung")
    assert verdict["class"] == "KILLED_BY_POLICY", text
    assert "the stall guard of policy guard" in text and "memory.high" in text, text
    scenario.guest.run(["rm", f"{scenario.work}/policies/guard.yaml"], check=True)


def inside(lab, name):
    """A cgroup below that of the lab."""
    lab.scenario.guest.run(f"echo +memory > {ROOT}{lab.path}/cgroup.subtree_control; mkdir {ROOT}{lab.path}/{name}", check=True)
    return f"{ROOT}{lab.path}/{name}"


def told_of(scenario, cgroup, *words, timeout=300):
    """The lines of the loops in the agent's log that are of this very cgroup and have all the words."""
    return scenario.until(
        lambda: [line for line in scenario.log().splitlines()
                 if " policy_adapt " in line and f"cgroup={cgroup} " in line and all(word in line for word in words)],
        f"policy_adapt {words} of {cgroup}", timeout)


RULE = "adapt: {kill: {full: 0.5, lasting: 3s, coolDown: 10s, budget: 1, budgetTime: 24h}}\n"


def test_a_kill_rule_ends_the_one_that_presses_and_no_other(scenario, lab):
    guest = scenario.guest
    big, calm = inside(lab, "big"), inside(lab, "calm")
    for file, value in (("memory.high", 24 * MIB), ("memory.swap.max", 0), ("memory.max", 512 * MIB)):
        guest.write_file(f"{big}/{file}", str(value))
    sleeper = guest.spawn(["/bin/sleep", "1000"], cgroup=calm)
    job = guest.spawn([LEAKER], cgroup=big)
    # First it only says whom it would kill.
    lab.wants("mode: plan\n" + RULE)
    (line, *_) = told_of(scenario, f"{lab.path}/big", "loop=kill ", "reason=killed ")
    assert "mode=plan" in line, line
    assert job.running and sleeper.running
    lab.wants(RULE)
    (line, *_) = told_of(scenario, f"{lab.path}/big", "loop=kill ", "reason=killed ", "mode=enforce")
    assert f"all tasks of {lab.path} waited for memory" in line and "of 2 candidates" in line, line
    job.wait(120)
    assert "oom_kill 0" in guest.read_file(f"{big}/memory.events").decode()
    assert sleeper.running
    # One is all that it may kill: of the next it says why it does nothing.
    job = guest.spawn([LEAKER], cgroup=big)
    told_of(scenario, lab.path, "loop=kill ", "reason=over_budget ")
    assert job.running and sleeper.running
    # Stored with its inputs, told of the victim and by what is watched.
    scenario.until(lambda: "killed, all of it is killed" in lab.explained(), "the store", 120)
    text = scenario.cli("events", "--kind", "policy_adapt", "--cgroup", f"{lab.path}/big", "--json", check=True).text
    event = next(event for event in map(json.loads, text.splitlines()) if ": killed, all" in event["text"])
    assert event["numbers"]["full_thousandths"] > 500 and event["numbers"]["candidates"] == 2, event
    assert event["numbers"]["current_bytes"] > 16 * MIB and event["numbers"]["anon_bytes"] > 8 * MIB, event
    metrics = scenario.metrics()
    assert metrics['cgwarden_agent_policy_adapt_decisions_total{loop="kill",reason="killed"}'] >= 2
    assert metrics['cgwarden_agent_policy_adapt_decisions_total{loop="kill",reason="over_budget"}'] >= 1
    lab.ends()
    guest.run(f"for i in 1 2 3 4 5 6 7 8 9 10; do rmdir {big} {calm} && break; sleep 0.3; done")


def test_a_workload_that_a_kill_rule_ended_says_so_with_proof(scenario):
    scenario.add_workload("hungry", ["/bin/leaker"], resources=f"{{memory: {{high: {24 * MIB}, max: 512MiB, swap.max: 0}}}}")
    scenario.wait_running("hungry")
    scenario.guest.write_file(f"{scenario.work}/policies/slice.yaml", HEAD % ("slice", "/cgwarden.slice") + RULE)
    scenario.until(lambda: "workload_died workload=hungry " in scenario.log(), "the rule to kill it", 300)
    verdict, text = scenario.why("hungry")
    assert (verdict["class"], verdict["confidence"]) == ("KILLED_BY_POLICY", "proven"), text
    assert "cgwarden, the kill rule of policy slice" in text and "all tasks of /cgwarden.slice waited" in text, text
    assert "signal_generate" in text, text
    scenario.guest.run(["rm", f"{scenario.work}/policies/slice.yaml"], check=True)


def test_a_leak_is_foretold_before_it_is_killed(scenario, lab):
    lab.write("memory.swap.max", "0")
    lab.write("memory.max", str(400 * MIB))
    lab.wants("adapt: {timeToOom: {warn: 5min}}\n")
    # 10 MiB a second: forty seconds.
    job = lab.runs([LEAKER])
    (line, *_) = lab.said("policy_adapt", "loop=time_to_oom ", "reason=warned ")
    assert f"memory.max of {lab.path} is hit in" in line, line
    assert job.running and "oom_kill 0" in lab.read("memory.events"), lab.read("memory.events")
    metrics = scenario.metrics()
    assert metrics["cgwarden_agent_policy_oom_forecasts"] == 1
    assert 0 <= metrics["cgwarden_agent_policy_oom_forecast_seconds"] < 300
    verdict, text = scenario.why(lab.path)
    assert verdict["class"] == "OOM_FORECAST" and not verdict["death"], text
    assert "on its way to an OOM kill" in text and verdict["limit"]["file"] == "memory.max", text
    assert "the time_to_oom loop of policy" in lab.explained(), lab.explained()
    job.wait(300)
    assert "oom_kill 1" in lab.read("memory.events"), lab.read("memory.events")
    # What is gone grows no more.
    scenario.until(lambda: scenario.metrics()["cgwarden_agent_policy_oom_forecasts"] == 0, "the forecast to end", 300)
    lab.ends()


def test_memory_high_is_found_by_pressure(scenario, lab):
    # What is read again and again can be reclaimed, and is missed when it was.
    lab.runs(["/bin/sh", "-c", f"while :; do cat {BUILD}/cli/cgwarden > /dev/null; sleep 0.2; done"])
    scenario.until(lambda: int(lab.read("memory.current")) > 8 * MIB, "what it reads to be in memory", 120)
    lab.wants("adapt: {memoryHigh: {floor: 1MiB, ceiling: 256MiB, pressure: 5ms, window: 2s, probe: 0.3}}\n")
    lab.said("policy_adapt", "loop=memory_high ", "reason=started ")
    lab.said("policy_adapt", "loop=memory_high ", "reason=probed ")

    def lowered():
        changes = [re.search(r"old=\"?(\d+)\"? new=\"?(\d+)", line) for line in lab.lines("policy_write", "file=memory.high ")]
        return any(int(change[2]) < int(change[1]) for change in changes if change)

    scenario.until(lowered, "a lower memory.high", 120)
    # Until it hurts.
    (line, *_) = lab.said("policy_adapt", "loop=memory_high ", "reason=backed_off ")
    assert "tasks waited" in line, line
    assert 1 * MIB <= int(lab.read("memory.high")) <= 256 * MIB
    assert not lab.lines("policy_write_failed") and "oom_kill 0" in lab.read("memory.events")
    scenario.until(lambda: any(event["numbers"].get("stalled_usec") for event in lab.decisions()), "the store", 120)
    lab.ends()
    lab.becomes("memory.high", "max")
