"""containerd's runc shim (io.containerd.runc.v2) calls cgwarden-oci, as `ctr run --runc-binary` tells it."""

import json

import pytest
from engine_guest import EXAMPLES, IMAGE_TREE, PATIENCE, RUNTIME, install, start_daemon, stop_daemon

pytestmark = pytest.mark.systemd

SOCKET = "/run/engines/containerd.sock"
# The plugins that are left out look for devices and tools at start, or serve Kubernetes.
CONFIG = f"""version = 2
root = "/run/engines/containerd"
state = "/run/engines/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = "{SOCKET}"
"""


class Ctr:
    def __init__(self, guest):
        self.guest = guest

    def __call__(self, *words):
        return self.guest.run(["ctr", "--address", SOCKET, *words], timeout=PATIENCE)

    def must(self, *words):
        done = self(*words)
        assert done.returncode == 0, done
        return done.text

    def run(self, *options, name, command):
        return self("run", "--runc-binary", RUNTIME, *options, "--rootfs", IMAGE_TREE, name, *command)

    def status(self, name):
        lines = [line.split() for line in self.must("task", "ls").splitlines()]
        return next(words[2] for words in lines if words[0] == name)


@pytest.fixture(scope="module")
def ctr(machine_slot):
    guest = machine_slot.guest()
    install(guest)
    guest.write_file("/run/engines/containerd.toml", CONFIG)
    start_daemon(guest, "engine-containerd", ["containerd", "--config", "/run/engines/containerd.toml"],
                 f"ctr --address {SOCKET} version")  # fmt: skip
    yield Ctr(guest)
    stop_daemon(guest, "engine-containerd")
    # The shim keeps the states of its containers below its own directory.
    assert guest.run("ls /run/containerd/runc/default").text == ""


def test_the_example_is_a_runtime_of_kubernetes(guest):
    install(guest)
    shown = guest.run(["containerd", "--config", EXAMPLES / "containerd.toml", "config", "dump"], timeout=PATIENCE)
    _, found, rest = shown.text.partition('containerd.runtimes.cgwarden.options]')
    assert found and f'BinaryName = "{RUNTIME}"' in rest.partition("[")[0], shown


def test_run_exits_as_its_command(ctr):
    done = ctr.run("--rm", name="short", command=["sh", "-c", "echo words; exit 5"])
    assert done.returncode == 5 and done.text == "words\n", done
    missing = ctr.run("--rm", name="missing", command=["no-such-command"])
    assert missing.returncode == 1
    assert b"no-such-command: executable file not found in $PATH" in missing.stderr


@pytest.mark.parametrize("driver", ["cgroupfs", "systemd"])
def test_the_life_of_a_task(ctr, driver):
    where = {"systemd": ["--runc-systemd-cgroup", "--cgroup=system.slice:ctr:box"], "cgroupfs": ["--cgroup=/ctr/box"]}
    path = {"systemd": "/system.slice/ctr-box.scope", "cgroupfs": "/ctr/box"}[driver]
    started = ctr.run("--detach", *where[driver], "--memory-limit=67108864", "--cpus=0.5", name="box",
                      command=["sleep", "1000"])  # fmt: skip
    assert started.returncode == 0, started
    cgroup = f"/sys/fs/cgroup{path}"
    assert ctr.guest.read_file(f"{cgroup}/memory.max").decode() == f"{64 << 20}\n"
    assert ctr.guest.read_file(f"{cgroup}/cpu.max").decode() == "50000 100000\n"
    assert ctr.must("task", "exec", "--exec-id=one", "--cwd=/bin", "box", "sh", "-c", "id -u; pwd") == "0\n/bin\n"
    assert ctr("task", "exec", "--exec-id=two", "box", "sh", "-c", "exit 9").returncode == 9
    missing = ctr("task", "exec", "--exec-id=three", "box", "no-such-command")
    assert missing.returncode == 1 and b"executable file not found in $PATH" in missing.stderr
    ctr.must("task", "pause", "box")
    assert ctr.status("box") == "PAUSED"
    ctr.must("task", "resume", "box")
    metrics = json.loads(ctr.must("task", "metrics", "--format=json", "box"))
    assert int(metrics["memory"]["usage_limit"]) == 64 << 20
    pid = ctr.guest.read_file(f"{cgroup}/cgroup.procs").decode().strip()
    assert pid in ctr.must("task", "ps", "box")
    ctr.must("task", "kill", "--signal=KILL", "box")
    deleted = ctr("task", "delete", "box")
    assert b"non-zero exit code 137" in deleted.stderr, deleted
    ctr.must("container", "delete", "box")
    assert ctr.guest.run(["ls", cgroup]).returncode != 0
    ctr.guest.run("rmdir /sys/fs/cgroup/ctr")


def test_a_terminal(ctr):
    command = ["ctr", "--address", SOCKET, "run", "--rm", "--tty", "--runc-binary", RUNTIME, "--rootfs", IMAGE_TREE,
               "tty", "sh"]  # fmt: skip
    shell = ctr.guest.spawn(command, pty=(31, 97), stdin=b"")
    # ctr sets the size once the command runs.
    size = b"tty; until stty size 2>/dev/null | grep ' '; do sleep 0.1; done; "
    shell.write(size + b"echo again-$((1+1))\n")
    shell.wait_for_output(b"again-2", PATIENCE)
    second = ctr.guest.spawn(["ctr", "--address", SOCKET, "task", "exec", "--tty", "--exec-id=one", "tty", "sh"],
                             pty=(20, 40), stdin=b"")  # fmt: skip
    second.write(size + b"exit 6\n")
    ended = second.wait(PATIENCE)
    assert ended.returncode == 6 and b"/dev/pts/1" in ended.stdout and b"20 40" in ended.stdout
    shell.write(b"exit 4\n")
    done = shell.wait(PATIENCE)
    assert done.returncode == 4 and b"/dev/pts/0" in done.stdout and b"31 97" in done.stdout
