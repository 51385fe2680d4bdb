"""The cgroup of an OCI container on a real kernel: limits, devices, freezing, killing, removal, statistics."""

import json
import os
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CGWARDEN_BUILD_DIR", ROOT / "build" / "release"))
DRIVER = BUILD / "tests" / "launcher" / "cgroup_driver"
SCOPE = BUILD / "launcher" / "cgwarden-scope"
TREE = "/sys/fs/cgroup"
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


class Container:
    """A cgroup made by the driver program, with processes in it as the test asks for."""

    def __init__(self, guest, driver="cgroupfs"):
        self.guest = guest
        self.driver = driver
        self.work = guest.run("mktemp -d /run/ocicg.XXXXXX", check=True).text.strip()
        # Side by side, as they are installed.
        guest.run(f"cp {DRIVER} {SCOPE} {self.work}/ && chmod 755 {self.work}", check=True)
        self.program = f"{self.work}/cgroup_driver"
        self.path = self.unit = ""
        self.spawned = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.spawned:
            if process.running:
                process.kill(9)
        if self.path:
            self.guest.run(f"echo 0 > {TREE}{self.path}/cgroup.freeze; echo 1 > {TREE}{self.path}/cgroup.kill")
            self.call("remove")
        self.guest.run(f"rm -rf {self.work}; rmdir {TREE}/ocitest/* {TREE}/ocitest 2>/dev/null")

    def make(self, path, *properties, pid=0, prefix=()):
        done = self.guest.run([*prefix, self.program, "make", self.driver, path, "box", str(pid), *properties])
        if done.returncode == 0:
            self.path, _, self.unit = done.text.rstrip("\n").partition(" ")
        return done

    def call(self, verb, *words):
        return self.guest.run([self.program, verb, self.driver, self.path, self.unit, *words])

    def must(self, verb, *words):
        done = self.call(verb, *words)
        assert done.returncode == 0, done.stderr
        return done.text

    def read(self, file):
        return self.guest.read_file(f"{TREE}{self.path}/{file}").decode().rstrip("\n")

    def sleeper(self, *command):
        """A process born in the cgroup."""
        before = self.must("processes").split()
        self.spawned.append(self.guest.spawn(
            [self.program, "enter", self.driver, self.path, self.unit, *(command or ("sleep", "1000"))]))
        return until(lambda: [pid for pid in self.must("processes").split() if pid not in before])[0]


def until(condition, timeout=180):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError("it did not come true")


def keyed(text):
    return {line.split()[0]: int(line.split()[1]) for line in text.splitlines()}


@pytest.fixture
def container(guest):
    with Container(guest) as made:
        yield made


# --- limits

@pytest.mark.fast
def test_limits_are_as_written(container):
    done = container.make(
        "/ocitest/pod/box", "memory.limit=67108864", "memory.swap=100663296", "memory.reservation=4194304",
        "cpu.shares=512", "cpu.quota=50000", "cpu.burst=10000", "cpu.cpus=0", "pids.limit=20",
        "blockIO.weight=500", "unified.memory.high=60M", "unified.memory.oom.group=1")
    assert done.returncode == 0, done.stderr
    assert container.path == "/ocitest/pod/box"
    assert {file: container.read(file) for file in (
        "memory.max", "memory.swap.max", "memory.low", "memory.high", "memory.oom.group", "cpu.weight", "cpu.max",
        "cpu.max.burst", "cpuset.cpus", "pids.max")} == {
        "memory.max": "67108864", "memory.swap.max": "33554432", "memory.low": "4194304",
        "memory.high": str(60 << 20), "memory.oom.group": "1", "cpu.weight": "59", "cpu.max": "50000 100000",
        "cpu.max.burst": "10000", "cpuset.cpus": "0", "pids.max": "20"}
    weight = container.read("io.weight") if "io.bfq.weight" not in container.guest.run(
        f"ls {TREE}{container.path}").text else None
    assert weight in ("default 4950", None)
    for controller in ("cpu", "memory", "pids", "io"):
        assert controller in container.guest.read_file(f"{TREE}/ocitest/pod/cgroup.subtree_control").decode()


@pytest.mark.fast
def test_every_controller_is_handed_down(container):
    assert container.make("/ocitest/pod/box").returncode == 0
    given = container.guest.read_file(f"{TREE}/cgroup.controllers").decode().split()
    assert {"hugetlb", "rdma", "misc"} <= set(given)
    assert container.read("cgroup.controllers").split() == given


