"""The agent under real systemd and D-Bus: scopes, the bus interface, adoption, the demo."""

import json
import shlex
import time

import pytest
from agent_scenario import BUILD, CGWARDEN, ROOT, Scenario, workload

pytestmark = pytest.mark.systemd

NAME = "io.github.cgwarden.Agent1"
OBJECT = "/io/github/cgwarden/Agent1"


@pytest.fixture
def scenario(guest):
    guest.run(
        f"cp {shlex.quote(str(ROOT))}/packaging/dbus/io.github.cgwarden.conf /etc/dbus-1/system.d/ && "
        "busctl call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig", check=True)
    with Scenario(guest, bus=True) as made:
        yield made


def start(scenario):
    scenario.start_agent()
    scenario.until(
        lambda: scenario.guest.run(["busctl", "status", NAME]).returncode == 0, "the bus name")


def run(scenario, name, command, **kwargs):
    path = f"{scenario.work}/{name}.yaml"
    scenario.guest.write_file(path, workload(name, command, scenario.rootfs, **kwargs))
    return scenario.cli("run", path)


def test_the_watchdog_is_fed_also_when_ticks_are_rarer(scenario):
    scenario.guest.run(
        ["systemd-run", "--unit=slow-agent", "-p", "Type=notify", "-p", "WatchdogSec=3s",
         *scenario.agent_command("--interval", "60", "--bus", "off")], check=True)
    try:
        scenario.guest.run("sleep 10")
        shown = scenario.guest.run(
            ["systemctl", "show", "slow-agent", "-p", "ActiveState,Result"], check=True).text
        assert "ActiveState=active" in shown and "Result=success" in shown
    finally:
        scenario.guest.run(["systemctl", "stop", "slow-agent"])
        scenario.guest.run(["systemctl", "reset-failed", "slow-agent"])


def test_run_ps_stop_over_the_bus(scenario):
    start(scenario)
    assert run(scenario, "web", ["/bin/sleep", "1000"], resources="{memory: {max: 64MiB}}").returncode == 0
    # A scope unit of systemd's, delegated, with our two levels in it.
    unit = dict(
        line.split("=", 1)
        for line in scenario.guest.run(
            ["systemctl", "show", "web.scope", "-p", "Delegate,Slice,ControlGroup,ActiveState"], check=True
        ).text.splitlines())
    assert unit == {"Delegate": "yes", "Slice": "cgwarden.slice", "ActiveState": "active",
                    "ControlGroup": "/cgwarden.slice/web.scope"}
    assert scenario.read_control("web", "memory.max") == str(64 << 20)
    listed = json.loads(scenario.cli("ps", "--json", check=True).stdout)
    assert [entry["name"] for entry in listed["workloads"]] == ["web"]
    assert listed["workloads"][0]["state"] == "running"
    called = scenario.guest.run(["busctl", "call", NAME, OBJECT, NAME, "List"], check=True).text
    assert "web" in called
    # daemon-reload takes nothing back below a delegated scope.
    scenario.guest.run(["systemctl", "daemon-reload"], check=True)
    assert scenario.read_control("web", "memory.max") == str(64 << 20)
    again = run(scenario, "web", ["/bin/sleep", "1000"])
    assert again.returncode == 1 and b"already" in again.stderr
    scenario.cli("stop", "web", check=True)
    verdict, text = scenario.why("web")
    assert verdict["class"] == "STOPPED", text
    scenario.until(
        lambda: scenario.guest.run(f"ls -d {scenario.payload('web')}").returncode != 0, "the scope to go")


def test_death_signal_on_the_bus(scenario):
    start(scenario)
    monitor = scenario.guest.spawn(
        ["busctl", "monitor", "--json=short", f"--match=type='signal',interface='{NAME}'"])
    scenario.until(lambda: b"Monitoring" in monitor.stderr, "the monitor")
    assert run(scenario, "short", ["/bin/sh", "-c", "sleep 1; echo secret words >&2; exit 4"]).returncode == 0
    scenario.wait_died("short")
    monitor.wait_for_output(b'"member":"Died"')
    assert b"EXITED" in monitor.stdout
    # Everybody may listen; the last words are for who may read the store.
    assert b"secret words" not in monitor.stdout
    assert "secret words" in scenario.why("short")[1]
    monitor.kill()
    monitor.wait(30)


