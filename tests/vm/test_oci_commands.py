"""What callers of OCI runtimes count on beside the specification: options, tables, descriptors, terminals."""

import json
import time

import pytest
from test_oci_runtime import OCI, Runtime

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def shared(machine_slot):
    with Runtime(machine_slot.guest()) as made:
        yield made


@pytest.fixture
def runtime(shared):
    before = json.dumps(shared.config)
    yield shared
    for name in shared("list", "--quiet").text.split():
        shared("delete", "--force", name)
    shared.config = json.loads(before)


def test_a_created_container_holds_nothing_of_its_caller(runtime):
    # A pipe that its init kept would never end for who reads it.
    runtime.command("sleep", "1000")
    create = f"{OCI} --root {runtime.root} create --bundle {runtime.work} box"
    done = runtime.guest.run(f"({create} 7>&1 >/dev/null 2>&1 </dev/null; echo made) | cat", timeout=180)
    assert done.text == "made\n"
    process = f"/proc/{runtime.state()['pid']}"
    links = runtime.guest.run(f"ls -l {process}/fd").text
    assert "pipe:" not in links
    # Its own network namespace it may hold until its execve(2).
    own = runtime.guest.run(f"readlink {process}/ns/net", check=True).text.strip()
    assert links.count("net:[") == links.count(own)
    runtime.must("start", "box")


def test_another_config_than_that_of_the_bundle(runtime):
    runtime.command("echo", "from the bundle")
    other = dict(runtime.config, process=dict(runtime.config["process"], args=["echo", "from elsewhere"]))
    runtime.guest.write_file(f"{runtime.work}/other.json", json.dumps(other))
    runtime.guest.run(f"mkdir -p {runtime.work}/below", check=True)
    start = f"{OCI} --root {runtime.root} run --bundle"
    # Relative to where the caller is, as the bundle is.
    done = runtime.guest.run(f"cd {runtime.work}/below && {start} .. --config ../other.json box")
    assert done.text == "from elsewhere\n", done
    done = runtime.guest.run(f"cd {runtime.work} && {start} . -f /dev/fd/5 box 5< other.json")
    assert done.text == "from elsewhere\n", done
    absent = runtime.guest.run(f"cd {runtime.work} && {start} . --config none.json box")
    assert absent.returncode == 1 and b"none.json" in absent.stderr


def test_a_process_that_is_passed_open(runtime):
    runtime.create("sleep", "1000")
    runtime.must("start", "box")
    process = dict(runtime.config["process"], args=["echo", "read"])
    runtime.guest.write_file(f"{runtime.work}/p.json", json.dumps(process))
    done = runtime.guest.run(f"{OCI} --root {runtime.root} exec -p /dev/fd/9 box 9< {runtime.work}/p.json")
    assert done.text == "read\n", done


def test_the_output_of_a_terminal_has_its_line_feeds_only(runtime):
    runtime.config["process"]["terminal"] = True
    assert runtime.run("sh", "-c", "echo one; test -t 1 && echo two").text == "one\ntwo\n"
    runtime.config["process"]["terminal"] = False
    runtime.create("sleep", "1000")
    runtime.must("start", "box")
    assert runtime.must("exec", "--tty", "box", "echo", "three") == "three\n"


