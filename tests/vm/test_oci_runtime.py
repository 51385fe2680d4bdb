"""cgwarden-oci on a real kernel, as the callers of OCI runtimes use it."""

import json
import os
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CGWARDEN_BUILD_DIR", ROOT / "build" / "release"))
OCI = BUILD / "launcher" / "cgwarden-oci"
TREE = "/sys/fs/cgroup"

pytestmark = pytest.mark.fast


class Runtime:
    """A bundle, a state directory and the runtime."""

    def __init__(self, guest):
        self.guest = guest
        self.work = guest.run("mktemp -d /run/oci.XXXXXX", check=True).text.strip()
        self.root = f"{self.work}/state"
        guest.run(
            f"cd {self.work} && mkdir -p rootfs/bin rootfs/etc && cp /bin/busybox rootfs/bin/ && "
            "for a in sh sleep cat true id echo kill hostname ls env grep wc mkdir; do ln -s busybox rootfs/bin/$a; done && "
            "printf 'app:x:77:88::/home/app:/bin/sh\\n' > rootfs/etc/passwd",
            check=True,
        )
        guest.run([OCI, "spec", "--bundle", self.work], check=True)
        self.config = json.loads(guest.read_file(f"{self.work}/config.json"))
        self.config["process"]["terminal"] = False
        self.config["linux"]["cgroupsPath"] = "/ocirun/box"
        self.config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in self("list", "--quiet").text.split():
            self("delete", "--force", name)
        left = self.guest.run(f"ls {self.root}; ls -d {TREE}/ocirun/box").text
        self.guest.run(f"rm -rf {self.work}; rmdir {TREE}/ocirun")
        assert left == "", left

    def __call__(self, *words, stdin=b""):
        return self.guest.run([OCI, "--root", self.root, *words], stdin=stdin, timeout=120)

    def must(self, *words, stdin=b""):
        done = self(*words, stdin=stdin)
        assert done.returncode == 0, done
        return done.text

    def command(self, *args):
        self.config["process"]["args"] = list(args)
        self.guest.write_file(f"{self.work}/config.json", json.dumps(self.config))

    def create(self, *args, name="box"):
        self.command(*args)
        return self("create", "--bundle", self.work, name)

    def run(self, *args):
        self.command(*args)
        return self("run", "--bundle", self.work, "box")

    def state(self):
        return json.loads(self.must("state", "box"))

    def wait_stopped(self):
        deadline = time.monotonic() + 60
        while self.state()["status"] != "stopped":
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def cgroup(self, file):
        return self.guest.read_file(f"{TREE}/ocirun/box/{file}").decode().strip()


@pytest.fixture
def runtime(guest):
    with Runtime(guest) as made:
        yield made


def test_the_life_of_a_container(runtime):
    assert runtime.create("sh", "-c", "echo started > /dev/shm/f; sleep 1000").returncode == 0
    state = runtime.state()
    assert state["status"] == "created"
    assert state["bundle"] == runtime.work
    pid = state["pid"]
    assert runtime.cgroup("cgroup.procs") == str(pid)
    assert b"cgwarden-oci" in runtime.guest.read_file(f"/proc/{pid}/cmdline")
    again = runtime("create", "--bundle", runtime.work, "box")
    assert again.returncode == 1 and b"already exists" in again.stderr
    runtime.must("start", "box")
    assert runtime.state()["status"] == "running"
    assert runtime("start", "box").returncode == 1
    assert runtime("delete", "box").returncode == 1
    assert json.loads(runtime.must("list", "--format", "json"))[0]["id"] == "box"
    runtime.must("kill", "box", "SIGKILL")
    runtime.wait_stopped()
    assert runtime("kill", "box", "TERM").returncode == 1
    runtime.must("delete", "box")
    gone = runtime("state", "box")
    assert gone.returncode == 1 and b"does not exist" in gone.stderr
    runtime.must("delete", "--force", "box")


def test_run_exits_as_its_command(runtime):
    assert runtime.run("sh", "-c", "exit 7").returncode == 7
    runtime.config["process"]["user"] = {"uid": 77, "gid": 88}
    done = runtime.run("sh", "-c", "echo $(id -u) $(id -g) $HOME")
    assert done.text == "77 88 /home/app\n"


