"""Deaths whose story needs more than counters: who sent the signal, and why it came to that."""

import pytest
from agent_scenario import SLICE, Scenario

pytestmark = pytest.mark.fast

NO_OOM = ("own limit", "OOM killer was at work")


@pytest.fixture(scope="module")
def scenario(machine_slot):
    """One agent and one guest for all: each case has a workload of its own."""
    with Scenario(machine_slot.guest()) as made:
        made.start_agent()
        assert "signal_trace_off" not in made.log(), made.log()
        yield made


def died(scenario, name, expected, *, says=(), never=NO_OOM, confidence="proven"):
    scenario.wait_died(name)
    verdict, text = scenario.why(name)
    assert verdict["class"] == expected, text
    assert verdict["confidence"] == confidence, text
    for words in says:
        assert words in text, (words, text)
    for words in never:
        assert words not in text, (words, text)
    return verdict, text


def run(scenario, name, command, **how):
    scenario.add_workload(name, command, **how)
    return scenario.wait_running(name)["main_pid"]


def test_who_killed_it_is_named(scenario):
    pid = run(scenario, "killed", ["/bin/sleep", "1000"])
    # A sender that is there when it is looked up, and its pid.
    told = scenario.guest.run(f"echo $$; kill -9 {pid}; sleep 1", check=True).text
    verdict, text = died(scenario, "killed", "KILLED_BY_USER", says=("SIGKILL",))
    assert verdict["actor"]["pid"] == int(told.split()[0]), text
    assert verdict["actor"]["uid"] == 0
    assert verdict["actor"]["exe"].startswith("/"), text


def test_a_sender_that_is_gone_still_has_its_pid_and_name(scenario):
    pid = run(scenario, "short", ["/bin/sleep", "1000"])
    scenario.guest.run(f"busybox kill -9 {pid}", check=True)
    verdict, text = died(scenario, "short", "KILLED_BY_USER")
    assert verdict["actor"]["pid"] > 1 and "busybox" in verdict["actor"]["what"], text


def test_cgroup_kill_has_its_writer(scenario):
    run(scenario, "written", ["/bin/sleep", "1000"])
    told = scenario.guest.run(
        f"echo $$; echo 1 > {scenario.payload('written')}/cgroup.kill; sleep 1", check=True).text
    verdict, _ = died(scenario, "written", "KILLED_BY_CGROUP_KILL", says=("cgroup.kill",))
    assert verdict["actor"]["pid"] == int(told.split()[0])


def test_an_operators_kill_after_a_childs_oom_kill_is_no_oom(scenario):
    # The main process waits already when its cgroup is full: what it charged later could need a
    # second victim while the first one's pages are still being freed, and that might be itself.
    pid = run(scenario, "mixed", ["/bin/sh", "-c", "/bin/leaker & exec sleep 1000"],
              resources="{memory: {max: 32MiB, swap.max: 0}}")
    scenario.until(lambda: "oom_kill workload=mixed" in scenario.log(), "the child to be killed")
    scenario.guest.run(f"kill -9 {pid}", check=True)
    died(scenario, "mixed", "KILLED_BY_USER", says=("OOM killer was at work",), never=("own limit",))


def test_who_kills_a_throttled_one_is_no_watchdog_for_that(scenario):
    pid = run(scenario, "slow", ["/bin/sh", "-c", "while :; do :; done"],
              resources="{cpu: {max: 10ms/100ms}}")
    scenario.until(
        lambda: int(dict(line.split() for line in scenario.read_control("slow", "cpu.stat").splitlines())
                    ["nr_throttled"]) >= 15,
        "throttling")
    scenario.guest.run(f"kill -9 {pid}; sleep 1", check=True)
    died(scenario, "slow", "KILLED_BY_USER", says=("throttled in", "cpu.max"), never=("watchdog",))


