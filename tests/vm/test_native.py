"""The native command line: runs in the foreground without an agent, and what is done to a workload by name."""

import json

import pytest
from agent_scenario import CGWARDEN, SLICE, Scenario, workload


@pytest.fixture(scope="module")
def shared(machine_slot):
    with Scenario(machine_slot.guest()) as scenario:
        yield scenario


@pytest.fixture
def scenario(shared, guest):
    assert shared.guest is guest, "the machine was lost with the scenario in it"
    return shared


def run(scenario, *words, timeout=180):
    """`cgwarden run` in the foreground; the words after "--" come last."""
    return scenario.cli("run", *words, timeout=timeout)


def shell(scenario, script, *options, name="box"):
    return run(scenario, "--name", name, "--rootfs", scenario.rootfs, *options, "--", "/bin/busybox", "sh", "-c", script)


def start(scenario, *words):
    """A run in the foreground that goes on beside the test."""
    return scenario.guest.spawn(
        [CGWARDEN, "--runtime-dir", f"{scenario.work}/run", "--state-dir", f"{scenario.work}/state", *words]
    )


def start_shell(scenario, script, *options, name="box"):
    job = start(
        scenario, "run", "--name", name, "--rootfs", scenario.rootfs, *options, "--", "/bin/busybox", "sh", "-c", script
    )
    scenario.until(lambda: scenario.status(name) or not job.running, f"{name} to run")
    assert job.running, job.stderr.decode()
    return job


def ended(job):
    end = job.wait(60)
    return end.returncode


def note_of(scenario, name):
    """agent.json, without its blanks; "" while there is none."""
    try:
        note = scenario.guest.read_file(f"{scenario.work}/run/workloads/{name}/agent.json")
    except OSError:
        return ""
    return note.decode().replace(" ", "")


def nothing_left(scenario, name):
    assert scenario.gone(f"{SLICE}/{name}.scope")
    assert not scenario.processes(f"cgwarden-shim --name {name} ")


def test_foreground_run_without_agent(scenario):
    done = shell(scenario, "echo out; echo err >&2; cat /proc/self/cgroup; exit 7", "--rm")
    assert done.returncode == 7, done
    assert done.stdout.decode().splitlines()[0] == "out"
    assert done.stderr.decode().splitlines() == ["err"]
    nothing_left(scenario, "box")
    assert scenario.gone(f"{scenario.work}/run/workloads/box")


def test_foreground_run_of_a_file(scenario):
    path = f"{scenario.work}/web.yaml"
    scenario.guest.write_file(
        path, workload("web", ["/bin/busybox", "sh", "-c", "kill -9 $$"], "rootfs", resources="{memory: {max: 32MiB}}")
    )
    done = run(scenario, "--foreground", path)
    assert done.returncode == 128 + 9, done
    assert "KILL" in scenario.cli("why", "web").text
    nothing_left(scenario, "web")


def test_foreground_run_limits_and_says_why(scenario):
    done = run(
        scenario, "--rm", "--name", "eater", "--rootfs", scenario.rootfs, "--memory", "16MiB", "--", "/bin/leaker", "8"
    )
    assert done.returncode == 128 + 9, done
    assert "memory.max" in done.stderr.decode(), done


def test_foreground_run_keeps_its_input_and_its_log(scenario):
    done = scenario.guest.run(
        f"printf 'one\\ntwo\\n' | {CGWARDEN} --runtime-dir {scenario.work}/run --state-dir {scenario.work}/state "
        f"run -i --name filter --rootfs {scenario.rootfs} -- /bin/busybox sh -c 'while read l; do echo got $l; done' | cat",
    )
    assert done.text.splitlines() == ["got one", "got two"], done
    assert scenario.cli("logs", "filter", "--since", "10min").text.splitlines() == ["got one", "got two"]
    assert scenario.cli("logs", "filter", "--since", "2999-01-01").text == ""


def test_foreground_run_with_a_slow_reader(scenario):
    # More than all pipes hold: it arrives whole although the command has ended long before.
    done = scenario.guest.run(
        f"{CGWARDEN} --runtime-dir {scenario.work}/run --state-dir {scenario.work}/state run --rm --name big "
        f"--rootfs {scenario.rootfs} -- /bin/busybox sh -c 'yes | head -c 400000' | (sleep 3; wc -c)",
        timeout=90,
    )
    assert done.text.strip() == "400000", done


