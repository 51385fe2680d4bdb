"""Workloads on layers: one image for many, each with what it writes for itself, and nothing left."""

import json

import pytest
from agent_scenario import Scenario

pytestmark = pytest.mark.fast

# The launcher's own test has a hundred (OverlayTest); each takes an agent under emulation a second.
MANY = 12
IMAGE_MIB = 24


def layered(name, script, layers, extra=""):
    return (
        f"apiVersion: cgwarden/v1\nkind: Workload\nmetadata: {{name: {name}}}\n"
        f"command: {json.dumps(['/bin/sh', '-c', script])}\nlayers: {json.dumps(layers)}\n{extra}"
    )


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        # A user namespace's root reaches the mount point through it.
        guest.run(
            f"chmod 755 {made.work} && mkdir {made.work}/app && echo app > {made.work}/app/version && "
            f"for a in cat rm stat touch; do ln -s busybox {made.rootfs}/bin/$a; done", check=True)
        yield made


def add(scenario, name, script, layers=None, extra=""):
    layers = layers or [scenario.rootfs, f"{scenario.work}/app"]
    scenario.guest.write_file(f"{scenario.work}/workloads/{name}.yaml", layered(name, script, layers, extra))


def upper(scenario, name):
    return f"{scenario.work}/state/overlay/{name}"


def used_kib(scenario):
    words = scenario.guest.run(f"du -sck {scenario.rootfs} {scenario.work}/app {scenario.work}/state | tail -1",
                               check=True).text.split()
    return int(words[0])


def test_each_workload_takes_the_disk_that_it_writes(scenario):
    scenario.guest.run(f"dd if=/dev/urandom of={scenario.rootfs}/image bs=1M count={IMAGE_MIB} 2>/dev/null", check=True)
    scenario.start_agent()
    script = "echo x > /own; cat /proc/sys/kernel/hostname > /tmp/name; exec sleep 1000"
    extra = "init: false\n"
    add(scenario, "w0", script, extra=extra)
    scenario.wait_running("w0")
    one = used_kib(scenario)
    # With built-in commands of the shell alone: processes are dear under emulation.
    text = layered("%s", script, [scenario.rootfs, f"{scenario.work}/app"], extra)
    scenario.guest.run(
        f"mkdir {scenario.work}/more && cd {scenario.work}/more && i=1 && while [ $i -lt {MANY} ]; do "
        'printf "$TEXT" w$i > w$i.yaml; i=$((i+1)); done; mv * ../workloads/',
        env={"TEXT": text, "PATH": "/usr/bin:/bin"}, check=True)
    names = f"{scenario.work}/state/overlay/*/upper/tmp/name"
    scenario.until(lambda: scenario.guest.run(f"cat {names} | sort -u | wc -l").text.strip() == str(MANY),
                   "all to write", timeout=120)
    many = used_kib(scenario)
    hundred = one + (many - one) * 99 / (MANY - 1)
    print(f"\none workload {one} KiB, {MANY} workloads {many} KiB: a hundred {hundred / one - 1:.2%} more")
    assert many > one
    assert hundred <= one * 1.05
    # Each has written what it is called, and none sees another's.
    own = scenario.guest.run(f"cat {upper(scenario, 'w7')}/upper/tmp/name", check=True).text
    assert own == "w7\n"
    assert scenario.guest.run(f"ls {scenario.rootfs}/tmp {scenario.rootfs}/own").text == f"{scenario.rootfs}/tmp:\n"
    listed = json.loads(scenario.cli("ps", "--json", "--size", check=True).stdout)["workloads"]
    assert len(listed) == MANY
    assert all(entry["upper_inodes"] >= 4 and entry["upper_bytes"] < 200_000 for entry in listed)
    assert "upper_bytes" not in scenario.cli("ps", "--json", check=True).text
    assert "WRITTEN" in scenario.cli("ps", "--size", check=True).text