def test_sigterm_that_is_ignored_and_then_sigkill(scenario):
    pid = run(scenario, "deaf", ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
    scenario.guest.run(f"kill -15 {pid}; sleep 0.5; kill -9 {pid}; sleep 0.5", check=True)
    died(scenario, "deaf", "TERM_IGNORED", says=("ignores SIGTERM",), never=(*NO_OOM, "PID 1"))


def test_sigterm_that_pid_1_has_no_handler_for(scenario):
    pid = run(scenario, "pidone", ["/bin/sleep", "1000"], extra="init: false\n")
    scenario.guest.run(f"kill -15 {pid}; sleep 0.5; kill -9 {pid}; sleep 0.5", check=True)
    died(scenario, "pidone", "TERM_IGNORED_BY_PID1", says=("no default action",))


@pytest.mark.parametrize("code, name", [(11, "SEGFAULT"), (6, "ABORTED")])
def test_a_signal_sent_to_it_is_no_fault(scenario, code, name):
    pid = run(scenario, f"sent{code}", ["/bin/sleep", "1000"])
    scenario.guest.run(f"kill -{code} {pid}; sleep 0.5", check=True)
    died(scenario, f"sent{code}", "KILLED_BY_USER", never=(*NO_OOM, name))


def test_a_cpu_time_limit_is_no_oom_and_nobodys_kill(scenario):
    scenario.add_workload("hot", ["/bin/sh", "-c", "ulimit -t 1; while :; do :; done"])
    died(scenario, "hot", "RLIMIT_EXCEEDED", says=("RLIMIT_CPU",), never=(*NO_OOM, "user space"),
         confidence="strong")


def stalled(scenario, name, expected, *, says=(), never=("own limit",)):
    """The stall that the agent tells of, as `why` says it, while the workload lives."""
    token = f"workload_stalled workload={name} verdict={expected} "
    scenario.until(lambda: token in scenario.log(), f"{name} to be {expected}")
    verdict, text = scenario.why(name)
    assert (verdict["class"], verdict["death"]) == (expected, False), text
    for words in says:
        assert words in text, (words, text)
    for words in never:
        assert words not in text, (words, text)
    return verdict, text


def test_frozen_from_outside(scenario):
    run(scenario, "ice", ["/bin/sleep", "1000"])
    freeze = f"{scenario.payload('ice')}/cgroup.freeze"
    scenario.guest.run(f"echo 1 > {freeze}", check=True)
    verdict, text = stalled(scenario, "ice", "FROZEN", says=("cgroup.freeze",))
    assert verdict["confidence"] == "proven"
    assert verdict["limit"] == {
        "cgroup": "/cgwarden.slice/ice.scope/payload", "file": "cgroup.freeze", "value": "1"}
    assert "not recorded" in verdict["actor"]["what"], text
    scenario.guest.run(f"echo 0 > {freeze}", check=True)


def test_stopped_by_a_signal_with_its_sender(scenario):
    pid = run(scenario, "still", ["/bin/sleep", "1000"])
    told = scenario.guest.run(f"echo $$; kill -STOP {pid}; sleep 1", check=True).text
    verdict, text = stalled(scenario, "still", "STOPPED_BY_SIGNAL", says=("SIGSTOP", "SIGCONT"))
    assert verdict["actor"]["pid"] == int(told.split()[0]), text
    scenario.guest.run(f"kill -CONT {pid}", check=True)


@pytest.mark.each_kernel
def test_its_own_pids_limit(scenario):
    # Every second: one refusal alone is past ten seconds later, and a slow machine may ask after that.
    run(scenario, "forker", ["/bin/sh", "-c", "(for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done); "
                             "exec /bin/busybox watch -n 1 'sleep 1 & :'"], resources="{pids: {max: 6}}")
    verdict, _ = stalled(scenario, "forker", "PIDS_LIMIT", says=("pids.max = 6",))
    assert verdict["limit"] == {
        "cgroup": "/cgwarden.slice/forker.scope/payload", "file": "pids.max", "value": "6"}


def test_a_childs_oom_kill_is_told_while_the_main_process_lives(scenario):
    run(scenario, "lives", ["/bin/sh", "-c", "/bin/leaker & sleep 1000; :"],
        resources="{memory: {max: 32MiB, swap.max: 0}}")
    verdict, _ = stalled(scenario, "lives", "OOM_CHILD", says=("lives on",), never=("was killed by the kernel",))
    assert verdict["confidence"] == "proven" and verdict["victim"]["comm"] == "leaker"
    assert verdict["limit"] == {
        "cgroup": "/cgwarden.slice/lives.scope/payload", "file": "memory.max", "value": str(32 << 20)}


def test_held_back_at_memory_high(scenario):
    run(scenario, "held", ["/bin/leaker"], resources="{memory: {high: 16MiB, max: 512MiB, swap.max: 0}}")
    verdict, _ = stalled(scenario, "held", "STALLED_MEMORY_HIGH", says=("memory.high",), never=NO_OOM)
    assert verdict["limit"] == {
        "cgroup": "/cgwarden.slice/held.scope/payload", "file": "memory.high", "value": str(16 << 20)}
    scenario.guest.run(f"echo 1 > {SLICE}/held.scope/cgroup.kill", check=True)


def test_the_largest_processes_before_an_oom_kill(scenario):
    # Between the first reclaim at the limit and the kill the agent has had its turn; not always on an emulated machine
    # that is not alone.
    for attempt in range(5):
        scenario.add_workload(f"full{attempt}", ["/bin/leaker"], resources="{memory: {max: 32MiB, swap.max: 0}}")
        verdict, text = died(scenario, f"full{attempt}", "OOM_OWN_LIMIT", never=("user space",))
        measured = [item for item in verdict["evidence"] if item["source"] == "statm"]
        if measured:
            break
    assert any("leaker" in item["reference"] for item in measured), text


def test_doctor_knows_the_source(scenario):
    text = scenario.cli("doctor").text
    (line,) = [line for line in text.splitlines() if "signal senders" in line]
    assert line.startswith("good"), line


# The last one: it floods the kernel log.
@pytest.mark.each_kernel
def test_out_of_memory_with_nobody_to_kill(scenario):
    pid = run(scenario, "wedge", ["/bin/sh", "-c", "sleep 5; exec /bin/leaker"],
              resources="{memory: {max: 32MiB, swap.max: 0}}")
    scenario.guest.run(f"echo -1000 > /proc/{pid}/oom_score_adj; "
                       f"for p in $(cat {scenario.payload('wedge')}/cgroup.procs); do "
                       "echo -1000 > /proc/$p/oom_score_adj; done", check=True)
    stalled(scenario, "wedge", "STALLED_OOM_NO_VICTIM", says=("found none",), never=("was killed",))
    scenario.guest.run(f"echo 1 > {SLICE}/wedge.scope/cgroup.kill", check=True)
