"""What the agent does, on a real kernel without systemd: launch, watch, enforce, explain."""

import json
import shlex
import time

import pytest
from agent_scenario import BUILD, CGWARDEN, PORT, SLICE, Scenario, workload

pytestmark = pytest.mark.fast


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        yield made


def scope(name):
    return f"{SLICE}/{name}.scope"


@pytest.mark.each_kernel
def test_own_limit_oom_is_proven_with_limit_victim_and_rss(scenario):
    scenario.start_agent()
    scenario.add_workload("leaker", ["/bin/leaker"], resources="{memory: {max: 32MiB, swap.max: 0}}")
    pid = scenario.wait_running("leaker")["main_pid"]
    scenario.wait_died("leaker")
    verdict, text = scenario.why("leaker")
    assert verdict["class"] == "OOM_OWN_LIMIT"
    assert verdict["confidence"] == "proven"
    assert verdict["limit"] == {
        "cgroup": "/cgwarden.slice/leaker.scope/payload", "file": "memory.max", "value": "33554432"}
    assert verdict["victim"]["pid"] == pid
    assert verdict["victim"]["rss_bytes"] > 16 << 20
    first = text.splitlines()[0]
    assert "own limit" in first and "memory.max" in first and str(pid) in first
    assert "RSS" in text
    # The last words are kept with the death.
    assert "cache holds 16 MiB" in text
    # At the latest with the next tick.
    deaths = 'cgwarden_workload_deaths_total{workload="leaker",verdict="OOM_OWN_LIMIT"}'
    scenario.until(lambda: scenario.metrics()[deaths] == 1, "the death in the metrics")
    metrics = scenario.metrics()
    assert metrics['cgwarden_workload_deaths_total{workload="leaker",verdict="EXITED"}'] == 0
    assert metrics['cgwarden_workload_oom_kills_total{workload="leaker"}'] == 1


@pytest.mark.each_kernel
def test_ancestor_limit_oom_names_the_ancestor(scenario):
    scenario.guest.write_file(
        f"{scenario.work}/policies/slice.yaml",
        "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: slice}\n"
        "match: {cgroups: [/cgwarden.slice]}\nmemory: {max: 48MiB, swap.max: 0}\n")
    scenario.start_agent()
    scenario.add_workload("victim", ["/bin/leaker"], resources="{memory: {max: 512MiB}}")
    scenario.wait_died("victim")
    verdict, text = scenario.why("victim")
    assert verdict["class"] == "OOM_ANCESTOR_LIMIT", text
    assert verdict["limit"]["cgroup"] == "/cgwarden.slice"
    assert verdict["limit"]["value"] == str(48 << 20)
    assert "own limit" not in text.splitlines()[0]


@pytest.mark.parametrize("code", [0, 3, 137])
def test_an_exit_code_is_the_programs_own(scenario, code):
    scenario.start_agent()
    scenario.add_workload("job", ["/bin/sh", "-c", f"echo bye >&2; exit {code}"])
    scenario.wait_died("job")
    verdict, text = scenario.why("job")
    assert verdict["class"] == "EXITED"
    assert str(code) in text.splitlines()[0]
    assert "killed" not in text.splitlines()[0].lower()


def test_a_kill_from_user_space_is_not_an_oom(scenario):
    scenario.start_agent()
    scenario.add_workload("target", ["/bin/sleep", "1000"], resources="{memory: {max: 64MiB}}")
    pid = scenario.wait_running("target")["main_pid"]
    scenario.guest.run(f"kill -9 {pid}", check=True)
    scenario.wait_died("target")
    verdict, text = scenario.why("target")
    assert verdict["class"] == "KILLED_BY_USER", text
    assert any("oom" in line.lower() for line in verdict["ruled_out"])
    assert "SIGKILL" in text


def test_a_childs_oom_kill_that_it_outlived_does_not_explain_a_kill_from_user_space(scenario):
    scenario.start_agent()
    scenario.add_workload(
        "parent", ["/bin/sh", "-c", "/bin/leaker & exec sleep 1000"],
        resources="{memory: {max: 32MiB, swap.max: 0}}")
    pid = scenario.wait_running("parent")["main_pid"]
    scenario.until(lambda: "oom_kill workload=parent" in scenario.log(), "the child to be killed")
    # The agent that comes back finds nothing of it in the kernel log, only the counters.
    scenario.kill_agent()
    flood_kernel_log(scenario.guest)
    scenario.guest.run("sleep 3")
    scenario.start_agent()
    scenario.guest.run(f"kill -9 {pid}", check=True)
    scenario.wait_died("parent")
    verdict, text = scenario.why("parent")
    assert verdict["class"] == "KILLED_BY_USER", text
    assert verdict["victim"] is None
    assert any("outlived" in line for line in verdict["ruled_out"]), text
    assert any("overwritten before they were read" in line for line in verdict["evidence_lost"]), text