def test_a_restart_goes_on_and_a_launch_begins_anew(scenario):
    scenario.start_agent()
    # The first run deletes a file of a layer; the second sees that, and what the first one wrote.
    script = ("[ -e /seen ] && { cat /version; exec sleep 1000; }; rm /version; touch /seen; exit 1")
    add(scenario, "job", script, extra="restart: {policy: on-failure, backoff: 100ms}\n")
    scenario.wait_running("job", incarnation=2)
    scenario.until(lambda: b"/version" in scenario.guest.read_file(
        f"{scenario.work}/run/workloads/job/stderr.log"), "the complaint about the missing file")
    whiteout = scenario.guest.run(["stat", "-c", "%F %t %T", f"{upper(scenario, 'job')}/upper/version"], check=True)
    assert whiteout.text == "character special file 0 0\n"
    assert scenario.guest.read_file(f"{scenario.work}/app/version") == b"app\n"

    # What an agent that was killed left of workloads that nobody knows any more.
    stale = f"{upper(scenario, 'stale')}/upper"
    scenario.kill_agent()
    scenario.guest.run(f"mkdir -p {stale}/deep {scenario.work}/state/overlay/.discarded/x.1/upper", check=True)
    scenario.start_agent()
    scenario.until(lambda: scenario.guest.run(f"ls -A {scenario.work}/state/overlay").text == "job\n",
                   "the leftovers to be removed")
    assert scenario.gone(stale)
    # The adopted one still has its own.
    assert not scenario.gone(f"{upper(scenario, 'job')}/upper/seen")
    # Nothing is mounted where the host could see it.
    assert "cgwarden" not in scenario.guest.run("grep ' overlay ' /proc/self/mountinfo").text
    assert scenario.guest.run(f"ls -A {scenario.work}/run/rootfs", check=True).text == ""

    # Forgotten (its files went, as in a reboot): launched anew from the layers alone.
    scenario.stop_agent()
    pid = scenario.status("job")["shim_pid"]
    scenario.guest.run(f"echo 1 > {scenario.payload('job')}/cgroup.kill; "
                       f"while kill -0 {pid} 2>/dev/null; do sleep 0.1; done; "
                       f"rm -r {scenario.work}/run/workloads/job", check=True)
    scenario.start_agent()
    scenario.wait_running("job", incarnation=2)
    first = scenario.guest.run(f"cat {scenario.work}/run/workloads/job/stderr.log").text
    assert first.count("/version") == 1


def test_memory_read_only_and_user_namespaces(scenario):
    scenario.start_agent()
    add(scenario, "memory", "echo x > /tmp/file && cat /version && exec sleep 1000", extra="upper: tmpfs\n")
    add(scenario, "readonly", "cat /version; echo x > /tmp/file || exec sleep 1000", extra="readonlyRootfs: true\n")
    for name in ("memory", "readonly"):
        scenario.wait_running(name)
        scenario.until(lambda name=name: scenario.guest.read_file(
            f"{scenario.work}/run/workloads/{name}/stdout.log") == b"app\n", f"{name} to read its layer")
        assert scenario.gone(upper(scenario, name))
    assert b"Read-only file system" in scenario.guest.read_file(f"{scenario.work}/run/workloads/readonly/stderr.log")

    # An own file system for the layers: tmpfs can be id-mapped since 6.3 only.
    disk = f"{scenario.work}/disk"
    scenario.guest.run(
        f"modprobe -a loop ext4 && truncate -s 16M {disk}.img && mke2fs -q -t ext4 {disk}.img && mkdir {disk} && mount -o loop {disk}.img {disk} && "
        f"cp -a {scenario.rootfs} {disk}/base && chmod 755 {disk}/base", check=True)
    try:
        add(scenario, "mapped", "stat -c %u /bin/sh; echo x > /tmp/file; exec sleep 1000", [f"{disk}/base"],
            "userNamespace: {hostId: 200000}\n")
        scenario.wait_running("mapped")
        owner = ["stat", "-c", "%u", f"{upper(scenario, 'mapped')}/upper/tmp/file"]
        scenario.until(lambda: scenario.guest.run(owner).text == "200000\n", "a file of the mapped root")
        assert scenario.guest.read_file(f"{scenario.work}/run/workloads/mapped/stdout.log") == b"0\n"
    finally:
        scenario.guest.run(f"echo 1 > {scenario.payload('mapped')}/cgroup.kill; "
                           f"for i in 1 2 3 4 5 6 7 8 9; do umount {disk} && break; sleep 0.5; done", timeout=180)

    add(scenario, "lost", "true", [scenario.rootfs, f"{scenario.work}/none"])
    scenario.wait_died("lost")
    _, text = scenario.why("lost")
    assert f"the layer {scenario.work}/none; unpack it there or correct layers" in text