def test_foreground_run_with_a_terminal(scenario):
    command = (
        f"{CGWARDEN} --runtime-dir {scenario.work}/run --state-dir {scenario.work}/state run -it --rm --name tty "
        f"--rootfs {scenario.rootfs} -- /bin/busybox sh -c '[ -t 0 ] && [ -t 1 ] && tty && exit 5'"
    )
    # With its input at an end script(1) would not wait for the output.
    job = scenario.guest.spawn(["script", "-qec", command, "/dev/null"])
    done = job.wait(60)
    assert done.returncode == 5, done
    assert "/dev/pts/0" in done.text
    # Over before its start was noticed, now and then.
    short = (
        f"{CGWARDEN} --runtime-dir {scenario.work}/run --state-dir {scenario.work}/state run -it --rm --name tty "
        f"--rootfs {scenario.rootfs} -- /bin/busybox echo said"
    )
    many = scenario.guest.spawn(["script", "-qec", f"for i in 1 2 3 4 5; do {short}; done", "/dev/null"])
    assert many.wait(120).text.count("said") == 5
    refused = shell(scenario, "true", "-t")
    assert refused.returncode == 125
    assert "--tty" in refused.stderr.decode()


def test_foreground_run_passes_signals_on(scenario):
    job = start_shell(scenario, "trap 'exit 42' TERM; echo ready; while :; do sleep 0.1; done", "--rm")
    scenario.until(lambda: b"ready" in job.stdout, "the trap")
    job.kill(15)
    assert ended(job) == 42
    nothing_left(scenario, "box")


def test_foreground_run_is_stopped_by_the_workloads_signal(scenario):
    script = "trap 'exit 7' USR1; trap 'exit 8' TERM; echo ready; while :; do sleep 0.1; done"
    scenario.guest.write_file(f"{scenario.work}/asked.yaml", workload(
        "asked", ["/bin/sh", "-c", script], scenario.rootfs, extra="stopSignal: SIGUSR1\nstopTimeout: 60s\n"))
    job = start(scenario, "run", "--foreground", "--rm", f"{scenario.work}/asked.yaml")
    scenario.until(lambda: b"ready" in job.stdout, "the trap")
    assert scenario.cli("stop", "asked").returncode == 0
    assert ended(job) == 7
    nothing_left(scenario, "asked")


def test_foreground_run_that_waits_for_a_restart_ends_when_asked(scenario):
    path = f"{scenario.work}/again.yaml"
    scenario.guest.write_file(
        path,
        workload("again", ["/bin/busybox", "sh", "-c", "exit 1"], scenario.rootfs,
                 extra="restart: {policy: on-failure, backoff: 300s}\n"))
    job = start(scenario, "run", "--rm", "--foreground", path)
    scenario.until(lambda: '"decided_incarnation":1' in note_of(scenario, "again") or not job.running, "the backoff")
    assert job.running, job.stderr
    job.kill(15)
    assert ended(job) == 1
    nothing_left(scenario, "again")


def test_foreground_run_with_a_terminal_is_not_restarted_when_asked_to_end(scenario):
    path = f"{scenario.work}/always.yaml"
    scenario.guest.write_file(
        path,
        workload("always", ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"],
                 scenario.rootfs, extra="restart: {policy: always, backoff: 100ms}\n"))
    command = (
        f"{CGWARDEN} --runtime-dir {scenario.work}/run --state-dir {scenario.work}/state run -it --rm --foreground {path}"
    )
    job = scenario.guest.spawn(["script", "-qec", command, "/dev/null"])
    scenario.until(lambda: b"ready" in job.stdout or not job.running, "the command")
    assert job.running, job.stdout
    scenario.cli("stop", "always", check=True)
    assert job.wait(60).returncode == 0
    assert job.stdout.count(b"ready") == 1
    nothing_left(scenario, "always")