@pytest.mark.fast
def test_no_swap_is_written_as_zero(container):
    assert container.make("/ocitest/box", "memory.limit=67108864", "memory.swap=67108864").returncode == 0
    assert container.read("memory.swap.max") == "0"


@pytest.mark.fast
def test_update_changes_what_it_names(container):
    assert container.make("/ocitest/box", "memory.limit=67108864", "cpu.quota=50000", "cpu.period=50000",
                          "pids.limit=20").returncode == 0
    container.must("update", "cpu.quota=20000")
    assert container.read("cpu.max") == "20000 50000"
    container.must("update", "cpu.period=100000")
    assert container.read("cpu.max") == "20000 100000"
    container.must("update", "memory.swap=100663296")
    assert container.read("memory.swap.max") == str(32 << 20)
    container.must("update", "pids.limit=-1", "memory.limit=-1", "memory.swap=-1", "cpu.quota=-1")
    assert [container.read(file) for file in ("pids.max", "memory.max", "memory.swap.max", "cpu.max")] == [
        "max", "max", "max", "max 100000"]
    container.sleeper("sh", "-c", "head -c 20000000 /dev/zero | tail -c 20000000 | sleep 1000")
    until(lambda: int(container.read("memory.current")) > 1 << 20)
    refused = container.call("update", "memory.limit=65536", "memory.checkBeforeUpdate=1")
    assert refused.returncode == 1 and b"rejecting memory limit 65536: the container uses" in refused.stderr
    assert container.read("memory.max") == "max"


@pytest.mark.fast
@pytest.mark.parametrize("seed", ["1", "2"])
def test_random_updates_never_meet_a_refusal(container, seed):
    assert container.make("/ocitest/box").returncode == 0
    container.must("walk", seed, "300")


@pytest.mark.fast
def test_a_value_the_kernel_refuses_leaves_nothing(container):
    done = container.make("/ocitest/new/box", "unified.cpuset.cpus=4000")
    assert done.returncode == 1
    assert b"cpuset.cpus" in done.stderr and b"/ocitest/new/box" in done.stderr
    assert container.guest.run(f"ls -d {TREE}/ocitest").returncode != 0
    missing = container.make("/ocitest/box", "unified.nothing.max=1")
    assert missing.returncode == 1 and b"controller nothing is not available" in missing.stderr
    assert container.guest.run(f"ls -d {TREE}/ocitest").returncode != 0


@pytest.mark.fast
def test_a_leftover_is_taken_over_thawed(container):
    container.guest.run(f"mkdir -p {TREE}/ocitest/box && echo 1 > {TREE}/ocitest/box/cgroup.freeze", check=True)
    assert container.make("/ocitest/box").returncode == 0
    assert container.read("cgroup.freeze") == "0"


@pytest.mark.fast
def test_processes_above_are_named_as_the_reason(container):
    container.guest.run(f"mkdir {TREE}/ocitest", check=True)
    sleeper = container.guest.spawn(["sh", "-c", f"echo $$ > {TREE}/ocitest/cgroup.procs; exec sleep 1000"])
    container.spawned.append(sleeper)
    until(lambda: container.guest.read_file(f"{TREE}/ocitest/cgroup.procs"))
    # pids could be enabled, but would leave a child that takes no process.
    for limit in ("memory.limit=67108864", "pids.limit=5"):
        done = container.make("/ocitest/box", limit)
        assert done.returncode == 1 and b"processes of its own; move them" in done.stderr, done.stderr
    assert container.guest.read_file(f"{TREE}/ocitest/cgroup.type") == b"domain\n"
    # Without limits no controller is needed, and the container can live there.
    assert container.make("/ocitest/box").returncode == 0
    assert container.call("enter", "true").returncode == 0
    container.must("remove")
    container.path = ""
    occupied = container.make("/ocitest")
    assert occupied.returncode == 1 and b"holds processes already" in occupied.stderr
    sleeper.kill(9)
    sleeper.wait(30)


# --- devices

def opens(container, device, mode="<"):
    return container.call("enter", "sh", "-c", f": {mode} {device}").returncode == 0


