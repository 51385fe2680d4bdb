"""docker.io calls cgwarden-oci: a "runtimes" entry of daemon.json, with both cgroup drivers."""

import json

import pytest
from engine_guest import EXAMPLES, IMAGE_TAR, PATIENCE, install, start_daemon, stop_daemon, until

pytestmark = pytest.mark.systemd

SOCKET = "/run/engines/docker-containerd.sock"
CONTAINERD = f"""version = 2
root = "/run/engines/docker-containerd"
state = "/run/engines/docker-containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = "{SOCKET}"
"""
# Its rules for iptables take a minute in an emulated machine; ports are published by docker-proxy, too.
# An emulated dockerd gives up on a containerd that it has to start itself.
DAEMON = {
    **json.loads((EXAMPLES / "daemon.json").read_text()),
    "default-runtime": "cgwarden",
    "data-root": "/run/engines/docker",
    "containerd": SOCKET,
    "iptables": False,
    "ip6tables": False,
}
PING = "curl --silent --fail --unix-socket /run/docker.sock http://docker/_ping"


class Docker:
    def __init__(self, guest):
        self.guest = guest

    def __call__(self, *words):
        return self.guest.run(["docker", *words], timeout=PATIENCE)

    def must(self, *words):
        done = self(*words)
        assert done.returncode == 0, done
        return done.text

    def start(self, name, *words):
        self.must("run", "--detach", f"--name={name}", *words)

    def state(self, name, key):
        """From the engine itself: the command takes a second to start in an emulated machine."""
        answer = self.guest.run(f"curl --silent --fail --unix-socket /run/docker.sock http://docker/containers/{name}/json")
        return json.loads(answer.stdout)["State"][key]


@pytest.fixture(scope="module", params=["systemd", "cgroupfs"])
def docker(machine_slot, request):
    guest = machine_slot.guest()
    install(guest)
    guest.write_file("/run/engines/docker-containerd.toml", CONTAINERD)
    guest.run("modprobe -a veth bridge", check=True)
    config = {**DAEMON, "exec-opts": [f"native.cgroupdriver={request.param}"]}
    guest.write_file("/run/engines/daemon.json", json.dumps(config))
    start_daemon(guest, "engine-docker-containerd", ["containerd", "--config", "/run/engines/docker-containerd.toml"],
                 f"ctr --address {SOCKET} version")  # fmt: skip
    start_daemon(guest, "engine-docker", ["dockerd", "--config-file", "/run/engines/daemon.json"], PING)
    made = Docker(guest)
    made.driver = request.param
    made.must("import", IMAGE_TAR, "box")
    yield made
    guest.run("docker rm --force --volumes $(docker ps --all --quiet)", timeout=PATIENCE)
    stop_daemon(guest, "engine-docker")
    stop_daemon(guest, "engine-docker-containerd")
    # /run/docker/runtime-runc: where dockerd's shim has the states of containers.
    assert guest.run("find /run/docker -name state.json").text == ""


def test_the_life_of_a_limited_container(docker):
    docker.start("box", "--network=none", "--init", "--memory=64m", "--memory-swap=64m", "--cpus=0.5", "--pids-limit=33",
                 "box", "sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; sleep 1000 & wait")  # fmt: skip
    cgroup = docker.guest.read_file(f"/proc/{docker.state('box', 'Pid')}/cgroup").decode()
    assert cgroup.startswith("0::/system.slice/docker-" if docker.driver == "systemd" else "0::/docker/")
    show = "cd /sys/fs/cgroup; cat memory.max memory.swap.max cpu.max pids.max /proc/1/comm; exit 9"
    done = docker("exec", "box", "sh", "-c", show)
    assert done.returncode == 9 and done.text == f"{64 << 20}\n0\n50000 100000\n33\ndocker-init\n", done
    missing = docker("exec", "box", "no-such-command")
    # docker 20.10 says 126 whatever the runtime answers.
    assert missing.returncode == 126 and b"executable file not found in $PATH" in missing.stdout
    docker.must("pause", "box")
    assert docker.state("box", "Status") == "paused"
    docker.must("unpause", "box")
    assert "64MiB" in docker.must("stats", "--no-stream", "box")
    docker.must("update", "--memory=96m", "--memory-swap=96m", "box")
    shell = docker.guest.spawn(["docker", "exec", "-it", "--user=77", "box", "sh"], pty=(31, 97), stdin=b"")
    shell.write(b"id -u; cat /sys/fs/cgroup/memory.max; until stty size 2>/dev/null | grep ' '; do sleep 0.1; done; exit 6\n")
    ended = shell.wait(PATIENCE)
    assert ended.returncode == 6 and b"31 97" in ended.stdout
    assert f"77\r\n{96 << 20}\r\n" in ended.text
    assert "sleep 1000" in docker.must("top", "box")
    docker.must("stop", "box")
    assert docker.must("wait", "box") == "3\n"
    assert docker.must("logs", "box") == "up\nbye\n"
    docker.must("start", "box")
    docker.must("kill", "box")
    assert docker.must("wait", "box") == "137\n"
    docker.must("rm", "box")


@pytest.mark.parametrize("docker", ["systemd"], indirect=True)
def test_run_exits_as_its_command(docker):
    command = ["docker", "run", "--rm", "-it", "--network=none", "--user=77", "box", "sh"]
    shell = docker.guest.spawn(command, pty=(31, 97), stdin=b"")
    # docker sets the size once the command runs.
    shell.write(b"tty; until stty size 2>/dev/null | grep ' '; do sleep 0.1; done; id -u; exit 4\n")
    done = shell.wait(PATIENCE)
    assert done.returncode == 4 and b"/dev/pts/0" in done.stdout and b"31 97" in done.stdout
    missing = docker("run", "--rm", "--network=none", "box", "no-such-command")
    assert missing.returncode == 127 and b"executable file not found in $PATH" in missing.stderr
    absent = docker("run", "--rm", "--network=none", "box", "/no/such/command")
    assert absent.returncode == 127 and b"/no/such/command" in absent.stderr
    denied = docker("run", "--rm", "--network=none", "box", "/etc/passwd")
    assert denied.returncode == 126 and b"/etc/passwd is not executable" in denied.stderr
    privileged = docker("run", "--rm", "--network=none", "--privileged", "box", "sh", "-c",
                        "readlink /dev/ptmx; echo words > /dev/stdout")  # fmt: skip
    assert privileged.text == "pts/ptmx\nwords\n"


@pytest.mark.parametrize("docker", ["systemd"], indirect=True)
def test_a_published_port_and_a_volume(docker):
    page = "echo page > /w/index.html; exec httpd -f -p 80 -h /w"
    docker.start("web", "--publish=8081:80", "--volume=pages:/w", "--health-cmd=test -e /w/index.html",
                 "--health-interval=1s", "box", "sh", "-c", page)  # fmt: skip
    assert until(docker.guest, "curl -s http://127.0.0.1:8081/", "the page") == "page\n"
    until(docker.guest, "curl -s --unix-socket /run/docker.sock http://docker/containers/web/json | grep '\"healthy\"'", "health")
    beside = docker("run", "--rm", "--network=container:web", "--volume=pages:/w:ro", "--read-only", "--tmpfs=/scratch", "box",
                    "sh", "-c", "wget -qO- http://127.0.0.1/; touch /w/x || touch /x || touch /scratch/x && cat /w/index.html")  # fmt: skip
    assert beside.text == "page\npage\n", beside
    docker.must("rm", "--force", "--volumes", "web")
