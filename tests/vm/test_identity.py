"""Whose a cgroup is, under real systemd: units, users, a container of podman, pods as kubelet leaves them."""

import json

import pytest
from agent_scenario import PORT, Scenario
from engine_guest import EXAMPLES, IMAGE_TAR, PATIENCE, RUNTIME, install

pytestmark = pytest.mark.systemd

STORAGE = '[storage]\ndriver = "overlay"\nrunroot = "/run/engines/root/run"\ngraphroot = "/run/engines/root/graph"\n'
CONTAINERS = '[network]\nnetwork_backend = "netavark"\n[engine]\nevents_logger = "file"\n'
POD_UID = "6a1d1a3e-1f0b-4c1c-9d5e-0d2f7d1c9b11"
POD = f"/kubepods/burstable/pod{POD_UID}"
NGINX, PAUSE = "c" * 64, "d" * 64
TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"


def annotations(kind, **more):
    names = {"container-type": kind, "sandbox-name": "web", "sandbox-namespace": "shop", **more}
    return json.dumps({"annotations": {f"io.kubernetes.cri.{key}": value for key, value in names.items()}})


@pytest.fixture(scope="module")
def scenario(machine_slot):
    guest = machine_slot.guest()
    with Scenario(guest) as made:
        made.start_agent()
        yield made
        made.stop_agent()


def test_units_of_systemd(scenario):
    guest = scenario.guest
    guest.run(r"systemd-run --quiet --unit='ident\x2dweb@1' --slice=ident-a sleep 1000", check=True)
    try:
        labels = scenario.identity(r"/ident.slice/ident-a.slice/ident\\x2dweb@1.service")
        assert labels == {"kind": "service", "unit": r"ident\\x2dweb@1.service", "slice": "ident-a.slice"}
        known = scenario.identities()
        assert known["/"] == {"kind": "root"}
        assert known["/system.slice"] == {"kind": "slice", "slice": "system.slice"}
        assert known["/init.scope"] == {"kind": "scope", "unit": "init.scope"}
    finally:
        guest.run(r"systemctl stop 'ident\x2dweb@1' ident.slice")


def test_units_of_a_user(scenario):
    guest = scenario.guest
    guest.run(
        "id joe || useradd --create-home --uid 1000 joe; systemctl start user@1000", check=True, timeout=PATIENCE)
    environment = ["XDG_RUNTIME_DIR=/run/user/1000", "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus"]
    guest.run(
        ["setpriv", "--reuid=1000", "--regid=1000", "--init-groups", "env", "-C", "/", *environment,
         "systemd-run", "--user", "--quiet", "--unit=mine", "sleep", "1000"], check=True, timeout=PATIENCE)  # fmt: skip
    manager = "/user.slice/user-1000.slice/user@1000.service"
    try:
        # systemd-logind says who 1000 is.
        labels = scenario.identity(f"{manager}/app.slice/mine.service", lambda labels: labels["user"] == "joe")
        assert labels == {"kind": "service", "unit": "mine.service", "slice": "app.slice", "user": "joe"}
        assert scenario.identities()[manager]["unit"] == "user@1000.service"
    finally:
        guest.run("systemctl stop user@1000", timeout=PATIENCE)


@pytest.fixture(scope="module")
def podman(scenario):
    guest = scenario.guest
    install(guest)
    guest.run("mkdir -p /etc/containers/containers.conf.d", check=True)
    guest.write_file("/etc/containers/containers.conf", CONTAINERS)
    guest.write_file("/etc/containers/containers.conf.d/cgwarden.conf", (EXAMPLES / "podman.conf").read_text())
    guest.write_file("/etc/containers/storage.conf", STORAGE)
    command = ["podman", "--runtime", RUNTIME, "--cgroup-manager", "systemd"]
    guest.run([*command, "import", "--quiet", IMAGE_TAR, "box"], check=True, timeout=PATIENCE)
    return command


def test_a_container_of_podman(scenario, podman):
    guest = scenario.guest
    try:
        started = guest.run(
            [*podman, "run", "--detach", "--name=named", "--network=none", "--cgroupns=host", "box", "sleep", "1000"],
            check=True, timeout=PATIENCE)  # fmt: skip
        container_id = started.text.strip()
        scope = f"libpod-{container_id}.scope"
        labels = scenario.identity(f"/machine.slice/{scope}", lambda labels: "container" in labels)
        assert labels.pop("image") == "localhost/box:latest"
        assert labels == {
            "kind": "container", "unit": scope, "slice": "machine.slice", "runtime": "podman",
            "container": "named", "container_id": container_id}  # fmt: skip
        conmon = scenario.identities().get(f"/machine.slice/libpod-conmon-{container_id}.scope")
        assert conmon is None or conmon["kind"] == "scope"
    finally:
        guest.run([*podman, "rm", "--all", "--force", "--time=0"], timeout=PATIENCE)
    # Its series end with its cgroup.
    scenario.until(lambda: not any(container_id in path for path in scenario.identities()), "the series to end")


