"""`cgwarden run` for a user who is not root: his own systemd, his range of ids, his directories."""

import json

import pytest
from agent_scenario import BUILD, CGWARDEN

pytestmark = pytest.mark.systemd

USER = "jane"
UID = 1001
START = 400000
HOME = f"/run/{USER}-home"
MANAGER = f"/user.slice/user-{UID}.slice/user@{UID}.service"
BUSYBOX = "/bin/busybox"


class User:
    def __init__(self, guest):
        self.guest = guest
        # As after `loginctl enable-linger`.
        guest.run(
            f"{{ id {USER} || useradd --uid {UID} --home-dir {HOME} {USER}; }} > /dev/null 2>&1 && "
            f"install -d -o {USER} {HOME} {HOME}/data {HOME}/rootfs/bin && echo mine > {HOME}/data/mark && "
            f"cp {BUSYBOX} {HOME}/rootfs/bin/ && mkdir -p {HOME}/bin {HOME}/libexec/cgwarden && "
            # Where the tree lies a user may not look.
            f"cp {CGWARDEN} {HOME}/bin/ && cp {BUILD}/launcher/cgwarden-shim {HOME}/libexec/cgwarden/ && "
            f"chown -R {USER} {HOME}/rootfs && "
            f"for f in /etc/subuid /etc/subgid; do sed -i '/^{USER}:/d' $f; echo {USER}:{START}:65536 >> $f; done; "
            f"systemctl start user@{UID}", check=True, timeout=90)
        self.command = [
            "setpriv", f"--reuid={UID}", f"--regid={UID}", "--init-groups", "env", "-C", "/", f"HOME={HOME}",
            f"XDG_RUNTIME_DIR=/run/user/{UID}", f"{HOME}/bin/cgwarden"]

    def __call__(self, *words):
        return self.guest.run([*self.command, *words], timeout=90)

    def words(self, script, *options, name="box"):
        return ["run", "--name", name, "--rootfs", f"{HOME}/rootfs", *options, "--", BUSYBOX, "sh", "-c", script]

    def close(self):
        self.guest.run(f"systemctl stop user@{UID}; pkill -KILL -u {USER}; userdel {USER}; rm -rf {HOME}", timeout=90)


@pytest.fixture(scope="module")
def user(machine_slot):
    made = User(machine_slot.guest())
    yield made
    made.close()


def test_a_user_runs_a_workload_below_his_own_systemd(user):
    guest = user.guest
    script = f"trap 'exit 7' TERM; b={BUSYBOX}; $b id -u; $b cat /proc/self/uid_map /data/mark; echo ready; while :; do $b sleep 0.1; done"
    job = guest.spawn([*user.command, *user.words(script, "--memory", "64MiB", "--pids", "20",
                                                   "--mount", f"{HOME}/data:/data:ro")])
    deadline = 300
    while b"ready" not in job.stdout and job.running and deadline:
        guest.run("sleep 0.2")
        deadline -= 1
    assert b"ready" in job.stdout, (job.stdout, job.stderr)
    lines = [line.split() for line in job.stdout.decode().splitlines()]
    assert lines[:4] == [["0"], ["0", str(UID), "1"], ["1", str(START), "65536"], ["mine"]]
    # In the cgroup that systemd has delegated, with its limits.
    shown = json.loads(user("inspect", "box", "--json").stdout)
    status = json.loads(guest.read_file(f"/run/user/{UID}/cgwarden/workloads/box/status.json"))
    assert status["cgroup"] == f"{MANAGER}/cgwarden.slice/box.scope/payload"
    assert shown["state"] == "running"
    payload = f"/sys/fs/cgroup{status['cgroup']}"
    assert guest.read_file(f"{payload}/memory.max") == b"%d\n" % (64 << 20)
    assert guest.read_file(f"{payload}/pids.max") == b"20\n"
    entered = user("exec", "box", BUSYBOX, "id", "-u")
    assert (entered.returncode, entered.text) == (0, "0\n"), entered
    # By name, in the same directories.
    assert "box" in user("ps").text
    assert user("stop", "box").returncode == 0
    assert job.wait(60).returncode == 7
    assert user("rm", "box").returncode == 0
    assert guest.run(["test", "-e", f"/sys/fs/cgroup{MANAGER}/cgwarden.slice/box.scope"]).returncode == 1
    assert guest.run(["test", "-e", "/run/cgwarden"]).returncode == 1


@pytest.mark.parametrize("check", ["tcp: 80", f"exec: [{BUSYBOX}, 'true']"])
def test_health_checks_of_a_users_workload(user, check):
    guest = user.guest
    guest.write_file(
        f"{HOME}/web.yaml",
        "apiVersion: cgwarden/v1\nkind: Workload\nmetadata: {name: web}\n"
        f"command: [{BUSYBOX}, httpd, -f, -p, '80']\nrootfs: {HOME}/rootfs\nhealth: {{{check}, interval: 1s}}\n")
    job = guest.spawn([*user.command, "run", "--rm", "--foreground", f"{HOME}/web.yaml"])
    shown = {}
    for _ in range(300):
        answer = user("inspect", "web", "--json")
        shown = json.loads(answer.stdout) if answer.returncode == 0 else {}
        if shown.get("health", {}).get("state") not in (None, "starting") or not job.running:
            break
    assert shown["health"]["state"] == "healthy", (shown, job.stderr)
    assert user("stop", "web").returncode == 0
    job.wait(60)


def test_what_a_user_lacks_is_one_sentence(user):
    guest = user.guest
    guest.run(f"cp /etc/subuid {HOME}/subuid; sed -i '/^{USER}:/d' /etc/subuid", check=True)
    try:
        refused = user(*user.words("true", name="none"))
        assert refused.returncode == 125
        assert refused.stderr.decode().endswith(
            f"it has no range of ids in /etc/subuid; as root, 'usermod --add-subuids 100000-165535 {USER}' gives it one\n")
        assert len(refused.stderr.decode().splitlines()) == 1
    finally:
        guest.run(f"cat {HOME}/subuid > /etc/subuid", check=True)
    image = user("run", "--image", "web", "--name", "none")
    assert image.returncode == 1 and "layers and images are for root" in image.stderr.decode(), image
    without_bus = guest.run(["env", "-u", "DBUS_SESSION_BUS_ADDRESS", *user.command[:-2],
                             f"XDG_RUNTIME_DIR={HOME}", user.command[-1], *user.words("true", name="none")], timeout=90)
    assert without_bus.returncode == 125
    said = without_bus.stderr.decode()
    assert "the user's systemd on the user's bus" in said and "loginctl enable-linger" in said, said
    assert len(said.splitlines()) == 1
