"""dockerd with "userns-remap": every container in a user namespace, with cgwarden-oci."""

import json

import pytest
from engine_guest import IMAGE_TAR, PATIENCE, install, start_daemon, stop_daemon
from test_docker import CONTAINERD, DAEMON, PING, SOCKET, Docker

pytestmark = pytest.mark.systemd


@pytest.fixture(scope="module")
def docker(machine_slot):
    guest = machine_slot.guest()
    install(guest)
    guest.write_file("/run/engines/docker-containerd.toml", CONTAINERD)
    guest.run("useradd --system --no-create-home dockremap", check=True)
    guest.run("usermod --add-subuids 200000-265535 --add-subgids 200000-265535 dockremap", check=True)
    guest.run("modprobe -a veth bridge", check=True)
    guest.write_file("/run/engines/daemon.json", json.dumps({**DAEMON, "userns-remap": "dockremap"}))
    start_daemon(guest, "engine-docker-containerd", ["containerd", "--config", "/run/engines/docker-containerd.toml"],
                 f"ctr --address {SOCKET} version")  # fmt: skip
    start_daemon(guest, "engine-docker", ["dockerd", "--config-file", "/run/engines/daemon.json"], PING)
    made = Docker(guest)
    made.must("import", IMAGE_TAR, "box")
    yield made
    guest.run("docker rm --force --volumes $(docker ps --all --quiet)", timeout=PATIENCE)
    stop_daemon(guest, "engine-docker")
    stop_daemon(guest, "engine-docker-containerd")


def test_root_of_a_container_is_nobody_on_the_host(docker):
    # containerd's shim has raised its oom_score_adj: a container's 0 is below it.
    docker.start("remapped", "--pids-limit=33", "--volume=kept:/kept", "box", "sh", "-c", "id -u >/kept/uid; sleep 1000")
    pid = docker.state("remapped", "Pid")
    assert docker.guest.run(f"stat --format=%u /proc/{pid}").text.strip() == "200000"
    assert docker.must("exec", "remapped", "sh", "-c", "cat /kept/uid /sys/fs/cgroup/pids.max; id -u").split() == ["0", "33", "0"]
    host = docker("run", "--rm", "--userns=host", "--network=host", "box", "cat", "/proc/self/uid_map")
    assert host.text.split() == ["0", "0", "4294967295"]
    docker.must("kill", "remapped")