def test_a_container_of_podman_in_the_cgroup_of_its_service(scenario, podman):
    """As a quadlet runs it."""
    guest = scenario.guest
    guest.run(
        ["systemd-run", "--quiet", "--unit=splitting", "-p", "Delegate=yes", "-p", "KillMode=mixed", *podman, "run",
         "--rm", "--name=split", "--cgroups=split", "--network=none", "box", "sleep", "1000"],
        check=True, timeout=PATIENCE)  # fmt: skip
    service = "/system.slice/splitting.service"
    try:
        path = scenario.until(
            lambda: next((path for path in scenario.identities() if path.startswith(f"{service}/libpod-payload-")), None),
            "the container's cgroup")
        labels = scenario.identity(path, lambda labels: "container" in labels)
        assert labels.pop("image") == "localhost/box:latest"
        assert labels == {
            "kind": "container", "unit": "splitting.service", "slice": "system.slice", "runtime": "podman",
            "container": "split", "container_id": path.removeprefix(f"{service}/libpod-payload-")}  # fmt: skip
        assert scenario.identity(service)["kind"] == "service"
    finally:
        guest.run([*podman, "rm", "--all", "--force", "--time=0"], timeout=PATIENCE)
        guest.run("systemctl stop splitting; systemctl reset-failed splitting", timeout=PATIENCE)


def test_pods_by_the_files_of_kubelet_and_containerd(scenario):
    guest = scenario.guest
    guest.run(f"mkdir -p /sys/fs/cgroup{POD}/{NGINX} /sys/fs/cgroup{POD}/{PAUSE}", check=True)
    try:
        assert scenario.identity(f"{POD}/{NGINX}") == {
            "kind": "container", "container_id": NGINX, "pod_uid": POD_UID}
        # The runtime writes its files after it made the cgroup.
        guest.run(
            f"mkdir -p {TASKS}/{NGINX} {TASKS}/{PAUSE} /var/log/containers /var/log/pods/shop_web_{POD_UID} && "
            f"ln -s /var/log/pods/x /var/log/containers/web_shop_nginx-{NGINX}.log", check=True)
        guest.write_file(f"{TASKS}/{NGINX}/config.json", annotations("container", **{"image-name": "nginx:1"}))
        guest.write_file(f"{TASKS}/{PAUSE}/config.json", annotations("sandbox"))
        pod = {"pod": "web", "pod_uid": POD_UID, "namespace": "shop"}
        assert scenario.identity(f"{POD}/{NGINX}", lambda labels: "image" in labels and "pod" in labels) == {
            "kind": "container", "runtime": "containerd", "container": "nginx", "container_id": NGINX,
            "image": "nginx:1", **pod}  # fmt: skip
        assert scenario.identity(f"{POD}/{PAUSE}", lambda labels: labels["kind"] == "sandbox") == {
            "kind": "sandbox", "runtime": "containerd", "container_id": PAUSE, **pod}
        assert scenario.identity(POD, lambda labels: "pod" in labels) == {"kind": "pod", **pod}
    finally:
        guest.run(
            f"rm -rf {TASKS} /var/log/containers /var/log/pods; "
            f"rmdir /sys/fs/cgroup{POD}/* /sys/fs/cgroup{POD} /sys/fs/cgroup/kubepods/burstable /sys/fs/cgroup/kubepods")
    assert scenario.metrics()["cgwarden_agent_identity_errors_total"] == 0


def test_the_page_of_cadvisors_names(scenario):
    url = f"http://127.0.0.1:{PORT}/metrics/cadvisor"
    text = scenario.guest.run(["curl", "-sf", url], check=True).text
    for name in ("container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "container_last_seen"):
        assert f'\n{name}{{id="/system.slice"' in text, name
    checked = scenario.guest.run(f"curl -sf {url} | promtool check metrics", timeout=120)
    assert checked.returncode == 0, checked


def test_counters_of_a_unit_outlive_its_cgroups_and_the_agent(scenario):
    guest = scenario.guest
    hungry = [
        "systemd-run", "--quiet", "--unit=hungry", "-p", "MemoryMax=16M", "-p", "MemorySwapMax=0",
        "-p", "OOMPolicy=continue", "sh", "-c", "tail /dev/zero; sleep 1000"]  # fmt: skip

    def counter(name):
        return scenario.metrics().get(f'cgwarden_unit_{name}_total{{unit="hungry.service"}}')

    def run_and_stop(kills):
        guest.run(hungry, check=True)
        try:
            scenario.until(lambda: counter("oom_kills") == kills, f"OOM kill {kills} to be counted")
            events = guest.read_file("/sys/fs/cgroup/system.slice/hungry.service/memory.events").decode()
            assert "oom_kill 1\n" in events
        finally:
            guest.run("systemctl stop hungry; systemctl reset-failed hungry", timeout=PATIENCE)

    run_and_stop(1)
    run_and_stop(2)
    scenario.stop_agent()
    scenario.start_agent()
    assert scenario.until(lambda: counter("oom_kills"), "the counters of the agent before") == 2
    assert counter("starts") == 2
    run_and_stop(3)
    # The agent itself saw its unit and no session or scope for one use.
    units = {series for series in scenario.metrics() if series.startswith("cgwarden_unit_starts_total")}
    assert 'cgwarden_unit_starts_total{unit="init.scope"}' in units
    assert not any("session-" in series or 'unit="run-' in series and ".scope" in series for series in units)