def flood_kernel_log(guest):
    """Writes until the ring has nothing left of any OOM kill."""
    guest.run(
        "echo on > /proc/sys/kernel/printk_devkmsg; line=$(printf '%0200d' 0); "
        "while dmesg | grep -q 'Killed process'; do "
        'i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo "flood $line" > /dev/kmsg; done; done',
        check=True, timeout=120)


def test_a_child_that_is_oom_killed_does_not_explain_the_programs_exit(scenario):
    scenario.start_agent()
    scenario.add_workload(
        "parent", ["/bin/sh", "-c", "/bin/leaker; exit 5"],
        resources="{memory: {max: 32MiB, swap.max: 0}}")
    scenario.wait_died("parent")
    verdict, text = scenario.why("parent")
    assert verdict["class"] == "EXITED", text
    assert any("oom" in line.lower() for line in verdict["contributing"]), text


def test_throttled_server_while_it_runs(scenario):
    scenario.start_agent()
    scenario.add_workload("server", ["/bin/bursty_server"], resources="{cpu: {max: 20ms/100ms}}")
    scenario.wait_running("server")
    scenario.until(lambda: "workload_stalled workload=server" in scenario.log(), "a stall verdict")
    verdict, text = scenario.why("server")
    assert verdict["class"] == "THROTTLED"
    assert not verdict["death"]
    assert "periods" in text and "cpu.max" in text
    # The very figures the kernel gives.
    assert "nr_throttled" in text


def test_throttling_that_is_over_is_told_as_past(scenario):
    scenario.start_agent()
    scenario.add_workload(
        "calm", ["/bin/sh", "-c", "while [ ! -e /tmp/enough ]; do :; done; exec sleep 1000"],
        resources="{cpu: {max: 20ms/100ms}}")
    scenario.wait_running("calm")
    scenario.until(lambda: "workload_stalled workload=calm" in scenario.log(), "a stall verdict")
    assert scenario.why("calm")[0]["class"] == "THROTTLED"
    # Without the agent the kernel's own counters answer, between two looks.
    scenario.kill_agent()
    scenario.guest.run("sleep 12")
    verdict, text = scenario.why("calm")
    assert verdict["class"] == "THROTTLED" and "is throttled" in text.splitlines()[0], text
    scenario.guest.run(f"touch {scenario.rootfs}/tmp/enough", check=True)
    scenario.guest.run("sleep 12")
    document = json.loads(scenario.cli("why", "calm", "--json", check=True).stdout)
    assert document["verdict"] is None, document
    assert document["earlier"][0]["class"] == "THROTTLED"
    text = scenario.cli("why", "calm", check=True).text
    assert "not stalled now" in text.splitlines()[0], text
    assert "was throttled until" in text and "is throttled" not in text


def test_agent_killed_in_the_middle_loses_nothing(scenario):
    scenario.start_agent()
    scenario.add_workload("stays", ["/bin/sleep", "1000"])
    scenario.add_workload("dies", ["/bin/sleep", "1000"], extra="restart: {policy: on-failure, backoff: 200ms}\n")
    stays = scenario.wait_running("stays")["main_pid"]
    dies = scenario.wait_running("dies")["main_pid"]
    scenario.kill_agent()
    scenario.guest.run(f"kill -0 {stays} && kill -0 {dies}", check=True)
    # A death while nobody watches: the shim keeps the evidence.
    scenario.guest.run(f"kill -9 {dies}", check=True)
    scenario.until(
        lambda: b"exit.json" in scenario.guest.run(f"ls {scenario.work}/run/workloads/dies").stdout,
        "the shim's record")
    # `why` answers while the agent is dead.
    verdict, text = scenario.why("dies")
    assert verdict["class"] == "KILLED_BY_USER", text
    scenario.start_agent()
    assert "workload_adopted workload=stays" in scenario.log()
    scenario.wait_died("dies")
    assert scenario.wait_running("dies", 2)["incarnation"] == 2
    assert scenario.status("stays")["main_pid"] == stays
    verdict, _ = scenario.why("dies")
    # The adopted one's death is seen too.
    scenario.guest.run(f"kill -9 {stays}", check=True)
    scenario.wait_died("stays")
    metrics = scenario.until(
        lambda: (m := scenario.metrics()) and m.get(
            'cgwarden_workload_deaths_total{workload="stays",verdict="KILLED_BY_USER"}') == 1 and m,
        "the death in the metrics")
    assert metrics['cgwarden_workload_deaths_total{workload="dies",verdict="KILLED_BY_USER"}'] == 1
    assert metrics['cgwarden_workload_restarts_total{workload="dies",reason="signal"}'] == 1
    # Not counted again by a third agent.
    scenario.stop_agent()
    scenario.start_agent()
    assert scenario.log().count("workload_died") == 0