def test_exec_joins_the_container(runtime):
    runtime.create("sleep", "1000")
    runtime.must("start", "box")
    done = runtime("exec", "--env", "A=b", "--cwd", "/bin", "box", "sh", "-c", "echo $A $PWD; cat /proc/1/cmdline; exit 9")
    assert done.returncode == 9
    assert done.text.startswith("b /bin\nsleep")
    inside = runtime("exec", "box", "cat", "/proc/self/cgroup").text
    assert inside == "0::/\n"
    missing = runtime("exec", "box", "no-such-command")
    assert missing.returncode == 255
    assert b"executable file not found in $PATH" in missing.stderr
    process = json.loads(json.dumps(runtime.config["process"]))
    process.update(args=["id", "-u"], user={"uid": 5, "gid": 6})
    runtime.guest.write_file(f"{runtime.work}/p.json", json.dumps(process))
    assert runtime.must("exec", "--process", f"{runtime.work}/p.json", "box") == "5\n"
    runtime.must("exec", "--detach", "--pid-file", f"{runtime.work}/pid", "box", "sleep", "500")
    pid = int(runtime.guest.read_file(f"{runtime.work}/pid"))
    assert pid in json.loads(runtime.must("ps", "--format", "json", "box"))


def test_exec_in_a_cgroup_below(runtime):
    runtime.create("sleep", "1000")
    runtime.must("start", "box")
    runtime.guest.run(f"mkdir {TREE}/ocirun/box/part", check=True)
    assert runtime.must("exec", "--cgroup", "part", "box", "cat", "/proc/self/cgroup") == "0::/part\n"
    assert runtime.must("exec", "--cgroup", "/", "box", "cat", "/proc/self/cgroup") == "0::/\n"
    absent = runtime("exec", "--cgroup", "absent", "box", "true")
    assert absent.returncode == 255 and b"/ocirun/box/absent" in absent.stderr
    above = runtime("exec", "--cgroup", "../..", "box", "true")
    assert above.returncode == 255 and b'--cgroup "../.." may have no' in above.stderr


def test_exec_goes_where_the_container_is(runtime):
    runtime.create("sleep", "1000")
    runtime.must("start", "box")
    box = f"{TREE}/ocirun/box"
    pid = runtime.state()["pid"]
    shell = runtime.guest.run
    where = ("exec", "box", "cat", "/proc/self/cgroup")
    shell(f"mkdir {box}/inner && echo {pid} > {box}/inner/cgroup.procs", check=True)
    assert runtime.must(*where) == "0::/\n"
    # From now on the container's own cgroup takes no process.
    shell(f"echo +memory > {box}/cgroup.subtree_control", check=True)
    assert runtime.must(*where) == "0::/inner\n"
    named = runtime("exec", "--cgroup", "/", "box", "true")
    assert named.returncode == 255 and b"may not hold processes" in named.stderr
    elsewhere = f"{TREE}/ocirun/elsewhere"
    shell(f"mkdir {elsewhere} && echo {pid} > {elsewhere}/cgroup.procs && rmdir {box}/inner {box}", check=True)
    try:
        assert runtime.must(*where) == "0::/../elsewhere\n"
    finally:
        runtime.must("delete", "--force", "box")
        shell(f"rmdir {elsewhere}", check=True)


def give_user_namespace(runtime):
    linux = runtime.config["linux"]
    linux["namespaces"].append({"type": "user"})
    linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    runtime.guest.run(f"chmod 755 {runtime.work} && chown -R 100000:100000 {runtime.work}/rootfs", check=True)


def mount_cgroup(runtime, *options):
    mounts = [mount for mount in runtime.config["mounts"] if mount["destination"] != "/sys/fs/cgroup"]
    runtime.config["mounts"] = [*mounts, {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                          "options": ["nosuid", "noexec", "nodev", *options]}]


def owners(guest, cgroup):
    files = [".", *guest.read_file("/sys/kernel/cgroup/delegate").decode().split(), "memory.max"]
    text = guest.run(f"cd {TREE}{cgroup} && for f in {' '.join(files)}; do [ ! -e $f ] || stat -c '%n %u' $f; done").text
    return dict(line.split() for line in text.splitlines())


