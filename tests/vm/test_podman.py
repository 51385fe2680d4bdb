"""podman calls cgwarden-oci: as root and as a user, with both cgroup managers."""

import json
import re

import pytest
from agent_scenario import Scenario
from engine_guest import EXAMPLES, IMAGE_TAR, PATIENCE, RUNTIME, install, until

pytestmark = pytest.mark.systemd

USER = "joe"
USER_STATE = "/run/engines/joe"
USER_ENVIRONMENT = [
    "HOME=/home/joe", f"USER={USER}", "XDG_RUNTIME_DIR=/run/user/1000",
    "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus",
]  # fmt: skip
AS_USER = ["setpriv", "--reuid=1000", "--regid=1000", "--init-groups", "env", "-C", "/", *USER_ENVIRONMENT]
# No file system of the guest keeps what podman's overlay driver of users needs.
STORAGE = '[storage]\ndriver = "{driver}"\nrunroot = "{state}/run"\ngraphroot = "{state}/graph"\n'
CONTAINERS = '[network]\nnetwork_backend = "netavark"\n[engine]\nevents_logger = "file"\n'
# Ends on SIGTERM, which pid 1 of a namespace without a handler ignores.
OBEDIENT = ["sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.1; done"]
HEALTH = ["--health-cmd=test -e /dev/shm/ok", "--health-interval=1h", "--health-retries=1"]
LIMITS = ["--memory=64m", "--memory-swap=64m", "--cpus=0.5", "--pids-limit=33"]


# Its image says no PATH. The probe's default timeout, a second, is short for an emulated machine.
KUBE = """apiVersion: v1
kind: Pod
metadata: {name: play}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: one
    image: localhost/box:latest
    command: [/bin/sh, -c, "touch /tmp/ok; exec sleep 1000"]
    resources: {limits: {memory: 64Mi, cpu: 500m}}
    livenessProbe: {exec: {command: [/bin/test, -e, /tmp/ok]}, periodSeconds: 3600, timeoutSeconds: 200}
    volumeMounts: [{name: shared, mountPath: /shared}]
  - name: two
    image: localhost/box:latest
    command: [/bin/sleep, "1000"]
    securityContext:
      {runAsUser: 77, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: shared, mountPath: /shared}]
  volumes:
  - {name: shared, hostPath: {path: /run/engines/kube, type: DirectoryOrCreate}}
"""


class Podman:
    def __init__(self, guest, prefix=(), manager="systemd", state="/run/engines/root"):
        self.guest = guest
        self.state = state
        self.prefix = list(prefix)
        self.manager = manager

    def words(self, *words):
        return [*self.prefix, "podman", "--runtime", RUNTIME, "--cgroup-manager", self.manager, *words]

    def __call__(self, *words):
        return self.guest.run(self.words(*words), timeout=PATIENCE)

    def must(self, *words):
        done = self(*words)
        assert done.returncode == 0, done
        return done.text

    def once(self, *words):
        """`podman run --rm` without a network, which takes a second."""
        return self("run", "--rm", "--network=none", *words)

    def start(self, name, *words):
        self.must("run", "--detach", "--name", name, *words)

    def status(self, name):
        return self.must("inspect", "--format", "{{.State.Status}}", name).strip()

    def remove_all(self):
        self("pod", "rm", "--all", "--force", "--time=0")
        self("rm", "--all", "--force", "--time=0")