def test_an_adopted_workloads_counters_are_the_kernels(scenario):
    def kernel(name, file, key):
        text = scenario.guest.read_file(f"{scenario.payload(name)}/{file}").decode()
        return int(dict(line.split() for line in text.splitlines())[key])

    def throttled():
        return kernel("busy", "cpu.stat", "throttled_usec") / 1e6

    throttled_metric = 'cgwarden_workload_throttled_seconds_total{workload="busy"}'
    kills_metric = 'cgwarden_workload_oom_kills_total{workload="parent"}'
    scenario.start_agent()
    scenario.add_workload("busy", ["/bin/sh", "-c", "while :; do :; done"], resources="{cpu: {max: 0.1}}")
    scenario.add_workload(
        "parent", ["/bin/sh", "-c", "/bin/leaker & exec sleep 1000"],
        resources="{memory: {max: 32MiB, swap.max: 0}}")
    scenario.until(lambda: "oom_kill workload=parent" in scenario.log(), "the child to be killed")
    scenario.until(lambda: scenario.metrics().get(throttled_metric, 0) > 1, "throttling in the metrics")
    # A clean end saves the counters, a kill loses what came after the last save: both go on from it.
    for end in (scenario.stop_agent, scenario.kill_agent, scenario.kill_agent):
        end()
        before = throttled()
        scenario.start_agent()
        metrics = scenario.until(
            lambda: (m := scenario.metrics()) and m.get(throttled_metric, 0) >= before and m,  # noqa: B023
            "the counters to catch up")
        assert metrics[throttled_metric] <= throttled()
        assert metrics[kills_metric] == kernel("parent", "memory.events", "oom_kill") == 1


def test_the_first_sample_is_taken_when_the_start_is_over(scenario):
    # So many cgroups that it takes a while.
    many = "/sys/fs/cgroup/many"
    try:
        scenario.guest.run(f"mkdir {many} && cd {many} && seq 1500 | xargs mkdir", check=True, timeout=120)
        scenario.start_agent()
        assert scenario.metrics()['cgwarden_agent_cgroups'] > 1500
    finally:
        scenario.guest.run(f"cd {many} && seq 1500 | xargs rmdir && rmdir {many}", timeout=120)


def test_agent_stopped_cleanly_leaves_workloads_running(scenario):
    scenario.start_agent()
    scenario.add_workload("stays", ["/bin/sleep", "1000"])
    pid = scenario.wait_running("stays")["main_pid"]
    scenario.stop_agent()
    scenario.guest.run(f"kill -0 {pid}", check=True)


def test_a_crash_loop_backs_off_and_gives_up(scenario):
    scenario.start_agent()
    scenario.add_workload(
        "loop", ["/bin/sh", "-c", "exit 1"],
        extra="restart: {policy: always, backoff: 100ms, maxRestarts: 3}\n")
    scenario.until(lambda: "workload_gave_up workload=loop" in scenario.log(), "the agent to give up")
    log = scenario.log()
    assert log.count("workload_died workload=loop") == 4
    delays = [line.split("delay=")[1].strip('"') for line in log.splitlines() if "workload_backoff" in line]
    assert delays == ["100 ms", "200 ms", "400 ms"]


def test_shim_killed_is_said_and_not_guessed(scenario):
    scenario.start_agent()
    scenario.add_workload("orphan", ["/bin/sleep", "1000"])
    shim = scenario.wait_running("orphan")["shim_pid"]
    scenario.guest.run(f"kill -9 {shim}", check=True)
    scenario.wait_died("orphan")
    answer = scenario.cli("why", "orphan", "--json")
    verdict = json.loads(answer.stdout)["verdict"]
    assert verdict["class"] == "UNKNOWN"
    assert answer.returncode == 4
    assert verdict["evidence_lost"]
    # Its command was alive; nothing of it is left.
    scenario.until(lambda: scenario.gone(scope("orphan")), "the cgroups to go")
    assert scenario.processes("^/bin/sleep 1000") == []
    assert "cgroup_left_behind" not in scenario.log()


def test_what_must_be_killed_is_gone_before_the_next_incarnation(scenario):
    scenario.start_agent()
    scenario.add_workload("again", ["/bin/sh", "-c", "/bin/sleep 1000 & while :; do :; done"],
                          extra="restart: {policy: always, backoff: 100ms}\n")
    shim = scenario.wait_running("again")["shim_pid"]
    ids = [scenario.guest.run(["stat", "-c", "%i", scenario.payload("again")], check=True).text]
    scenario.guest.run(f"kill -9 {shim}", check=True)
    scenario.wait_running("again", 2)
    ids.append(scenario.guest.run(["stat", "-c", "%i", scenario.payload("again")], check=True).text)
    # A cgroup of its own, so that no counter of the dead one is taken for its own.
    assert ids[0] != ids[1]
    assert len(scenario.processes("^/bin/sleep 1000")) <= 1
    assert "cgroup_left_behind" not in scenario.log()