@pytest.mark.fast
def test_devices_are_denied_but_for_the_rules(container):
    assert container.make("/ocitest/box").returncode == 0
    for device in ("null", "zero", "full", "random", "urandom", "ptmx"):
        assert opens(container, f"/dev/{device}"), device
    assert not opens(container, "/dev/kmsg")
    assert not opens(container, "/dev/mem")
    # mknod is allowed, use is not.
    made = container.call("enter", "sh", "-c", "mknod /dev/ocitest b 7 99 && ! cat /dev/ocitest; rm /dev/ocitest")
    assert made.returncode == 0 and b"Operation not permitted" in made.stderr, made.stderr
    container.must("update", "device=allow:c:1:11:r")
    assert opens(container, "/dev/kmsg")
    assert not opens(container, "/dev/kmsg", ">")
    assert not opens(container, "/dev/kmsg", "<>")
    # Replaced, not added: one program at a time.
    container.must("update", "device=allow:a:*:*:rwm", "device=deny:c:1:1:rwm")
    assert opens(container, "/dev/kmsg", "<>")
    assert not opens(container, "/dev/mem")
    container.must("update", "device=allow:a:*:*:rwm")
    assert opens(container, "/dev/kmsg", "<>")


# --- processes

@pytest.mark.fast
def test_freeze_kill_remove(container):
    assert container.make("/ocitest/box").returncode == 0
    first = container.sleeper("sh", "-c", "while :; do :; done")
    container.guest.run(f"mkdir {TREE}{container.path}/inner", check=True)
    second = container.sleeper()
    container.guest.run(f"echo {second} > {TREE}{container.path}/inner/cgroup.procs", check=True)
    assert sorted(container.must("processes").split()) == sorted([first, second])
    assert container.must("frozen") == "no\n"
    container.must("freeze")
    assert container.must("frozen") == "yes\n"
    assert keyed(container.read("cgroup.events"))["frozen"] == 1
    container.must("thaw")
    assert container.must("frozen") == "no\n"
    container.must("freeze")
    container.must("kill")
    container.must("remove")
    assert container.guest.run(f"ls -d {TREE}{container.path}").returncode != 0
    for verb in ("remove", "kill"):
        container.must(verb)
    assert container.must("processes") == ""
    container.path = ""


@pytest.mark.fast
def test_removal_waits_and_then_says_who_is_left(container):
    assert container.make("/ocitest/box").returncode == 0
    container.sleeper("sleep", "3")
    container.must("remove")
    assert container.make("/ocitest/box").returncode == 0
    pid = container.sleeper()
    left = container.call("remove")
    assert left.returncode == 1 and pid.encode() in left.stderr, left.stderr


# --- statistics

def unchanged_meanwhile(container, file):
    """The statistics, and a file that said the same before and after: periods are counted on for a
    moment after the last process is frozen."""
    for _ in range(50):
        before = container.read(file)
        stats = container.must("stats")
        if container.read(file) == before:
            return json.loads(stats), keyed(before)
        time.sleep(0.1)
    raise AssertionError(f"{file} goes on changing")


@pytest.mark.fast
def test_stats_are_what_the_files_say(container):
    assert container.make("/ocitest/box", "memory.limit=67108864", "pids.limit=20", "cpu.quota=50000").returncode == 0
    container.sleeper("sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exec sleep 1000")
    container.must("freeze")
    stats, cpu = unchanged_meanwhile(container, "cpu.stat")
    assert (stats["type"], stats["id"]) == ("stats", "box")
    data = stats["data"]
    assert data["cpu"]["usage"] == {"total": cpu["usage_usec"] * 1000, "user": cpu["user_usec"] * 1000,
                                    "kernel": cpu["system_usec"] * 1000}
    assert cpu["usage_usec"] > 0
    assert data["cpu"]["throttling"]["periods"] == cpu["nr_periods"]
    assert data["cpu"]["throttling"]["throttledTime"] == cpu["throttled_usec"] * 1000
    assert data["memory"]["usage"]["limit"] == 64 << 20
    assert data["memory"]["usage"]["usage"] == int(container.read("memory.current"))
    memory = keyed(container.read("memory.stat"))
    assert data["memory"]["raw"].keys() == memory.keys()
    assert data["memory"]["raw"]["anon"] == memory["anon"] > 0
    assert data["memory"]["cache"] == memory["file"]
    assert data["memory"]["swap"]["limit"] == 2**64 - 1
    assert data["pids"] == {"current": 1, "limit": 20}
    assert "avg10" in data["cpu"]["psi"]["some"] and "total" in data["memory"]["psi"]["full"]
    assert isinstance(data["blkio"]["ioServiceBytesRecursive"], list)
    sizes = [name.split(".")[1] for name in container.guest.run(f"ls {TREE}{container.path}").text.split()
             if name.startswith("hugetlb.") and name.endswith(".current") and ".rsvd" not in name]
    assert sorted(data["hugetlb"]) == sorted(sizes)
    container.must("update", "pids.limit=-1", "memory.limit=-1")
    data = json.loads(container.must("stats"))["data"]
    assert data["pids"]["limit"] == 0 and data["memory"]["usage"]["limit"] == 2**64 - 1
    container.must("thaw")