# What a container does in a cgroup that is its own.
DELEGATED = "cd /sys/fs/cgroup && mkdir own && echo $$ > own/cgroup.procs && cat /proc/self/cgroup"


# Whom the container's cgroup and its files belong to; the limits stay the host's.
def set_of_owners(runtime):
    owner = owners(runtime.guest, "/ocirun/box")
    assert owner.pop("memory.max") == "0"
    assert len(owner) >= 4, owner
    return set(owner.values())


def test_a_writable_cgroup_is_given_to_the_user_of_the_container(runtime):
    give_user_namespace(runtime)
    mount_cgroup(runtime)
    assert runtime.create("sleep", "1000").returncode == 0
    runtime.must("start", "box")
    assert set_of_owners(runtime) == {"100000"}
    # No deeper than what is looked for and removed.
    assert runtime.cgroup("cgroup.max.depth") == "32"
    assert runtime.must("exec", "box", "sh", "-c", DELEGATED) == "0::/own\n"
    runtime.must("delete", "--force", "box")
    namespaces = runtime.config["linux"]["namespaces"]
    # Nobody who could use it, or nothing to use it with.
    for change in ("ro", "no cgroup namespace"):
        mount_cgroup(runtime, *(["ro"] if change == "ro" else []))
        if change != "ro":
            runtime.config["linux"]["namespaces"] = [entry for entry in namespaces if entry["type"] != "cgroup"]
        assert runtime.create("sleep", "1000").returncode == 0, change
        assert set(owners(runtime.guest, "/ocirun/box").values()) == {"0"}, change
        runtime.must("delete", "--force", "box")


# Engines give namespaces by path together with the mappings that they have.
@pytest.mark.parametrize("shared, owner", [(["user"], "100000"), (["user", "cgroup"], "0")])
def test_a_joined_user_namespace_has_a_cgroup_of_its_own(runtime, shared, owner):
    give_user_namespace(runtime)
    runtime.config["linux"]["cgroupsPath"] = "/ocirun/pod"
    assert runtime.create("sleep", "1000", name="pod").returncode == 0
    pid = json.loads(runtime.must("state", "pod"))["pid"]
    for entry in runtime.config["linux"]["namespaces"]:
        if entry["type"] in shared:
            entry["path"] = f"/proc/{pid}/ns/{entry['type']}"
    runtime.config["linux"]["cgroupsPath"] = "/ocirun/box"
    mount_cgroup(runtime)
    created = runtime.create("sleep", "1000")
    assert created.returncode == 0, created
    assert runtime.cgroup("cgroup.procs") == str(runtime.state()["pid"])
    runtime.must("start", "box")
    assert runtime.must("exec", "box", "cat", "/proc/self/uid_map").split() == ["0", "100000", "65536"]
    assert set_of_owners(runtime) == {owner}
    if owner == "0":
        return
    runtime.must("delete", "--force", "box")
    # Runtimes themselves know only what the namespace says.
    del runtime.config["linux"]["uidMappings"], runtime.config["linux"]["gidMappings"]
    runtime.config["process"]["user"] = {"uid": 77, "gid": 88}
    created = runtime.create("sleep", "1000")
    assert created.returncode == 0, created
    runtime.must("start", "box")
    assert set_of_owners(runtime) == {"100077"}
    assert runtime.must("exec", "box", "sh", "-c", DELEGATED) == "0::/own\n"


# A cgroup left over from a container whose user owned it.
def test_a_leftover_cgroup_is_taken_back(runtime):
    box = f"{TREE}/ocirun/box"
    runtime.guest.run(f"mkdir -p {box} && chown 1000 {box} {box}/cgroup.procs", check=True)
    assert runtime.create("sleep", "1000").returncode == 0
    assert set(owners(runtime.guest, "/ocirun/box").values()) == {"0"}


def test_an_update_of_an_old_caller_leaves_pids_alone(runtime):
    runtime.config["ociVersion"] = "1.2.0"
    runtime.config["linux"]["resources"]["pids"] = {"limit": 30}
    assert runtime.create("sleep", "1000").returncode == 0
    runtime.must("update", "--resources", "-", "box", stdin=b'{"memory": {"limit": 67108864}, "pids": {"limit": 0}}')
    assert runtime.cgroup("memory.max") == "67108864"
    assert runtime.cgroup("pids.max") == "30"
    runtime.must("update", "--pids-limit", "0", "box")
    assert runtime.cgroup("pids.max") == "1"