def test_cgroups_made_below_the_payload_are_removed_with_it(scenario):
    scenario.start_agent()
    scenario.add_workload("nest", ["/bin/sleep", "1000"])
    pid = scenario.wait_running("nest")["main_pid"]
    scenario.guest.run(f"mkdir -p {scenario.payload('nest')}/a/b {scenario.payload('nest')}/c", check=True)
    scenario.guest.run(f"kill -9 {pid}", check=True)
    scenario.wait_died("nest")
    scenario.until(lambda: scenario.gone(scope("nest")), "the cgroups to go")
    assert "cgroup_left_behind" not in scenario.log()


# --- an agent that is killed at the worst moment


def slow_shim(scenario):
    """A shim that takes its time: the agent's go waits in the socket."""
    path = f"{scenario.work}/slow-shim"
    # By the shell itself: a child that it forked would stay behind in the scope when it is moved on.
    scenario.guest.write_file(
        path, '#!/bin/bash\nread -rt 3 <>"$0.fifo"\n'
              f'exec {shlex.quote(str(BUILD))}/launcher/cgwarden-shim "$@"\n')
    scenario.guest.run(f"mkfifo {path}.fifo && chmod +x {path}", check=True)
    return path


def test_agent_killed_while_a_shim_starts_leaves_one_copy(scenario):
    scenario.add_workload("late", ["/bin/sleep", "4321"])
    scenario.start_agent("--shim", slow_shim(scenario))
    scenario.until(lambda: scenario.state_file("late", "agent.json")["scope"], "the go")
    time.sleep(0.3)
    scenario.kill_agent()
    old_shim = scenario.state_file("late", "agent.json")["shim_pid"]
    assert scenario.status("late") is None
    scenario.start_agent()
    status = scenario.wait_running("late")
    scenario.until(lambda: scenario.gone(f"/proc/{old_shim}"), "the first shim to give up")
    time.sleep(4)  # it would have started its copy by now
    assert len(scenario.processes("^/bin/sleep 4321")) == 1
    assert scenario.status("late") == status
    assert status["incarnation"] == scenario.state_file("late", "agent.json")["incarnation"]
    assert len(scenario.read_control("late", "cgroup.procs").split()) <= 2
    # And the next agent finds it.
    scenario.kill_agent()
    scenario.start_agent()
    assert "workload_adopted workload=late" in scenario.log()
    assert len(scenario.processes("^/bin/sleep 4321")) == 1


def test_a_start_whose_answer_went_to_a_dead_agent_is_adopted(scenario):
    scenario.start_agent()
    scenario.add_workload("late", ["/bin/sleep", "4321"])
    status = scenario.wait_running("late")
    scenario.kill_agent()
    # As if the shim had not yet written it.
    path = f"{scenario.work}/run/workloads/late/status.json"
    scenario.guest.run(f"mv {path} {path}.later", check=True)
    scenario.start_agent()
    assert "start_taken_over workload=late" in scenario.log()
    scenario.guest.run(f"mv {path}.later {path}", check=True)
    scenario.until(lambda: "workload_adopted workload=late" in scenario.log(), "the adoption")
    assert scenario.status("late") == status
    assert scenario.processes("^/bin/sleep 4321") == [str(status["main_pid"])]


def test_a_workload_that_cannot_be_adopted_is_not_touched(scenario):
    scenario.start_agent()
    scenario.add_workload("web", ["/bin/sleep", "4321"])
    pid = scenario.wait_running("web")["main_pid"]
    scenario.kill_agent()
    scenario.guest.write_file(f"{scenario.work}/run/workloads/web/agent.json", "{")
    scenario.start_agent()
    assert "not_adopted workload=web" in scenario.log()
    scenario.until(lambda: "launch_failed workload=web" in scenario.log(), "the refusal")
    assert "was not taken over holds" in scenario.log()
    assert scenario.processes("^/bin/sleep 4321") == [str(pid)]
    assert scenario.status("web")["main_pid"] == pid
    assert scenario.gone(f"{scenario.work}/run/workloads/web/exit.json")