def test_expressions_for_ids(runtime):
    for name in ("web-1", "web-2", "db"):
        assert runtime.create("sleep", "1000", name=name).returncode == 0
        runtime.must("start", name)
        runtime.config["linux"]["cgroupsPath"] += "x"
    runtime.must("kill", "--regex", "^web-", "KILL")
    deadline = time.monotonic() + 60
    while [one["status"] for one in json.loads(runtime.must("list", "--format", "json"))] != ["running", "stopped", "stopped"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert runtime("delete", "--regex", ".").returncode == 1  # one of them runs
    runtime.must("delete", "--regex", "--force", ".")
    assert runtime.must("list", "--quiet") == ""
    runtime.must("delete", "--regex", "nothing")
    assert runtime("delete", "--regex", "(").returncode == 2


def test_tables(runtime):
    runtime.create("sleep", "1000")
    runtime.must("start", "box")
    head, line = runtime.must("list").splitlines()
    assert head.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    state = runtime.state()
    assert line.split() == ["box", str(state["pid"]), "running", runtime.work, state["created"], "root"]
    assert list(state)[:5] == ["ociVersion", "id", "pid", "status", "bundle"]
    assert len(runtime.must("ps", "box").splitlines()) == 2
    runtime.must("kill", "box", "KILL")
    runtime.wait_stopped()
    assert runtime.must("ps", "box").split()[:2] == ["UID", "PID"]
    assert len(runtime.must("ps", "box").splitlines()) == 1
    assert runtime.must("ps", "--format", "json", "box") == "[]\n"


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_tables_of_ps_are_of_the_container_alone(runtime):
    runtime.create("sleep", "1000")
    runtime.must("start", "box")
    pid = str(runtime.state()["pid"])
    for words in (["-ef"], ["aux"], ["-e", "-x"], ["-e", "-o", "comm,pid"]):
        head, *lines = runtime.must("ps", "box", *words).splitlines()
        column = head.split().index("PID")
        assert [line.split()[column] for line in lines] == [pid], words
    assert json.loads(runtime.must("ps", "-f", "json", "box")) == [int(pid)]
    without = runtime("ps", "box", "-e", "-o", "comm")
    assert without.returncode == 1 and b"no column PID" in without.stderr
    unknown = runtime("ps", "box", "--no-such-option")
    assert unknown.returncode == 1 and unknown.stdout == b""


def test_kill_ends_all_of_a_shared_pid_namespace(runtime):
    linux = runtime.config["linux"]
    linux["namespaces"] = [entry for entry in linux["namespaces"] if entry["type"] != "pid"]

    def processes():
        return json.loads(runtime.must("ps", "--format", "json", "box"))

    runtime.create("sh", "-c", "sleep 4321 & sleep 4321 & exec sleep 1234")
    runtime.must("start", "box")
    until(lambda: len(processes()) == 3)
    # Nothing but SIGKILL is for all.
    runtime.must("kill", "box", "URG")
    runtime.must("kill", "box", "KILL")
    until(lambda: processes() == [])
    late = runtime("kill", "box", "KILL")
    assert late.returncode == 1 and b"container not running" in late.stderr
    runtime.must("delete", "box")
    # The first one is gone, and the others are still the container's.
    runtime.create("sh", "-c", "sleep 4321 & sleep 4321 & exec sleep 1234")
    runtime.must("start", "box")
    until(lambda: len(processes()) == 3)
    runtime.guest.run(f"kill -9 {runtime.state()['pid']}", check=True)
    runtime.wait_stopped()
    assert len(processes()) == 2
    assert runtime("kill", "box", "TERM").returncode == 1
    runtime.must("kill", "box", "KILL")
    until(lambda: processes() == [])


def test_events_tell_of_oom_kills_and_of_the_end(runtime):
    runtime.config["linux"]["resources"]["memory"] = {"limit": 32 << 20, "swap": 32 << 20}
    runtime.create("sleep", "1000")
    runtime.must("start", "box")
    log = f"{runtime.work}/events"
    follow = f"exec {OCI} --root {runtime.root} events --interval 1h box > {log}"
    following = runtime.guest.spawn(["sh", "-c", follow])

    def lines():
        return [json.loads(line) for line in runtime.guest.run(f"cat {log}").text.splitlines()]

    until(lambda: len(lines()) == 1)
    assert runtime("exec", "box", "/bin/busybox", "tail", "/dev/zero").returncode == 137
    until(lambda: len(lines()) > 1)
    runtime.must("kill", "box", "KILL")
    # Long before the next reading is due.
    assert following.wait(60).returncode == 0
    first, *rest = lines()
    assert first["type"] == "stats"
    assert rest == [{"type": "oom", "id": "box"}]


def test_the_spec_denies_devices(runtime):
    guest = runtime.guest
    below = f"{runtime.work}/spec"
    for words, devices in (([], [{"allow": False, "type": "a", "access": "rwm"}]), (["--rootless"], None)):
        guest.run(f"mkdir -p {below} && rm -f {below}/config.json", check=True)
        guest.run([OCI, "spec", *words, "--bundle", below], check=True)
        resources = json.loads(guest.read_file(f"{below}/config.json"))["linux"].get("resources", {})
        assert resources.get("devices") == devices


def test_without_a_cgroup_manager(runtime):
    runtime.command("cat", "/proc/self/cgroup")
    # Its own cgroup namespace begins at the caller's cgroup.
    done = runtime("--cgroup-manager", "disabled", "run", "--bundle", runtime.work, "box")
    assert done.text == "0::/\n", done
    runtime.config["linux"]["resources"]["pids"] = {"limit": 10}
    runtime.command("true")
    limited = runtime("--cgroup-manager", "disabled", "run", "--bundle", runtime.work, "box")
    assert limited.returncode == 1 and b"pids.max) needs a cgroup, and the cgroup manager is disabled" in limited.stderr


def test_a_failing_poststop_hook_is_a_warning(runtime):
    runtime.config["hooks"] = {"poststop": [{"path": "/bin/true"}, {"path": "/bin/false"}, {"path": "/bin/touch", "args": ["touch", f"{runtime.work}/ran"]}]}
    done = runtime.run("true")
    assert done.returncode == 0
    assert done.stderr == b"cgwarden-oci: warning: poststop: error running poststop hook #1: /bin/false ended with exit code 1\n"
    assert runtime.guest.run(f"test -e {runtime.work}/ran").returncode == 0
    quiet = runtime.guest.run([OCI, "--root", runtime.root, "--log-level", "error", "run", "--bundle", runtime.work, "box"])
    assert quiet.returncode == 0 and quiet.stderr == b""


def test_a_start_container_hook_has_the_environment_of_the_command(runtime):
    runtime.config["process"]["env"] = ["PATH=/bin", "ONE=1", "ONE=2", "HOME="]
    runtime.config["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "test $ONE = 2 && test $HOME = /"]}]}
    done = runtime.run("sh", "-c", "echo $ONE $HOME $(env | grep -c ONE)")
    assert done.text == "2 / 1\n", done


def test_debug_tells_the_command_line(runtime):
    log = f"{runtime.work}/debug.log"
    runtime("--debug", "--log", log, "--log-format", "json", "state", "nobody")
    first = json.loads(runtime.guest.read_file(log).decode().splitlines()[0])
    assert first["level"] == "debug" and first["msg"].endswith(": state nobody")
    runtime("--debug", "--log", log, "exec", "--env", "TOKEN=secret", "nobody", "true")
    words = runtime.guest.read_file(log).decode()
    assert "exec --env TOKEN=... nobody true" in words and "secret" not in words


def test_a_signal_ends_what_waits_for_start(runtime):
    assert runtime.create("sleep", "1000").returncode == 0
    runtime.must("kill", "box", "WINCH")
    assert runtime.state()["status"] == "created"
    runtime.must("kill", "box", "TERM")
    runtime.wait_stopped()
    late = runtime("start", "box")
    assert late.returncode == 1 and b"cannot be started: it is stopped" in late.stderr
    runtime.must("delete", "box")


def test_a_user_namespace_in_the_network_of_a_pod(runtime):
    # As engines make it, before the container and outside of its user namespace.
    network = f"{runtime.work}/pod.net"
    runtime.guest.run(f": > {network} && unshare --net={network} true", check=True)
    linux = runtime.config["linux"]
    linux["namespaces"] = [one for one in linux["namespaces"] if one["type"] != "network"]
    linux["namespaces"] += [{"type": "network", "path": network}, {"type": "user"}]
    linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    runtime.config["mounts"] = [one for one in runtime.config["mounts"] if one["type"] != "sysfs"]
    runtime.guest.run(f"chmod 755 {runtime.work} && chown -R 100000:100000 {runtime.work}/rootfs", check=True)
    try:
        created = runtime.create("sleep", "1000")
        assert created.returncode == 0, created
        assert len(runtime.cgroup("cgroup.procs").split()) == 1
        runtime.must("start", "box")
        inode = runtime.guest.run(f"stat -L -c %i {network}", check=True).text.strip()
        shown = runtime.must("exec", "box", "ls", "-l", "/proc/self/ns/net", "/proc/1/ns/net")
        assert shown.count(f"net:[{inode}]") == 2, shown
        assert runtime.must("exec", "box", "cat", "/proc/self/uid_map").split() == ["0", "100000", "65536"]
        runtime.must("delete", "--force", "box")
    finally:
        runtime.guest.run(f"umount {network}; rm {network}")


def test_what_joined_a_mount_namespace_that_is_gone_is_deleted(runtime):
    guest, place = runtime.guest, f"{runtime.work}/ns"
    guest.run(f"mkdir {place} && mount -t tmpfs none {place} && mount --make-private {place} && touch {place}/mnt && "
              f"unshare --mount={place}/mnt true", check=True)
    try:
        for namespace in runtime.config["linux"]["namespaces"]:
            if namespace["type"] == "mount":
                namespace["path"] = f"{place}/mnt"
        made = runtime.create("sleep", "1000")
        assert made.returncode == 0, made
        runtime.must("start", "box")
        runtime.must("kill", "box", "KILL")
        runtime.wait_stopped()
    finally:
        guest.run(f"umount {place}/mnt; umount {place}; rmdir {place}")
    runtime.must("delete", "box")
    assert runtime("state", "box").returncode != 0