def test_a_user_namespace_can_be_entered_too(runtime):
    give_user_namespace(runtime)
    created = runtime.create("sleep", "1000")
    assert created.returncode == 0, created
    runtime.must("start", "box")
    assert runtime.must("exec", "box", "cat", "/proc/self/uid_map").split() == ["0", "100000", "65536"]
    [pid] = runtime.cgroup("cgroup.procs").split()
    box = f"{TREE}/ocirun/box"
    runtime.guest.run(f"mkdir {box}/inner && echo {pid} > {box}/inner/cgroup.procs && "
                      f"echo +memory > {box}/cgroup.subtree_control", check=True)
    assert runtime.must("exec", "box", "cat", "/proc/self/cgroup") == "0::/inner\n"


def test_limits_pause_update_and_events(runtime):
    runtime.config["linux"]["resources"].update(
        memory={"limit": 64 << 20, "swap": 64 << 20}, pids={"limit": 30}, cpu={"shares": 512, "quota": 20000, "period": 100000})
    runtime.create("sleep", "1000")
    runtime.must("start", "box")
    assert runtime.cgroup("memory.max") == str(64 << 20)
    assert runtime.cgroup("cpu.max") == "20000 100000"
    assert runtime.cgroup("pids.max") == "30"
    runtime.must("pause", "box")
    assert runtime.state()["status"] == "paused"
    assert runtime("exec", "box", "true").returncode == 255
    runtime.must("resume", "box")
    runtime.must("update", "--memory", "128M", "--memory-swap", "128M", "--pids-limit", "-1", "box")
    assert runtime.cgroup("memory.max") == str(128 << 20)
    assert runtime.cgroup("pids.max") == "max"
    runtime.must("update", "--resources", "-", "box", stdin=b'{"cpu": {"quota": 50000, "period": 100000}}')
    assert runtime.cgroup("cpu.max") == "50000 100000"
    stats = json.loads(runtime.must("events", "--stats", "box"))
    assert stats["type"] == "stats" and stats["id"] == "box"
    assert stats["data"]["memory"]["usage"]["limit"] == 128 << 20


def test_hooks_run_in_order_with_the_state(runtime):
    log = f"{runtime.work}/hooks"
    stages = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    runtime.config["hooks"] = {
        stage: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {stage} $(cat | grep -c status) >> {log}"]}]
        for stage in stages
    }
    assert runtime.create("true").returncode == 0
    runtime.must("start", "box")
    runtime.wait_stopped()
    runtime.must("delete", "box")
    assert runtime.guest.read_file(log).decode().split("\n")[:-1] == [f"{stage} 1" for stage in stages]
    runtime.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo why >&2; exit 3"]}]}
    failed = runtime.create("true")
    assert failed.returncode == 1 and b"createRuntime" in failed.stderr and b"why" in failed.stderr


def test_failures_are_told_and_leave_nothing(runtime):
    missing = runtime.create("no-such-command")
    assert missing.returncode == 1 and b"executable file not found in $PATH" in missing.stderr
    runtime.config["process"]["cwd"] = "/bin/busybox"
    wrong = runtime.create("true")
    assert wrong.returncode == 1 and b"/bin/busybox" in wrong.stderr
    runtime.config["process"]["cwd"] = "/"
    runtime.config["linux"]["intelRdt"] = {"closID": "x"}
    refused = runtime.create("true")
    assert refused.returncode == 1 and b"linux.intelRdt is not supported" in refused.stderr
    del runtime.config["linux"]["intelRdt"]
    runtime.config["linux"]["netDevices"] = {"eth77": {}}
    refused = runtime.create("true")
    assert refused.returncode == 1 and b"linux.netDevices.eth77: the host has no such interface" in refused.stderr
    log = f"{runtime.work}/log"
    assert runtime("--log", log, "--log-format", "json", "state", "nobody").returncode == 1
    entry = json.loads(runtime.guest.read_file(log))
    assert entry["level"] == "error" and "does not exist" in entry["msg"] and entry["time"]
    assert runtime("bogus").returncode == 2
    assert runtime("delete").returncode == 2