@pytest.fixture(scope="module")
def podman(machine_slot):
    """Tests choose names of their own: what a failed one leaves is removed at the end."""
    guest = machine_slot.guest()
    install(guest)
    guest.run("modprobe -a tun veth bridge && chmod 666 /dev/net/tun", check=True)
    guest.write_file("/etc/containers/containers.conf", CONTAINERS)
    guest.run("mkdir -p /etc/containers/containers.conf.d", check=True)
    guest.write_file("/etc/containers/containers.conf.d/cgwarden.conf", (EXAMPLES / "podman.conf").read_text())
    guest.write_file("/etc/containers/storage.conf", STORAGE.format(driver="overlay", state="/run/engines/root"))
    for file in ("/etc/subuid", "/etc/subgid"):
        guest.run(f"grep -q containers {file} || echo containers:500000:655360 >> {file}", check=True)
    made = Podman(guest)
    made.must("import", "--quiet", IMAGE_TAR, "box")
    yield made
    made.remove_all()
    # Nothing that the runtime keeps outlives its container.
    assert guest.run("ls /run/cgwarden-oci").text == ""
    assert guest.run("ls -d /sys/fs/cgroup/machine.slice/libpod-*").text == ""


@pytest.fixture(scope="module")
def user_podman(podman):
    """Rootless, with a user manager of systemd, as after `loginctl enable-linger`."""
    guest = podman.guest
    guest.run(
        f"id {USER} || useradd --create-home --uid 1000 {USER}; systemctl start user@1000 && "
        f"install -d -o {USER} {USER_STATE} /home/{USER}/.config/containers", check=True, timeout=PATIENCE)
    guest.write_file(
        f"/home/{USER}/.config/containers/storage.conf", STORAGE.format(driver="vfs", state=USER_STATE))
    made = Podman(guest, AS_USER, state=USER_STATE)
    made.must("import", "--quiet", IMAGE_TAR, "box")
    yield made
    made.remove_all()
    assert guest.run("ls /run/user/1000/cgwarden-oci").text == ""
    guest.run("systemctl stop user@1000", timeout=PATIENCE)


def test_the_example_makes_it_the_default(podman):
    guest = podman.guest
    shown = guest.run(["podman", "info", "--format", "{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}"], check=True)
    assert shown.text == f"cgwarden-oci {RUNTIME}\n"
    done = guest.run(["podman", "run", "--rm", "--network=none", "box", "echo", "hello"], timeout=PATIENCE)
    assert done.text == "hello\n", done


def test_run_passes_status_and_errors_on(podman):
    assert podman.once("box", "sh", "-c", "exit 5").returncode == 5
    missing = podman.once("box", "no-such-command")
    assert missing.returncode == 127 and b"no-such-command: executable file not found in $PATH" in missing.stderr
    denied = podman.once("box", "/etc/passwd")
    assert denied.returncode == 126 and b"/etc/passwd is not executable" in denied.stderr
    # The pipe is conmon's, the user has to be able to open it.
    named = podman.once("--user=77", "box", "sh", "-c", "echo words > /dev/stdout; id -u")
    assert named.text == "words\n77\n", named


def test_what_a_process_is_given(podman):
    done = podman.once(
        "--init", "--cap-drop=all", "--cap-add=net_raw", "--security-opt=no-new-privileges", "--ulimit=nofile=99:100",
        "--hostname=inside", "--sysctl=net.core.somaxconn=77", "--device=/dev/fuse", "--shm-size=1m", "--read-only",
        "--tmpfs=/scratch", "--volume=podvol:/data", "--env=A=b", "--workdir=/data", "box", "sh", "-c",
        "cut -d ' ' -f 2 /proc/1/stat; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; ulimit -n; hostname; "
        "cat /proc/sys/net/core/somaxconn; stat -c %t:%T /dev/fuse; touch /x 2>/dev/null || touch /scratch/x && echo $A; "
        "pwd; echo kept > file")  # fmt: skip
    assert done.returncode == 0, done
    assert done.text.split() == [
        "(podman-init)", "CapEff:", "0000000000002000", "NoNewPrivs:", "1", "Seccomp:", "2", "99", "inside", "77", "a:e5",
        "b", "/data"]  # fmt: skip
    assert podman.once("--volume=podvol:/data:ro", "box", "cat", "/data/file").text == "kept\n"
    podman.must("volume", "rm", "podvol")
    privileged = podman.once("--privileged", "box", "sh", "-c", "readlink /dev/ptmx; grep CapEff /proc/self/status")
    assert privileged.text.startswith("pts/ptmx\nCapEff:\t000001ff"), privileged