def test_agent_killed_between_verdict_and_note_reruns_no_finished_job(scenario):
    scenario.start_agent()
    scenario.add_workload("once", ["/bin/sh", "-c", "echo ran"])
    scenario.add_workload("again", ["/bin/sh", "-c", "echo ran; exit 1"],
                          extra="restart: {policy: on-failure, backoff: 12s, maxRestarts: 3}\n")
    scenario.wait_died("once")
    scenario.wait_died("again")
    scenario.until(lambda: "workload_backoff workload=again" in scenario.log(), "the decision")
    scenario.kill_agent()
    # The verdict is in the store, the decision not yet in the note.
    scenario.change_state("once", "agent.json", wanted=True, decided_incarnation=0)
    scenario.change_state("again", "agent.json", wanted=True, decided_incarnation=0, restarts=0,
                          failures_in_row=0)
    scenario.start_agent()
    scenario.until(lambda: "workload_backoff workload=again" in scenario.log(), "the same decision")
    assert 'delay="12.00 s"' in scenario.log(), scenario.log()
    assert "workload_died" not in scenario.log()
    assert "workload_started" not in scenario.log()
    assert not scenario.state_file("once", "agent.json")["wanted"]
    assert scenario.state_file("again", "agent.json")["restarts"] == 1
    # Killed once more, in the backoff: what is left of it is waited for, and no restart is counted.
    scenario.kill_agent()
    scenario.start_agent()
    scenario.wait_died("again", 2)
    scenario.until(lambda: "workload_backoff workload=again" in scenario.log(), "the next decision")
    assert scenario.state_file("again", "agent.json")["restarts"] == 2
    assert scenario.guest.read_file(f"{scenario.work}/run/workloads/once/stdout.log") == b"ran\n"


def test_a_reused_pid_is_not_signalled(scenario):
    scenario.start_agent()
    scenario.add_workload("web", ["/bin/sleep", "1000"], extra="stopTimeout: 1s\n")
    status = scenario.wait_running("web")
    scenario.kill_agent()
    innocent = scenario.guest.run("sleep 2000 > /dev/null 2>&1 & echo $!", check=True).text.strip()
    try:
        # The main process is gone and its pid is another's; an agent is to stop the workload.
        scenario.change_state("web", "status.json", pid=int(innocent))
        scenario.change_state("web", "agent.json", wanted=False, stop_reason="test")
        scenario.start_agent()
        scenario.wait_died("web")
        scenario.guest.run(f"kill -0 {innocent}", check=True)
        assert scenario.processes(f"^/bin/sleep 1000") == []
        assert status["pid_start_time"] > 0
    finally:
        scenario.guest.run(f"kill -9 {innocent}")


def test_finished_workloads_are_forgotten_in_the_end(scenario):
    scenario.start_agent()
    scenario.add_workload("job", ["/bin/sh", "-c", "exit 3"])
    scenario.wait_died("job")
    scenario.until(lambda: scenario.state_file("job", "agent.json")["decided_incarnation"] == 1,
                   "the note")
    scenario.kill_agent()
    scenario.guest.run(
        f"cd {scenario.work}/run/workloads && i=0 && while [ $i -lt 130 ]; do i=$((i+1)); "
        "cp -a job job$i; sed -i \"s/name: job}/name: job$i}/;s/\\\"job\\\"/\\\"job$i\\\"/\" job$i/*.json; done; "
        "mkdir -p $(seq -f ../../state/overlay/job%g/upper 130)",
        check=True)
    scenario.start_agent()
    listed = scenario.until(
        lambda: (names := scenario.guest.run(
            f"ls {scenario.work}/run/workloads", check=True).text.split()) and len(names) == 101 and names,
        "the oldest to be forgotten")
    assert "job" in listed  # it is in the workload directory
    # What a forgotten one had written over its layers is gone too.
    scenario.until(
        lambda: set(scenario.guest.run(f"ls -A {scenario.work}/state/overlay", check=True).text.split())
        == set(listed) - {"job"},
        "their upper directories to go")
    scenario.until(
        lambda: len([key for key in scenario.metrics()
                     if key.startswith("cgwarden_workload_starts_total{")]) == 101,
        "their series to end")
    verdict, _ = scenario.why("job")
    assert verdict["class"] == "EXITED"


def test_what_a_workload_holds_is_not_for_every_local_user(scenario):
    scenario.start_agent()
    scenario.add_workload("web", ["/bin/sh", "-c", "echo words >&2; exit 3"], extra="env: {PASSWORD: hunter2}\n")
    scenario.wait_died("web")
    directory = f"{scenario.work}/run/workloads/web"
    user = "setpriv --reuid 65534 --regid 65534 --clear-groups"
    found = scenario.guest.run(f"{user} grep -r -e hunter2 -e words {scenario.work}/run {scenario.work}/state")
    assert found.text == ""
    assert scenario.guest.run(["stat", "-c", "%a", directory]).text.strip() == "750"
    others = scenario.guest.run(f"find {directory} -type f -perm /007").text
    assert others == ""
    for words in (["ps"], ["why", "web"], ["logs", "web"]):
        answer = scenario.guest.run(
            [*user.split(), CGWARDEN, "--runtime-dir", f"{scenario.work}/run",
             "--state-dir", f"{scenario.work}/state", *words])
        code, lines = failure(answer)
        assert code == 1 and len(lines) == 1 and "ermission" in lines[0], (words, lines)


# --- policies