def test_foreground_run_that_cannot_start(scenario):
    missing = run(scenario, "--rm", "--name", "none", "--rootfs", scenario.rootfs, "--", "/bin/none")
    assert missing.returncode == 127, missing
    assert "/bin/none" in missing.stderr.decode()
    no_root = run(scenario, "--rm", "--name", "none", "--rootfs", "/no/such", "--", "/bin/none")
    assert no_root.returncode == 125, no_root
    assert "/no/such" in no_root.stderr.decode()
    nothing_left(scenario, "none")
    assert scenario.cli("run").returncode == 2


def test_foreground_run_below_a_delegated_cgroup(scenario):
    scenario.guest.run("mkdir -p /sys/fs/cgroup/mine/own", check=True)
    job = start_shell(scenario, "sleep 1000", "--rm", "--cgroup-parent", "/mine/own", name="guest")
    assert scenario.status("guest")["cgroup"] == "/mine/own/guest.scope/payload"
    job.kill(2)
    assert ended(job) == 128 + 2
    scenario.guest.run("rmdir /sys/fs/cgroup/mine/own /sys/fs/cgroup/mine", check=True)


def test_foreground_run_is_alone_with_its_name(scenario):
    job = start_shell(scenario, "sleep 1000")
    second = shell(scenario, "true")
    assert second.returncode == 125
    assert "box: it is running already" in second.stderr.decode()
    listed = json.loads(scenario.cli("ps", "--json").stdout)["workloads"]
    assert [w["state"] for w in listed if w["name"] == "box"] == ["running"]
    # Killed, it leaves the workload to the next agent.
    job.kill(9)
    job.wait(30)
    scenario.start_agent()
    scenario.until(lambda: "workload_adopted workload=box" in scenario.log(), "the adoption")
    scenario.stop_agent()
    scenario.guest.run(f"echo 1 > {scenario.payload('box')}/cgroup.kill", check=True)
    scenario.until(lambda: not scenario.processes("cgwarden-shim --name box "), "its end")


def test_control_without_agent(scenario):
    job = start_shell(scenario, "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.1; done", name="web")
    scenario.until(lambda: b"ready" in job.stdout, "the trap")

    assert scenario.cli("kill", "--signal", "USR1", "web").returncode == 0
    scenario.until(lambda: b"usr1" in job.stdout, "the signal")
    assert scenario.cli("kill", "-s", "NOPE", "web").returncode == 2

    assert scenario.cli("pause", "web").returncode == 0
    assert "frozen 1" in scenario.read_control("web", "cgroup.events")
    refused = scenario.cli("exec", "web", "/bin/busybox", "true")
    assert refused.returncode == 125
    assert "web is paused; cgwarden resume web" in refused.stderr.decode()
    inspected = json.loads(scenario.cli("inspect", "web", "--json").stdout)
    assert inspected["state"] == "paused"
    assert inspected["supervisor"] == "foreground"
    assert inspected["workload"]["command"][:2] == ["/bin/busybox", "sh"]
    assert scenario.cli("resume", "web").returncode == 0
    assert "frozen 0" in scenario.read_control("web", "cgroup.events")
    assert "running" in scenario.cli("inspect", "web").text

    alive = scenario.cli("rm", "web")
    assert alive.returncode == 1
    assert "--force" in alive.stderr.decode()
    assert scenario.cli("stop", "web").returncode == 0
    assert ended(job) == 128 + 15
    nothing_left(scenario, "web")
    assert scenario.cli("kill", "web").returncode == 1
    assert scenario.cli("rm", "web").returncode == 0
    assert scenario.gone(f"{scenario.work}/run/workloads/web")
    for command in ("kill", "pause", "resume", "rm", "inspect"):
        assert scenario.cli(command, "web").returncode == 3, command


def test_stop_without_an_agent_begins_with_the_workloads_signal(scenario):
    scenario.start_agent()
    scenario.add_workload(
        "asked", ["/bin/sh", "-c", "trap 'exit 7' USR1; echo ready; while :; do sleep 0.1; done"],
        extra="stopSignal: SIGUSR1\nstopTimeout: 60s\n")
    scenario.wait_running("asked")
    scenario.until(lambda: scenario.cli("logs", "asked").text == "ready\n", "the trap")
    scenario.kill_agent()
    assert scenario.cli("stop", "asked").returncode == 0
    assert scenario.state_file("asked", "exit.json")["wait"]["status"] == 7
    scenario.guest.run(f"rm {scenario.work}/workloads/asked.yaml", check=True)
    assert scenario.cli("rm", "asked").returncode == 0