def test_security_options(podman):
    podman.guest.write_file("/run/engines/seccomp.json", json.dumps(
        {"defaultAction": "SCMP_ACT_ALLOW",
         "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}))  # fmt: skip
    done = podman.once(
        "--security-opt=seccomp=/run/engines/seccomp.json", "--security-opt=mask=/etc/passwd",
        "--security-opt=unmask=/proc/sys", "--cgroupns=host", "--tmpfs=/scratch:size=64k,noexec", "--umask=0077",
        "--ipc=none", "--device-cgroup-rule=c 1:11 r", "--cap-add=mknod", "box", "sh", "-c",
        "mkdir /tmp/x 2>&1; cat /etc/passwd; grep -c ' /proc/sys ' /proc/self/mountinfo; grep -c ' /proc/bus ' /proc/self/mountinfo; "
        "grep -c libpod- /proc/self/cgroup; grep -c ' /scratch .*noexec.*size=64k' /proc/self/mountinfo; umask; "
        "[ -e /dev/shm ] || echo no shm; mknod /scratch/kmsg c 1 11; mknod /scratch/mem c 1 1; "
        "(: < /scratch/kmsg) && (: < /scratch/mem) 2>/dev/null || echo no mem")  # fmt: skip
    assert done.text.splitlines() == [
        "mkdir: can't create directory '/tmp/x': Operation not supported", "0", "1", "1", "1", "0077", "no shm", "no mem"], done


def test_a_container_without_a_cgroup(podman):
    podman.start("free", "--network=none", "--cgroups=disabled", "--cgroupns=host", "box", "sleep", "1000")
    inside = podman.must("exec", "free", "cat", "/proc/1/cgroup")
    assert inside.startswith("0::/") and "libpod" not in inside
    podman.must("rm", "--force", "--time=0", "free")


def test_user_namespace_and_id_mapped_volume(podman):
    podman.guest.run("mkdir -p /run/engines/shared", check=True)
    # tmpfs can be id-mapped since Linux 6.3.
    mapped = podman.guest.kernel != "6.1"
    volume = ["--volume=/run/engines/shared:/data:idmap"] if mapped else []
    done = podman.once(
        "--userns=auto", *volume, "box", "sh", "-c", "cat /proc/self/uid_map; [ ! -e /data ] || touch /data/file")
    assert done.returncode == 0, done
    inside, outside, size = done.text.split()
    assert (inside, outside) == ("0", "500000") and int(size) > 1000
    if mapped:
        assert podman.guest.run("stat -c %u /run/engines/shared/file").text == "0\n"


def live(podman, parent):
    """Every verb on one container with limits, whose cgroup is right below `parent`."""
    guest = podman.guest
    pid_file = f"{podman.state}/pid"
    podman.start("box", f"--pidfile={pid_file}", "--network=none", "--init", *LIMITS, *HEALTH, "box", *OBEDIENT)
    inside = guest.run(f"cat /proc/$(cat {pid_file})/cgroup", check=True).text.strip()
    assert re.fullmatch(f"0::{parent}/(libpod-)?[0-9a-f]{{64}}(.scope)?", inside)
    cgroup = "/sys/fs/cgroup" + inside.removeprefix("0::")

    show = "cd /sys/fs/cgroup; cat memory.max memory.swap.max cpu.max pids.max; echo $(id -u) $A; exit 9"
    done = podman("exec", "--user=77", "--env=A=b", "box", "sh", "-c", show)
    assert done.returncode == 9 and done.text == f"{64 << 20}\n0\n50000 100000\n33\n77 b\n", done
    assert podman("exec", "box", "no-such-command").returncode == 127
    assert podman("healthcheck", "run", "box").returncode == 1
    shell = guest.spawn(podman.words("exec", "-it", "--user=77", "box", "sh"), pty=(31, 97), stdin=b"")
    shell.write(b"until stty size; do sleep 0.1; done; id -u; touch /dev/shm/ok; exit 6\n")
    ended = shell.wait(PATIENCE)
    assert ended.returncode == 6 and b"31 97" in ended.stdout and b"77" in ended.stdout
    podman.must("healthcheck", "run", "box")

    podman.must("pause", "box")
    assert podman.status("box") == "paused" and "frozen 1" in guest.read_file(f"{cgroup}/cgroup.events").decode()
    podman.must("unpause", "box")
    stats = json.loads(podman.must("stats", "--no-stream", "--format=json", "box"))[0]
    assert stats["pids"] != "0" and "67.11MB" in stats["mem_usage"], stats
    podman.must("update", "--memory=96m", "--memory-swap=96m", "box")
    assert guest.read_file(f"{cgroup}/memory.max").decode() == f"{96 << 20}\n"
    # podman gives up on a process that ends while it reads /proc; here the health check's do.
    for _ in range(10):
        top = podman("top", "box", "args")
        if b"no such process" not in top.stderr:
            break
    assert top.returncode == 0 and "sleep" in top.text, top

    podman.must("stop", "box")
    assert podman.must("wait", "box") == "3\n"
    assert podman.must("logs", "box") == "up\nbye\n"
    podman.must("start", "box")
    podman.must("kill", "--signal=KILL", "box")
    assert podman.must("wait", "box") == "137\n"
    podman.must("rm", "box")


def test_the_life_of_a_container(podman):
    live(podman, "/machine.slice")


def test_the_cgroupfs_manager(podman):
    live(Podman(podman.guest, manager="cgroupfs"), "/libpod_parent")


def test_a_pod_with_a_published_port(podman):
    podman.must("pod", "create", "--name=pod", "--publish=8080:80")
    page = "mkdir /w; echo page > /w/index.html; exec httpd -f -p 80 -h /w"
    podman.start("web", "--pod=pod", "box", "sh", "-c", page)
    assert until(podman.guest, "curl -s http://127.0.0.1:8080/", "the page") == "page\n"
    assert podman("run", "--rm", "--pod=pod", "box", "wget", "-qO-", "http://127.0.0.1/").text == "page\n"
    podman.must("pod", "pause", "pod")
    assert podman.status("web") == "paused"
    podman.must("pod", "unpause", "pod")
    podman.must("pod", "stop", "--time=0", "pod")
    podman.must("pod", "rm", "pod")


def test_a_pod_of_kubernetes(podman):
    podman.guest.write_file("/run/engines/pod.yaml", KUBE)
    podman.must("kube", "play", "--network=none", "/run/engines/pod.yaml")
    until(podman.guest, podman.words("healthcheck", "run", "play-one"), "the probe")
    show = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max; echo words > /shared/file"
    assert podman.must("exec", "play-one", "sh", "-c", show) == f"{64 << 20}\n50000 100000\n"
    show = "id -u; grep -E 'CapEff|NoNew' /proc/self/status; touch /x 2>/dev/null || cat /shared/file"
    assert podman.must("exec", "play-two", "sh", "-c", show).split() == [
        "77", "CapEff:", "0000000000000000", "NoNewPrivs:", "1", "words"]  # fmt: skip
    podman.must("kube", "down", "/run/engines/pod.yaml")


def test_terminals(podman):
    command = podman.words("run", "-it", "--rm", "--network=none", "--name=tty", "box", "sh")
    shell = podman.guest.spawn(command, pty=(31, 97), stdin=b"")
    # podman sets the size after the start.
    shell.write(b"until stty size; do sleep 0.1; done; tty; echo again-$((1+1))\n")
    shell.wait_for_output(b"again-2", PATIENCE)
    assert b"31 97" in shell.stdout and b"/dev/pts/0" in shell.stdout
    second = podman.guest.spawn(podman.words("exec", "-it", "tty", "sh"), pty=(20, 40), stdin=b"")
    second.write(b"until stty size; do sleep 0.1; done; exit 6\n")
    done = second.wait(PATIENCE)
    assert done.returncode == 6 and b"20 40" in done.stdout
    shell.write(b"exit 4\n")
    assert shell.wait(PATIENCE).returncode == 4


def test_the_life_of_a_container_of_a_user(user_podman):
    live(user_podman, r"/user\.slice/user-1000\.slice/user@1000\.service/user\.slice")


def test_a_user_with_delegated_cgroups(user_podman):
    guest = user_podman.guest
    # One unit for all commands: `systemd-run --scope` around each of them takes a second.
    unit = ["systemd-run", "--user", "--quiet", "--unit=delegated", "--property=Delegate=yes", "sleep", "infinity"]
    guest.run([*AS_USER, *unit], check=True, timeout=PATIENCE)
    slice_ = "/user.slice/user-1000.slice/user@1000.service/app.slice"
    enter = ["sh", "-c", f'echo 0 > /sys/fs/cgroup{slice_}/delegated.service/cgroup.procs && exec "$@"', "sh"]
    live(Podman(guest, [*enter, *AS_USER], "cgroupfs", USER_STATE), re.escape(slice_))
    guest.run([*AS_USER, "systemctl", "--user", "stop", "delegated"], check=True, timeout=PATIENCE)


def test_a_pod_of_a_user(user_podman):
    podman = user_podman
    podman.must("pod", "create", "--name=pod", "--publish=9090:80")
    page = "echo page > /w/index.html; exec httpd -f -p 80 -h /w"
    podman.start("web", "--pod=pod", "--volume=pages:/w", "box", "sh", "-c", page)
    assert until(podman.guest, "curl -s http://127.0.0.1:9090/", "the page") == "page\n"
    beside = podman("run", "--rm", "--pod=pod", "--volume=pages:/w:ro", "box", "sh", "-c",
                    "wget -qO- http://127.0.0.1/; cat /w/index.html; touch /w/file || cat /proc/self/uid_map")  # fmt: skip
    assert beside.text.split() == ["page", "page", "0", "1000", "1", "1", "100000", "65536"], beside
    podman.must("pod", "pause", "pod")
    assert podman.status("web") == "paused"
    podman.must("pod", "unpause", "pod")
    podman.must("pod", "rm", "--force", "--time=0", "pod")
    podman.must("volume", "rm", "pages")


def test_users_of_a_user(user_podman):
    done = user_podman.once("--userns=auto:size=1000", "box", "cat", "/proc/self/uid_map")
    assert done.text.split() == ["0", "1", "1000"], done
    scope = [*AS_USER, "systemd-run", "--user", "--scope", "--quiet", "--property=Delegate=yes"]
    podman = Podman(user_podman.guest, scope, "cgroupfs", USER_STATE)
    done = podman.once("--memory=64m", "--userns=keep-id", "box", "sh", "-c", "cat /sys/fs/cgroup/memory.max; id -u")
    assert done.text == f"{64 << 20}\n1000\n", done


def test_a_rootless_container_has_its_name_on_metrics(user_podman):
    with Scenario(user_podman.guest) as scenario:
        scenario.start_agent()
        container_id = user_podman.must("run", "--detach", "--name=mine", "--network=none", "box", "sleep", "1000").strip()
        scope = f"libpod-{container_id}.scope"
        path = f"/user.slice/user-1000.slice/user@1000.service/user.slice/{scope}"
        labels = scenario.identity(path, lambda labels: "image" in labels and labels["user"] == USER)
        assert labels.pop("image").endswith("box:latest")
        assert labels == {
            "kind": "container", "unit": scope, "slice": "user.slice", "user": USER, "runtime": "podman",
            "container": "mine", "container_id": container_id}  # fmt: skip
        user_podman.must("rm", "--force", "--time=0", "mine")
        scenario.stop_agent()