# --- without root

@pytest.mark.fast
def test_rootless_without_delegation(container):
    done = container.make("", prefix=NOBODY)
    assert done.returncode == 0 and done.text == " \n", done.stderr
    limited = container.make("", "pids.limit=5", prefix=NOBODY)
    assert limited.returncode == 1 and b"delegated" in limited.stderr, limited.stderr


@pytest.mark.fast
def test_rootless_in_a_delegated_cgroup(container):
    delegated = f"{TREE}/ocitest"
    container.guest.run(
        f"mkdir -p {delegated}/own && chown 65534 {delegated} {delegated}/cgroup.procs "
        f"{delegated}/cgroup.subtree_control {delegated}/own {delegated}/own/cgroup.procs", check=True)
    inside = ["sh", "-c", f'echo $$ > {delegated}/own/cgroup.procs; exec "$@"', "sh", *NOBODY]
    done = container.make("", "pids.limit=5", "device=allow:c:1:11:r", prefix=inside)
    assert done.returncode == 0, done.stderr
    assert container.path == "/ocitest/box"
    assert container.read("pids.max") == "5"


# --- systemd

@pytest.fixture
def scope(guest):
    with Container(guest, driver="systemd") as made:
        yield made


def outside(container, *command):
    process = container.guest.spawn(command or ("sleep", "1000"))
    container.spawned.append(process)
    return process.pid


def shown(guest, unit, *names):
    text = guest.run(["systemctl", "show", unit, "-p", ",".join(names)], check=True).text
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.systemd
def test_a_scope_with_limits_in_a_nested_slice(scope):
    pid = outside(scope)
    done = scope.make("ocitest-pods.slice:libpod:one", "memory.limit=67108864", "memory.swap=67108864",
                      "cpu.shares=512", "cpu.quota=50500", "pids.limit=20", "cpu.cpus=0",
                      "unified.memory.oom.group=1", "annotation.org.systemd.property.TimeoutStopSec=7", pid=pid)
    assert done.returncode == 0, done.stderr
    assert scope.unit == "libpod-one.scope"
    assert scope.path == "/ocitest.slice/ocitest-pods.slice/libpod-one.scope"
    assert scope.must("processes").split() == [str(pid)]
    assert shown(scope.guest, scope.unit, "Slice", "Delegate", "DefaultDependencies", "MemoryMax", "MemorySwapMax",
                 "CPUWeight", "CPUQuotaPerSecUSec", "TasksMax", "TimeoutStopUSec", "CollectMode", "AllowedCPUs",
                 "OOMPolicy") == {
        "Slice": "ocitest-pods.slice", "Delegate": "yes", "DefaultDependencies": "no", "MemoryMax": "67108864",
        "MemorySwapMax": "0", "CPUWeight": "59", "CPUQuotaPerSecUSec": "510ms", "TasksMax": "20",
        "TimeoutStopUSec": "7s", "CollectMode": "inactive-or-failed", "AllowedCPUs": "0", "OOMPolicy": "kill"}
    expected = {"memory.max": "67108864", "memory.swap.max": "0", "cpu.weight": "59", "cpu.max": "51000 100000",
                "pids.max": "20", "memory.oom.group": "1"}
    assert {file: scope.read(file) for file in expected} == expected
    assert not opens(scope, "/dev/kmsg") and opens(scope, "/dev/null")
    # What systemd knows survives its reload.
    scope.must("update", "memory.limit=33554432", "pids.limit=30", "device=allow:c:1:11:r")
    scope.guest.run(["systemctl", "daemon-reload"], check=True)
    assert (scope.read("memory.max"), scope.read("pids.max")) == ("33554432", "30")
    assert scope.read("cpu.max") == "51000 100000"
    scope.must("update", "cpu.quota=33333", "cpu.period=50000")
    assert scope.read("cpu.max") == "33500 50000"
    scope.guest.run(["systemctl", "daemon-reload"], check=True)
    assert scope.read("cpu.max") == "33500 50000"
    assert shown(scope.guest, scope.unit, "CPUQuotaPerSecUSec") == {"CPUQuotaPerSecUSec": "670ms"}
    assert set(scope.guest.read_file(f"{TREE}/cgroup.controllers").decode().split()) <= set(
        scope.read("cgroup.controllers").split())
    assert opens(scope, "/dev/kmsg") and not opens(scope, "/dev/mem")
    assert shown(scope.guest, scope.unit, "MemoryMax", "TasksMax") == {"MemoryMax": "33554432", "TasksMax": "30"}
    for idle in ("1", "0"):
        scope.must("update", f"cpu.idle={idle}")
        scope.guest.run(["systemctl", "daemon-reload"], check=True)
        assert scope.read("cpu.idle") == idle
    scope.must("freeze")
    assert scope.must("frozen") == "yes\n"
    scope.must("kill")
    scope.must("remove")
    assert shown(scope.guest, scope.unit, "LoadState") == {"LoadState": "not-found"}
    assert scope.guest.run(f"ls -d {TREE}{scope.path}").returncode != 0