def test_remove_by_force(scenario):
    job = start_shell(scenario, "trap '' TERM; echo ready; while :; do sleep 1; done", name="stubborn")
    scenario.until(lambda: b"ready" in job.stdout, "the trap")
    assert scenario.cli("rm", "-f", "stubborn").returncode == 0
    assert ended(job) == 128 + 9
    nothing_left(scenario, "stubborn")


def test_exec(scenario):
    job = start_shell(scenario, "sleep 1000", "--hostname", "inside", "--cap-drop", "CAP_NET_RAW", name="web")

    def run_in(*words, name="web", options=()):
        return scenario.cli("exec", *options, name, "/bin/busybox", *words)

    # The namespaces, the root, the cgroup, and nothing more than the command itself may do.
    seen = run_in(
        "sh", "-c",
        "hostname; ls /; cat /proc/self/cgroup; grep -E '^(CapBnd|Seccomp):' /proc/self/status; echo $FROM; exit 3",
        options=("-e", "FROM=here", "--cwd", "/tmp"),
    )
    assert seen.returncode == 3, seen
    text = seen.text
    assert text.startswith("inside\n")
    assert "bin" in text.splitlines()
    assert "0::/\n" in text
    own = scenario.guest.read_file(f"/proc/{scenario.status('web')['main_pid']}/status").decode()
    for key in ("CapBnd", "Seccomp"):
        line = next(line for line in own.splitlines() if line.startswith(key + ":"))
        assert line in text
    assert "here" in text.splitlines()
    inside = scenario.guest.spawn(
        [CGWARDEN, "--runtime-dir", f"{scenario.work}/run", "exec", "web", "/bin/busybox", "sleep", "777"]
    )
    pid = scenario.until(lambda: scenario.processes("^/bin/busybox sleep 777"), "the sleep")[0]
    assert pid in scenario.read_control("web", "cgroup.procs").split()

    detached = scenario.cli("exec", "--detach", "web", "/bin/busybox", "sh", "-c", "echo lost; exec /bin/busybox sleep 779")
    assert (detached.returncode, detached.stdout, detached.stderr) == (0, b"", b"")
    pid = scenario.until(lambda: scenario.processes("^/bin/busybox sleep 779"), "the detached sleep")[0]
    assert pid in scenario.read_control("web", "cgroup.procs").split()
    assert scenario.cli("exec", "-d", "web", "/bin/none").returncode == 127
    assert scenario.cli("exec", "-d", "-t", "web", "/bin/none").returncode == 2

    assert run_in("sh", "-c", "kill -9 $$").returncode == 128 + 9
    assert scenario.cli("exec", "web", "/bin/none").returncode == 127
    assert scenario.cli("exec", "nobody", "/bin/none").returncode == 3
    terminal = scenario.guest.spawn(
        ["script", "-qec", f"{CGWARDEN} --runtime-dir {scenario.work}/run exec -it web /bin/busybox tty", "/dev/null"]
    ).wait(60)
    assert terminal.returncode == 0, terminal
    assert "/dev/pts/" in terminal.text

    # It ends with the workload.
    assert scenario.cli("kill", "web").returncode == 0
    assert ended(job) == 128 + 9
    assert ended(inside) == 128 + 9
    assert scenario.cli("exec", "web", "/bin/busybox", "true").returncode == 1
    assert scenario.cli("rm", "web").returncode == 0


def health(scenario, name):
    """What `inspect` would say, without its start."""
    try:
        return scenario.state_file(name, "health.json")
    except OSError:
        return {"health": None, "failures_in_row": 0, "output": ""}