def test_control_over_the_bus(scenario):
    start(scenario)
    assert run(scenario, "web", ["/bin/sleep", "1000"]).returncode == 0

    def call(member, *signature_and_values):
        return scenario.guest.run(["busctl", "--json=short", "call", NAME, OBJECT, NAME, member, *signature_and_values])

    def state():
        return json.loads(json.loads(call("Inspect", "s", "web").stdout)["data"][0])["state"]

    assert call("Pause", "s", "web").returncode == 0
    assert scenario.read_control("web", "cgroup.freeze") == "1"
    scenario.until(lambda: state() == "paused", "it to be paused")
    assert call("Resume", "s", "web").returncode == 0
    scenario.until(lambda: state() == "running", "it to go on")
    living = call("Remove", "sb", "web", "false")
    assert living.returncode == 1 and b"web" in living.stderr, living
    assert call("Kill", "si", "web", "10").returncode == 0
    scenario.wait_died("web")
    # Who asked is part of the evidence.
    text = scenario.why("web")[1]
    assert "SIGUSR1" in text and "over D-Bus" in text, text
    assert call("Kill", "si", "web", "10").returncode == 1
    assert call("Remove", "sb", "web", "false").returncode == 0
    assert json.loads(scenario.cli("ps", "--json", check=True).stdout)["workloads"] == []
    for member, *rest in (("Inspect", "s", "web"), ("Pause", "s", "web"), ("Remove", "sb", "web", "true")):
        gone = call(member, *rest)
        assert gone.returncode == 1 and b"web" in gone.stderr, gone


def test_errors_come_over_the_bus_as_one_sentence(scenario):
    start(scenario)
    missing = run(scenario, "missing", ["/bin/no-such-program"])
    assert missing.returncode == 1
    assert missing.stderr.decode().count("\n") == 1
    assert "/bin/no-such-program" in missing.stderr.decode()
    path = f"{scenario.work}/norootfs.yaml"
    scenario.guest.write_file(path, workload("norootfs", ["/bin/sh"], "/no/such/rootfs"))
    norootfs = scenario.cli("run", path)
    assert norootfs.returncode == 1 and "/no/such/rootfs" in norootfs.stderr.decode()
    bad = f"{scenario.work}/bad.yaml"
    scenario.guest.write_file(bad, "apiVersion: cgwarden/v1\nkind: Workload\nmetadata: {name: x}\ncomand: [a]\n")
    refused = scenario.cli("run", bad)
    assert refused.returncode == 1 and "bad.yaml:4:1" in refused.stderr.decode()
    gone = scenario.cli("stop", "nobody")
    assert gone.returncode == 3 and "nobody" in gone.stderr.decode()


def test_a_failed_run_is_not_tried_again(scenario):
    start(scenario)
    missing = run(scenario, "missing", ["/bin/no-such-program"],
                  extra="restart: {policy: always, backoff: 100ms}\n")
    assert missing.returncode == 1
    time.sleep(2)
    assert scenario.log().count("workload_died workload=missing") == 1
    listed = json.loads(scenario.cli("ps", "--json", check=True).stdout)
    assert [entry["state"] for entry in listed["workloads"]] == ["exited"]
    # The same file with the error mended is launched at once.
    mended = run(scenario, "missing", ["/bin/sleep", "1000"])
    assert mended.returncode == 0, mended.stderr
    scenario.cli("stop", "missing", check=True)


def test_an_unprivileged_user_may_list_but_not_stop(scenario):
    start(scenario)
    assert run(scenario, "web", ["/bin/sleep", "1000"]).returncode == 0
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    assert scenario.guest.run([*user, "busctl", "call", NAME, OBJECT, NAME, "List"]).returncode == 0
    denied = scenario.guest.run([*user, CGWARDEN, "stop", "web"])
    assert denied.returncode == 1, denied
    assert scenario.status("web") is not None
    scenario.cli("stop", "web", check=True)


def test_agent_killed_and_restarted_adopts(scenario):
    start(scenario)
    assert run(scenario, "stays", ["/bin/sleep", "1000"]).returncode == 0
    pid = scenario.status("stays")["main_pid"]
    scenario.kill_agent()
    scenario.guest.run(f"kill -0 {pid}", check=True)
    start(scenario)
    assert "workload_adopted workload=stays" in scenario.log()
    scenario.cli("stop", "stays", check=True)


def test_service_unit_is_ready_and_watched(scenario):
    guest = scenario.guest
    words = shlex.join(str(word) for word in scenario.agent_command())
    guest.run(
        f"systemd-run --unit=cgwarden-test --property=Type=notify --property=WatchdogSec=20 "
        f"--property=KillMode=process {words}", check=True, timeout=180)
    try:
        shown = guest.run(
            ["systemctl", "show", "cgwarden-test", "-p", "ActiveState,StatusText"], check=True).text
        assert "ActiveState=active" in shown and "watching" in shown
        guest.run(["systemctl", "kill", "-s", "HUP", "cgwarden-test"], check=True)
        time.sleep(1)
        assert "ActiveState=active" in guest.run(
            ["systemctl", "show", "cgwarden-test", "-p", "ActiveState"], check=True).text
    finally:
        guest.run(["systemctl", "stop", "cgwarden-test"], timeout=180)