@pytest.mark.each_kernel
def test_policy_is_applied_held_and_never_rewritten(scenario):
    scenario.guest.write_file(
        f"{scenario.work}/policies/p.yaml",
        "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
        "match: {cgroups: [/cgwarden.slice/*.scope/payload]}\n"
        "cpu: {max: 50ms/100ms, burst: 20ms, weight: 300}\nmemory: {high: 100MiB}\npids: {max: 20}\n")
    scenario.start_agent()
    scenario.add_workload("web", ["/bin/sleep", "1000"])
    scenario.wait_running("web")
    scenario.until(lambda: scenario.read_control("web", "cpu.max") == "50000 100000", "cpu.max")
    scenario.until(lambda: scenario.read_control("web", "pids.max") == "20", "pids.max")
    assert scenario.read_control("web", "cpu.max.burst") == "20000"
    assert scenario.read_control("web", "memory.high") == str(100 << 20)
    # What is written before the first tick of a new cgroup is its maker's, and no drift.
    before = scenario.ticks()
    scenario.until(lambda: scenario.ticks() > before + 1, "a tick")
    # Somebody changes a knob by hand: it is repaired, the others are not touched again.
    scenario.guest.write_file(f"{scenario.payload('web')}/cpu.weight", "77")
    scenario.until(lambda: scenario.read_control("web", "cpu.weight") == "300", "the drift repair")

    def writes(file):
        lines = [line for line in scenario.log().splitlines() if " policy_write " in line]
        return sum(f"file={file} " in line for line in lines)

    # The line follows the write.
    scenario.until(lambda: writes("cpu.weight") == 2, "the line of the repair")
    assert writes("cpu.max") == 1, scenario.log()
    metrics = scenario.metrics()
    assert metrics["cgwarden_agent_policy_drift_found_total"] == 1
    assert metrics["cgwarden_agent_policy_drift_repaired_total"] == 1


def test_what_a_plan_would_write_and_what_cannot_be_repaired_is_counted(scenario):
    """A policy of mode plan writes nothing; one that wants a controller that is off is skipped."""
    head = "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: %s}\n"
    tried = head % "tried" + "match: {cgroups: /tried}\nmode: plan\npids: {max: 20}\nmemory: {high: 32MiB}\n"
    inside = head % "inside" + "match: {cgroups: /tried/inside}\npids: {max: 20}\n"
    scenario.guest.write_file(f"{scenario.work}/policies/tried.yaml", tried)
    scenario.guest.write_file(f"{scenario.work}/policies/inside.yaml", inside)
    root = "/sys/fs/cgroup"
    scenario.guest.run(f"echo '+memory +pids' > {root}/cgroup.subtree_control && mkdir -p {root}/tried/inside", check=True)

    def pending():
        series = scenario.metrics()
        states = ("planned", "skipped", "failed")
        return tuple(series[f'cgwarden_agent_policy_pending_writes{{state="{state}"}}'] for state in states)

    try:
        scenario.start_agent()
        scenario.until(lambda: pending() == (2, 1, 0), "two planned writes and a skipped one")
        assert scenario.guest.read_file(f"{root}/tried/pids.max").decode().strip() == "max"
        assert scenario.metrics()["cgwarden_agent_policy_drift_found_total"] == 0
        scenario.guest.run(f"rmdir {root}/tried/inside", check=True)
        scenario.guest.write_file(f"{root}/tried/pids.max", "20")
        scenario.until(lambda: pending() == (1, 0, 0), "what is left to write")
    finally:
        scenario.guest.run(f"rmdir {root}/tried/inside; rmdir {root}/tried")


def test_a_bad_policy_changes_nothing(scenario):
    good = ("apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
            "match: {cgroups: [/cgwarden.slice/*.scope/payload]}\npids: {max: 20}\n")
    scenario.guest.write_file(f"{scenario.work}/policies/p.yaml", good)
    scenario.start_agent()
    scenario.add_workload("web", ["/bin/sleep", "1000"])
    scenario.wait_running("web")
    scenario.until(lambda: scenario.read_control("web", "pids.max") == "20", "pids.max")
    scenario.guest.write_file(
        f"{scenario.work}/policies/p.yaml", good.replace("20", "30") + "cpu: {wieght: 5}\n")
    scenario.until(lambda: "reload_failed" in scenario.log(), "the refusal")
    assert "p.yaml:6:" in scenario.log()
    scenario.guest.write_file(f"{scenario.payload('web')}/pids.max", "25")
    scenario.until(lambda: scenario.read_control("web", "pids.max") == "20",
                   "the old policy to stay in force")
    failures = [v for k, v in scenario.metrics().items()
                if k.startswith("cgwarden_agent_policy_reloads_total") and "fail" in k]
    assert failures and failures[0] >= 1