@pytest.mark.systemd
def test_names_are_free_again_at_once(scope):
    for _ in range(3):
        assert scope.make("", pid=outside(scope)).returncode == 0
        assert scope.path == "/system.slice/cgwarden-box.scope"
        scope.must("kill")
        scope.must("remove")


@pytest.mark.systemd
def test_a_frozen_leftover_of_the_name_is_thawed(scope):
    leftover = f"{TREE}/system.slice/x-ice.scope"
    scope.guest.run(f"mkdir {leftover} && echo 1 > {leftover}/cgroup.freeze", check=True)
    pid = outside(scope)
    assert scope.make("system.slice:x:ice", pid=pid).returncode == 0
    assert scope.must("processes").split() == [str(pid)]
    assert scope.must("frozen") == "no\n"


@pytest.mark.systemd
def test_a_property_that_systemd_is_too_old_for_keeps_no_other_from_it(scope):
    assert scope.make("system.slice:x:old", pid=outside(scope)).returncode == 0

    def change(*properties):
        request = {"verb": "set", "unit": scope.unit, "properties": [
            {"name": name, "type": kind, "value": value} for name, kind, value in properties]}
        return scope.guest.run([f"{scope.work}/cgwarden-scope"], stdin=json.dumps(request).encode())

    # 252 refuses this one for a scope that is there, and 253 is in the table as the first to know it.
    done = change(("OOMPolicy", "s", "kill"), ("TasksMax", "t", 7))
    assert done.returncode == 0, done
    assert shown(scope.guest, scope.unit, "TasksMax") == {"TasksMax": "7"}
    unknown = change(("NoSuchThing", "b", True), ("TasksMax", "t", 8))
    assert unknown.returncode == 1 and b"NoSuchThing" in unknown.stdout
    assert shown(scope.guest, scope.unit, "TasksMax") == {"TasksMax": "7"}


@pytest.mark.systemd
def test_a_failed_unit_of_the_name_makes_room_and_a_living_one_does_not(scope):
    guest = scope.guest
    guest.run("systemd-run --unit=x-taken.service -p RemainAfterExit=no false", check=True)
    first = outside(scope)
    assert scope.make("system.slice:x:taken", pid=first).returncode == 0
    kept = scope.path, scope.unit
    second = outside(scope)
    taken = scope.make("system.slice:x:taken", pid=second)
    assert taken.returncode == 1 and b"systemctl stop x-taken.scope" in taken.stderr, taken.stderr
    assert guest.run(f"kill -0 {first} && kill -0 {second}").returncode == 0
    scope.path, scope.unit = kept
    # Ended without anybody cleaning up.
    scope.must("kill")
    assert scope.make("system.slice:x:taken", pid=second).returncode == 0
    assert scope.must("processes").split() == [str(second)]
    guest.run("systemctl reset-failed x-taken.service")