def test_policy_for_a_unit_goes_by_way_of_systemd(scenario):
    guest = scenario.guest
    unit, path = "cgw-limited.service", "/system.slice/cgw-limited.service"
    policy = f"{scenario.work}/policies/p.yaml"
    head = f"apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {{name: p}}\nmatch: {{cgroups: [{path}, {path}/inner]}}\n"

    def read(file):
        """None: its controller is off, as cpu is where no unit of the slice has asked for it."""
        try:
            return guest.read_file(f"/sys/fs/cgroup{path}/{file}").decode().strip()
        except OSError:
            return None

    def becomes(file, value):
        # systemd is asked every 10 s at most.
        scenario.until(lambda: read(file) == value, f"{file} to be {value}", 120)

    guest.run(["systemd-run", f"--unit={unit}", "-p", "CPUAccounting=yes", "-p", "MemoryAccounting=yes",
               "-p", "TasksAccounting=yes", "/bin/sleep", "1000"], check=True)
    try:
        before = {file: read(file) for file in ("cpu.max", "memory.max", "pids.max")}
        guest.write_file(policy, head + "cpu: {max: 0.337, burst: 10ms}\nmemory: {max: 64MiB}\npids: {max: 50}\n")
        plan = scenario.cli("policy", "plan", policy)
        assert plan.returncode == 2 and "by way of systemd" in plan.text, plan
        assert "cpu.max.burst     skipped" in plan.text, plan
        start(scenario)
        # Rounded up to a percent, which is what systemd keeps.
        becomes("cpu.max", "34000 100000")
        assert (read("memory.max"), read("pids.max")) == (str(64 << 20), "50")
        shown = guest.run(["systemctl", "show", unit, "-p", "CPUQuotaPerSecUSec,MemoryMax,TasksMax"], check=True).text
        assert sorted(shown.split()) == ["CPUQuotaPerSecUSec=340ms", f"MemoryMax={64 << 20}", "TasksMax=50"], shown
        scenario.until(lambda: scenario.cli("policy", "plan", policy).returncode == 0, "nothing left to write")
        # systemd would have undone what somebody wrote beside it.
        guest.run(["systemctl", "daemon-reload"], check=True, timeout=180)
        ticks = scenario.ticks()
        scenario.until(lambda: scenario.ticks() > ticks + 2, "three ticks")
        assert read("cpu.max") == "34000 100000"
        # And what somebody writes by hand is put right through it.
        guest.write_file(f"/sys/fs/cgroup{path}/pids.max", "77")
        becomes("pids.max", "50")
        # The line follows systemd's answer.
        scenario.until(lambda: " policy_drift " in scenario.log(), "the line of the drift")
        # Not its own: what is inside belongs to the unit's manager, unless the policy adopts it.
        guest.run(f"mkdir /sys/fs/cgroup{path}/inner", check=True)
        plan = scenario.cli("policy", "plan", policy).text
        assert "owner: adopt" in plan, plan
        guest.run(["rm", policy], check=True)
        for file in ("memory.max", "pids.max"):
            becomes(file, before[file])
        scenario.until(lambda: read("cpu.max") in (None, "max 100000"), "the quota to go", 120)
    finally:
        guest.run(f"rmdir /sys/fs/cgroup{path}/inner")
        guest.run(["systemctl", "stop", unit], timeout=180)


def test_the_demo_runs_to_its_end_and_leaves_nothing(guest):
    def leftovers():
        return guest.run(
            "ls -d /run/cgwarden* /etc/dbus-1/system.d/* /sys/fs/cgroup/cgwarden.slice "
            "/sys/fs/cgroup/cgwarden.slice/*.scope 2>/dev/null; "
            "systemctl list-units --plain --no-legend 'cgwarden*' "
            "server.scope steady.scope leaker.scope; pgrep -l 'cgwarden|prometheus'").text

    # Earlier tests leave the empty slice to systemd.
    guest.run(["systemctl", "stop", "cgwarden.slice"])
    before = leftovers()
    assert "cgwarden.slice" not in before
    demo = guest.run([ROOT / "examples" / "demo-steps", BUILD], timeout=400)
    text = demo.text
    assert demo.returncode == 0, text + demo.stderr.decode()
    assert "memory.max" in text and "RSS" in text and "victim" in text
    assert "throttled" in text
    assert leftovers() == before