def test_descriptors_are_passed_on(runtime):
    show = "ls /proc/self/fd; cat <&3 2>/dev/null; env | grep LISTEN"
    runtime.command("sh", "-c", show)
    start = f"{OCI} --root {runtime.root} run --bundle {runtime.work} --preserve-fds"
    done = runtime.guest.run(f"exec 3<<X\nthree\nX\n{start} 1 box")
    assert "three" in done.text and "LISTEN" not in done.text
    missing = runtime.guest.run(f"{start} 1 box")
    assert missing.returncode == 1 and b"--preserve-fds 1: descriptor 3 is not open" in missing.stderr
    huge = runtime.guest.run(f"{start} 4294967295 box")
    assert huge.returncode == 1 and b"descriptor 3 is not open" in huge.stderr
    # A socket-activated runtime, as sd_listen_fds(3) has it: the command is pid 1 of its namespace.
    activated = 'exec 3<<X 4<<Y\nthree\nX\nfour\nY\nexport LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec '
    done = runtime.guest.run(f"{activated}{start} 1 box")
    assert "three" in done.text and "LISTEN_FDS=1" in done.text and "LISTEN_PID=1" in done.text
    assert "LISTEN_FDNAMES=web" in done.text and "\n4\n" in done.text
    # Meant for somebody else.
    done = runtime.guest.run(activated.replace("$$", "1") + f"{start} 0 box")
    assert "LISTEN" not in done.text and "three" not in done.text
    runtime.create("sleep", "1000")
    runtime.must("start", "box")
    execute = f"{OCI} --root {runtime.root} exec --preserve-fds 1 box cat /proc/self/fd/3"
    assert runtime.guest.run(f"exec 3<<X\nthree\nX\n{execute}").text == "three\n"
    assert runtime.guest.run(execute).returncode == 255


def test_a_root_without_pivot_root(runtime):
    runtime.command("sh", "-c", "echo $(ls /); cat /proc/1/comm; ls /proc/self/fd | wc -l")
    normal = runtime("run", "--bundle", runtime.work, "box")
    moved = runtime("run", "--no-pivot", "--bundle", runtime.work, "box")
    assert moved.returncode == 0, moved
    assert moved.text == normal.text
    assert "rootfs" not in moved.text and "bin" in moved.text


def test_what_ended_is_not_running(runtime):
    runtime.create("true")
    runtime.must("start", "box")
    runtime.wait_stopped()
    late = runtime("kill", "box", "KILL")
    # These words are what containerd looks for.
    assert late.returncode == 1 and b"container not running" in late.stderr


def test_a_create_that_is_killed_leaves_nothing(runtime):
    runtime.config["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "1000"]}]}
    runtime.command("sleep", "1000")
    creating = runtime.guest.spawn([OCI, "--root", runtime.root, "create", "--bundle", runtime.work, "box"])
    deadline = time.monotonic() + 60
    while not runtime.guest.run("pgrep -f 'sleep 1000'").text.strip():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    creating.kill(9)
    creating.wait(30)
    runtime.guest.run("pkill -f 'sleep 1000'")
    runtime.config["hooks"] = {}
    # The id is free again, without a word from anybody.
    assert runtime.create("sleep", "1000").returncode == 0
    assert len(runtime.cgroup("cgroup.procs").split()) == 1


def test_a_runtime_that_is_killed_anywhere_leaves_no_cgroup(guest):
    # The long form runs on the host in ./check, where there may be no cgroup v2.
    done = guest.run(
        [BUILD / "tests" / "launcher" / "endurance_test"],
        env={"CGWARDEN_OCI": str(OCI), "CGWARDEN_CYCLES": "4", "CGWARDEN_KILLS": "12"},
        timeout=300,
    )
    assert done.returncode == 0, done.text


def test_features_are_those_of_the_specification(runtime):
    features = json.loads(runtime.must("features"))
    assert features["ociVersionMin"] == "1.0.0"
    assert "time" in features["linux"]["namespaces"]
    assert "SCMP_ACT_NOTIFY" in features["linux"]["seccomp"]["actions"]
    assert features["linux"]["cgroup"] == {"rdma": True, "systemd": True, "systemdUser": True, "v1": False, "v2": True}