def test_health_checks(scenario):
    scenario.guest.run(f"mkdir {scenario.rootfs}/www && echo hello > {scenario.rootfs}/www/page", check=True)
    busybox = "/bin/busybox"

    def add(name, command, check):
        scenario.add_workload(
            name,
            command,
            extra=f"health: {{{check}, interval: 1s, retries: 2}}\nrestart: {{policy: on-failure, backoff: 100ms}}\n",
        )

    add("byhttp", [busybox, "httpd", "-f", "-p", "80", "-h", "/www"], "http: {port: 80, path: /page}")
    add("bytcp", [busybox, "sleep", "1000"], "tcp: 81")
    add("byexec", [busybox, "sleep", "1000"], f"exec: [{busybox}, test, -e, /tmp/well], action: restart")
    add("late", [busybox, "sleep", "1000"], f"exec: [{busybox}, sleep, '776'], timeout: 200ms")
    agent = scenario.start_agent()

    def wait_for(name, state):
        scenario.until(lambda: health(scenario, name)["health"] == state, f"{name} to be {state}")

    wait_for("byhttp", "healthy")
    wait_for("bytcp", "unhealthy")
    assert "cannot connect to port 81" in health(scenario, "bytcp")["output"]
    wait_for("late", "unhealthy")
    assert "no end after 200 ms" in health(scenario, "late")["output"]

    # Unhealthy is a failure for the restart policy, although sleep ends by the SIGTERM of a stop.
    scenario.wait_running("byexec", incarnation=2)
    text = scenario.cli("why", "byexec", "--incarnation", "1").text
    assert "health check failed 2 times in a row" in text, text
    scenario.guest.run(["touch", f"{scenario.rootfs}/tmp/well"], check=True)
    wait_for("byexec", "healthy")

    scenario.guest.run(["rm", f"{scenario.rootfs}/www/page"], check=True)
    wait_for("byhttp", "unhealthy")
    assert "answers /page with status 404" in health(scenario, "byhttp")["output"]
    listed = {w["name"]: w.get("health") for w in json.loads(scenario.cli("ps", "--json").stdout)["workloads"]}
    assert listed["byhttp"] == listed["bytcp"] == listed["late"] == "unhealthy"
    series = scenario.until(
        lambda: scenario.metrics() if scenario.metrics().get('cgwarden_workload_healthy{workload="byhttp"}') == 0 else None,
        "the metric",
    )
    assert series['cgwarden_workload_restarts_total{workload="byexec",reason="unhealthy"}'] >= 1

    # No check outlives its time, and none is left unreaped; one that has just ended may be there for a moment.
    def unreaped():
        children = scenario.guest.run(["ps", "--ppid", str(agent.pid), "-o", "stat=,args="]).text
        return [line for line in children.splitlines() if line.startswith("Z")]

    scenario.until(lambda: not unreaped(), "the checks to be reaped")
    scenario.until(lambda: len(scenario.processes(f"^{busybox} sleep 776")) <= 1, "the checks to end")
    scenario.stop_agent()


@pytest.mark.systemd
def test_logs_in_the_journal(guest):
    with Scenario(guest) as scenario:
        path = f"{scenario.work}/noted.yaml"
        guest.write_file(
            path,
            workload(
                "noted",
                ["/bin/busybox", "sh", "-c", "echo one; echo two; printf three >&2"],
                "rootfs",
                extra="log: {driver: journal}\n",
            ),
        )
        # In a scope of systemd's, made without an agent.
        assert run(scenario, "--foreground", path, timeout=90).returncode == 0
        nothing_left(scenario, "noted")

        def entries():
            text = guest.run(["journalctl", "-o", "json", "CGWARDEN_WORKLOAD=noted"]).text
            return {entry["MESSAGE"]: entry for entry in map(json.loads, text.splitlines())}

        seen = scenario.until(lambda: entries() if len(entries()) == 3 else None, "the journal")
        assert {message: entry["CGWARDEN_STREAM"] for message, entry in seen.items()} == {
            "one": "stdout", "two": "stdout", "three": "stderr",
        }
        assert seen["one"]["SYSLOG_IDENTIFIER"] == "noted"
        assert seen["one"]["PRIORITY"] == "6"
        assert seen["three"]["PRIORITY"] == "4"
        assert seen["one"]["CGWARDEN_INCARNATION"] == "1"
        assert scenario.cli("logs", "noted", "--stdout", "--tail", "1").text.splitlines() == ["two"]