@pytest.mark.systemd
def test_a_refused_limit_leaves_no_scope_and_the_process_where_it_was(scope):
    pid = outside(scope)
    before = scope.guest.read_file(f"/proc/{pid}/cgroup")
    done = scope.make("system.slice:x:refused", "unified.cpuset.cpus=4000", pid=pid)
    assert done.returncode == 1 and b"cpuset.cpus" in done.stderr, done.stderr
    assert scope.guest.read_file(f"/proc/{pid}/cgroup") == before
    assert shown(scope.guest, "x-refused.scope", "LoadState") == {"LoadState": "not-found"}
    gone = scope.make("system.slice:x:gone", pid=4194303)
    assert gone.returncode == 1 and b"4194303" in gone.stderr
    unknown = scope.make("system.slice:x:unknown", "annotation.org.systemd.property.NoSuchThing=true", pid=pid)
    assert unknown.returncode == 1 and b"NoSuchThing" in unknown.stderr, unknown.stderr
    wrong = scope.make("/a/b", pid=pid)
    assert wrong.returncode == 1 and b"slice:prefix:name" in wrong.stderr


@pytest.mark.systemd
def test_without_a_bus_or_the_program_it_says_so(scope):
    pid = outside(scope)
    no_bus = scope.make("", pid=pid, prefix=("env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere"))
    assert no_bus.returncode == 1 and b"cgroupfs driver" in no_bus.stderr, no_bus.stderr
    # Neither beside the program nor where the tests of the container engines have installed it.
    installed = "/usr/local/libexec/cgwarden/cgwarden-scope"
    scope.guest.run(f"rm {scope.work}/cgwarden-scope; [ ! -e {installed} ] || mv {installed} {installed}.away", check=True)
    try:
        missing = scope.make("", pid=pid)
    finally:
        scope.guest.run(f"[ ! -e {installed}.away ] || mv {installed}.away {installed}", check=True)
    assert missing.returncode == 1 and b"cgwarden-scope" in missing.stderr, missing.stderr


@pytest.mark.systemd
def test_rootless_with_the_manager_of_the_user(scope):
    guest = scope.guest
    # What a login and the package dbus-user-session would have made.
    run = "/run/ocitest-user"
    units = f"{run}/.config/systemd/user"
    guest.run(f"mkdir -p {units}/sockets.target.wants && ln -s ../dbus.socket {units}/sockets.target.wants/",
              check=True)
    guest.write_file(f"{units}/dbus.socket", "[Socket]\nListenStream=%t/bus\n")
    guest.write_file(f"{units}/dbus.service", "[Service]\nType=notify\nExecStart=/usr/bin/dbus-daemon --session "
                     "--address=systemd: --nofork --nopidfile --systemd-activation\n")
    guest.run(
        f"chown -R 65534 {run} && systemd-run --unit=ocitest-user --uid=65534 -p Delegate=yes "
        f"--setenv=XDG_RUNTIME_DIR={run} --setenv=HOME={run} /lib/systemd/systemd --user", check=True)
    session = ["env", f"XDG_RUNTIME_DIR={run}"]
    try:
        until(lambda: guest.run([*NOBODY, *session, "busctl", "--user", "status", "org.freedesktop.systemd1"])
              .returncode == 0)
        # A process that the user's manager may move: one of its own.
        guest.run([*NOBODY, *session, "systemd-run", "--user", "--unit=mine", "sleep", "1000"], check=True)
        pid = guest.run([*NOBODY, *session, "systemctl", "--user", "show", "-P", "MainPID", "mine"], check=True).text
        done = scope.make(":libpod:rootless", "pids.limit=9", "device=deny:a:*:*:rwm", pid=int(pid),
                          prefix=[*NOBODY, *session])
        assert done.returncode == 0, done.stderr
        assert scope.path.startswith("/system.slice/ocitest-user.service/") and scope.path.endswith(
            "/user.slice/libpod-rootless.scope")
        assert scope.read("pids.max") == "9" and scope.must("processes").split() == [pid.strip()]
        removed = guest.run([*NOBODY, *session, "sh", "-c",
                             f"kill -9 {pid.strip()}; exec {scope.program} remove systemd {scope.path} {scope.unit}"])
        assert removed.returncode == 0, removed.stderr
        scope.path = ""
    finally:
        guest.run(f"systemctl stop ocitest-user; systemctl reset-failed ocitest-user; rm -rf {run}", timeout=120)