def test_plan_and_apply_without_an_agent(scenario):
    group = "/sys/fs/cgroup/planned"
    scenario.guest.run(f"mkdir {group}", check=True)
    try:
        path = f"{scenario.work}/p.yaml"
        scenario.guest.write_file(
            path, "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
                  "match: {cgroups: [/planned]}\ncpu: {max: 50ms/100ms, burst: 50ms}\nmemory: {max: 64MiB}\n")
        planned = scenario.cli("policy", "plan", path)
        assert planned.returncode == 2, planned
        plan = planned.text
        assert "/planned" in plan and "cpu.max" in plan and "67108864" in plan
        assert scenario.guest.read_file(f"{group}/cpu.max").strip() == b"max 100000"
        scenario.cli("policy", "apply", path, check=True)
        assert scenario.guest.read_file(f"{group}/cpu.max").strip() == b"50000 100000"
        assert scenario.guest.read_file(f"{group}/cpu.max.burst").strip() == b"50000"
        assert scenario.guest.read_file(f"{group}/memory.max").strip() == b"67108864"
        again = scenario.cli("policy", "plan", path, check=True).text
        assert "cpu.max" not in again
        # Lowering below the burst in force: the burst must go first or the kernel refuses.
        scenario.guest.write_file(path, scenario.guest.read_file(path).replace(b"50ms", b"20ms"))
        scenario.cli("policy", "apply", path, check=True)
        assert scenario.guest.read_file(f"{group}/cpu.max").strip() == b"20000 100000"
    finally:
        scenario.guest.run(f"rmdir {group}")


def test_apply_warns_of_what_plan_warns_of(scenario):
    path = f"{scenario.work}/p.yaml"
    scenario.guest.write_file(
        path, "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
              "match: {cgroups: [/nobody-here]}\ncpu: {weight: 50}\n")
    warning = [line for line in scenario.cli("policy", "plan", path, check=True).text.splitlines()
               if "warning" in line]
    assert warning
    assert warning[0] in scenario.cli("policy", "apply", path, check=True).text


# --- errors: one sentence, the right exit code


def failure(completed):
    lines = completed.stderr.decode().strip().splitlines()
    assert completed.returncode not in (0, None), completed
    return completed.returncode, lines


def test_error_command_not_found(scenario):
    scenario.start_agent()
    scenario.add_workload("missing", ["/bin/no-such-program"])
    scenario.wait_died("missing")
    verdict, text = scenario.why("missing")
    assert verdict["class"] == "EXEC_FAILED"
    assert "/bin/no-such-program" in text.splitlines()[0]
    assert "launch_failed workload=missing" in scenario.log()
    assert scenario.guest.run(f"ls -d {scenario.payload('missing')}").returncode != 0


def test_error_missing_rootfs(scenario):
    scenario.start_agent()
    scenario.guest.write_file(
        f"{scenario.work}/workloads/norootfs.yaml", workload("norootfs", ["/bin/sh"], "/no/such/rootfs"))
    scenario.wait_died("norootfs")
    _, text = scenario.why("norootfs")
    assert "/no/such/rootfs" in text.splitlines()[0]


def test_error_missing_controller(scenario):
    guest = scenario.guest
    root = "/sys/fs/cgroup/nomem"
    guest.run(f"mkdir {root}", check=True)
    try:
        guest.write_file("/sys/fs/cgroup/cgroup.subtree_control", "-memory")
        scenario.start_agent("--cgroup-root", root)
        scenario.add_workload("limited", ["/bin/sleep", "1000"], resources="{memory: {max: 64MiB}}")
        scenario.wait_died("limited")
        _, text = scenario.why("limited")
        assert "memory" in text.splitlines()[0] and "controller" in text.splitlines()[0]
        scenario.kill_agent()
    finally:
        guest.run(f"find {root} -depth -type d -exec rmdir {{}} +")
        guest.write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory")


def test_error_no_permission(scenario):
    answer = scenario.guest.run(
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *scenario.agent_command()])
    code, lines = failure(answer)
    assert code == 1
    assert len(lines) == 1 and "root" in lines[0] and lines[0].startswith("cgwarden: ")


def test_error_bad_yaml_keeps_the_agent_from_starting(scenario):
    scenario.guest.write_file(
        f"{scenario.work}/policies/bad.yaml",
        "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\nmatch: {cgroups: [/a]}\npids: {max: -1}\n")
    code, lines = failure(scenario.guest.run(scenario.agent_command()))
    assert code == 1
    text = "\n".join(lines)
    assert "bad.yaml:5:" in text and "pids: {max: -1}" in text


def test_a_bad_policy_does_not_keep_an_agent_from_coming_back(scenario):
    good = ("apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
            "match: {cgroups: [/cgwarden.slice/*.scope/payload]}\npids: {max: 20}\n")
    path = f"{scenario.work}/policies/p.yaml"
    scenario.guest.write_file(path, good)
    scenario.start_agent()
    scenario.add_workload("web", ["/bin/sleep", "1000"])
    scenario.until(lambda: scenario.read_control_or_none("web", "pids.max") == "20", "pids.max")
    scenario.guest.write_file(path, good.replace("max: 20", "max: -1"))
    scenario.kill_agent()
    scenario.start_agent()
    # Loudly, and with the old limit held against a change by hand.
    assert "policies_refused" in scenario.log() and "p.yaml:5:" in scenario.log()
    assert "workload_adopted workload=web" in scenario.log()
    scenario.guest.write_file(f"{scenario.payload('web')}/pids.max", "25")
    scenario.until(lambda: scenario.read_control("web", "pids.max") == "20", "the last good policy")
    metrics = scenario.metrics()
    assert metrics['cgwarden_agent_policy_reloads_total{result="failure"}'] == 1
    assert "p.yaml:5:" in scenario.cli("doctor").text
    scenario.guest.write_file(path, good.replace("max: 20", "max: 30"))
    scenario.until(lambda: scenario.read_control("web", "pids.max") == "30", "the mended file")
    assert "p.yaml:5:" not in scenario.cli("doctor").text


def test_a_policy_directory_made_after_the_start_is_watched(scenario):
    scenario.guest.run(f"rmdir {scenario.work}/policies", check=True)
    scenario.start_agent()
    scenario.add_workload("web", ["/bin/sleep", "1000"])
    scenario.wait_running("web")
    scenario.guest.run(f"mkdir {scenario.work}/policies", check=True)
    scenario.guest.write_file(
        f"{scenario.work}/policies/p.yaml",
        "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
        "match: {cgroups: [/cgwarden.slice/*.scope/payload]}\npids: {max: 20}\n")
    scenario.until(lambda: scenario.read_control("web", "pids.max") == "20", "the policy")


def test_error_second_agent_and_address_in_use(scenario):
    scenario.start_agent()
    code, lines = failure(scenario.guest.run(scenario.agent_command()))
    assert code == 1 and "another agent" in lines[-1]
    command = [
        f"{scenario.work}/other" if word in (f"{scenario.work}/run", f"{scenario.work}/state") else word
        for word in scenario.agent_command()]
    code, lines = failure(scenario.guest.run(command))
    assert code == 1 and str(PORT) in lines[-1]


def test_error_run_without_a_bus(scenario):
    path = f"{scenario.work}/w.yaml"
    scenario.guest.write_file(path, workload("w", ["/bin/sh"], scenario.rootfs))
    code, lines = failure(scenario.cli("run", path))
    assert code == 1 and len(lines) == 1 and "agent" in lines[0]


def test_error_no_such_workload(scenario):
    code, lines = failure(scenario.cli("why", "nobody"))
    assert code == 3 and "nobody" in lines[0]


# --- export


@pytest.mark.each_kernel
def test_metrics_pass_promtool_and_match_the_kernel(scenario):
    scenario.start_agent()
    scenario.guest.write_file(
        f"{scenario.work}/workloads/web.yaml",
        workload("web", ["/bin/steady"], scenario.rootfs, resources="{memory: {max: 64MiB}, pids: {max: 9}}")
        .replace("{name: web}", '{name: web, labels: {tier: front, "app.org/x": "a\\"b"}}'))
    scenario.wait_running("web")
    label = 'cgroup="/cgwarden.slice/web.scope/payload"'
    # A tick may fall between the making of the cgroup and the start of its command.
    starts = 'cgwarden_workload_starts_total{workload="web"}'
    metrics = scenario.until(
        lambda: (m := scenario.metrics()) and any(label in key for key in m)
        and any(key.startswith("cgwarden_workload_info") for key in m)
        and m.get(starts, 0) > 0 and m, "the series")
    of_web = {key.split("{")[0]: value for key, value in metrics.items() if label in key}
    assert of_web["cgwarden_cgroup_memory_max_bytes"] == 64 << 20
    assert of_web["cgwarden_cgroup_pids_max"] == 9
    assert len([key for key in metrics if label in key]) >= 30
    assert metrics[starts] == 1
    assert metrics['cgwarden_workload_info{workload="web",label_app_org_x="a\\"b",label_tier="front"}'] == 1
    checked = scenario.guest.run(
        f"curl -sf http://127.0.0.1:{PORT}/metrics | promtool check metrics", timeout=120)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    openmetrics = scenario.guest.run(
        f"curl -sf -H 'Accept: application/openmetrics-text; version=1.0.0' http://127.0.0.1:{PORT}/metrics",
        check=True).text
    assert openmetrics.endswith("# EOF\n")


def test_help_of_the_binary_runs_in_the_guest(scenario):
    assert b"why" in scenario.guest.run([CGWARDEN, "--help"], check=True).stdout
