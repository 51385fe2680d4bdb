"""The harness does what the other tests rely on."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import CommandFailed, CommandTimeout, Guest, GuestLost

VM = Path(__file__).resolve().parent / "vm"


@pytest.fixture
def cgroup(guest):
    path = guest.run(["mktemp", "-d", "/sys/fs/cgroup/harness.XXXXXX"], check=True).text.strip()
    yield path
    guest.write_file(f"{path}/cgroup.kill", "1")
    guest.run(f"until rmdir {path}; do sleep 0.1; done", check=True)


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    assert condition()


# --- commands


@pytest.mark.fast
@pytest.mark.systemd
@pytest.mark.each_kernel
def test_exit_codes_pass_through(guest):
    for code in (0, 1, 77, 255):
        completed = guest.run(f"exit {code}")
        assert (completed.returncode, completed.signal) == (code, None)


@pytest.mark.fast
@pytest.mark.systemd
def test_signals_pass_through(guest):
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGPIPE):
        completed = guest.run(f"kill -{int(number)} $$")
        assert (completed.returncode, completed.signal) == (None, number)


@pytest.mark.fast
def test_stdout_and_stderr_are_separate_and_binary_safe(guest):
    data = os.urandom(1 << 20)
    completed = guest.run("tee /dev/stderr", stdin=data)
    assert hashlib.sha256(completed.stdout).digest() == hashlib.sha256(data).digest()
    assert hashlib.sha256(completed.stderr).digest() == hashlib.sha256(data).digest()


@pytest.mark.fast
def test_commands_run_concurrently(guest):
    # Each waits for what the next one does, so one at a time they would never end.
    processes = [
        guest.spawn(f"echo up; until [ -e /tmp/go.{n + 1} ]; do sleep 0.1; done; touch /tmp/go.{n}")
        for n in range(8)
    ]
    for process in processes:
        process.wait_for_output(b"up\n")
    assert all(process.running for process in processes)
    guest.write_file("/tmp/go.8", "")
    assert [process.wait().returncode for process in processes] == [0] * 8
    guest.run("rm /tmp/go.*", check=True)


@pytest.mark.fast
def test_output_of_a_running_command_and_kill(guest):
    process = guest.spawn("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.1; done")
    process.wait_for_output(b"ready\n")
    process.kill(signal.SIGTERM)
    completed = process.wait()
    assert (completed.returncode, completed.stdout) == (3, b"ready\nbye\n")


@pytest.mark.fast
def test_a_descendant_holding_the_pipe_does_not_delay_the_exit(guest):
    holder = guest.spawn("mkfifo /tmp/hold; (read line </tmp/hold; echo $line) & exit 4")
    assert holder.wait().returncode == 4
    assert holder.stdout == b""
    guest.run("echo late >/tmp/hold; rm /tmp/hold", check=True)
    wait_until(lambda: holder.stdout == b"late\n")


@pytest.mark.fast
def test_environment_and_working_directory(guest):
    completed = guest.run('echo "$PWD:$NAME"', env={"NAME": "ünï=1"}, cwd="/usr/bin")
    assert completed.text == "/usr/bin:ünï=1\n"


@pytest.mark.fast
def test_a_command_gets_a_terminal(guest):
    process = guest.spawn("tty && stty size", pty=(33, 77))
    assert process.wait().text == "/dev/pts/0\r\n33 77\r\n"


@pytest.mark.fast
def test_what_cannot_be_run_says_why(guest):
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        guest.run(["/no-such-program"])
    with pytest.raises(PermissionError):
        guest.run(["/etc/hosts"])
    with pytest.raises(CommandFailed, match="exit code 9.*oops"):
        guest.run("echo oops >&2; exit 9", check=True)


@pytest.mark.fast
def test_a_timeout_kills_the_command_and_its_children(guest):
    with pytest.raises(CommandTimeout, match="longer than 1 s"):
        guest.run("sleep 98765 & wait", timeout=1)
    assert guest.run("pgrep -f 'sleep 98765' -x").returncode == 1


# --- files


@pytest.mark.fast
def test_files_pass_both_ways(guest):
    data = os.urandom(3 << 20)
    guest.write_file("/tmp/binary", data, mode=0o600)
    assert guest.read_file("/tmp/binary") == data
    assert guest.run(["stat", "-c", "%a", "/tmp/binary"]).text == "600\n"
    guest.run(["rm", "/tmp/binary"], check=True)
    with pytest.raises(FileNotFoundError):
        guest.read_file("/tmp/binary")


@pytest.mark.fast
@pytest.mark.each_kernel
def test_the_errno_of_a_control_file_comes_back(guest, cgroup):
    guest.write_file(f"{cgroup}/pids.max", "7")
    assert guest.read_file(f"{cgroup}/pids.max") == b"7\n"
    with pytest.raises(OSError, match="Invalid argument"):
        guest.write_file(f"{cgroup}/pids.max", "-3")


@pytest.mark.fast
@pytest.mark.systemd
@pytest.mark.each_kernel
def test_the_source_tree_is_there_and_cannot_be_changed(guest):
    here = Path(__file__).resolve()
    assert guest.read_file(here) == here.read_bytes()
    attempt = here.parent / "written-by-a-guest"
    remount = f"mount -o remount,rw $(stat -c %m {here}); touch {attempt}"
    assert guest.run(remount).returncode != 0
    assert not attempt.exists()


# --- the kernel


@pytest.mark.fast
@pytest.mark.systemd
@pytest.mark.each_kernel
def test_the_kernel_is_the_one_asked_for(guest):
    release = guest.run(["uname", "-r"], check=True).text.strip()
    assert release == guest.release
    assert release.startswith(f"{guest.kernel}.")


@pytest.mark.fast
@pytest.mark.systemd
@pytest.mark.each_kernel
def test_cgroup2_has_all_controllers(guest):
    controllers = set(guest.read_file("/sys/fs/cgroup/cgroup.controllers").split())
    assert controllers >= {b"cpuset", b"cpu", b"io", b"memory", b"pids", b"hugetlb", b"misc"}
    mount = guest.run("grep ' /sys/fs/cgroup ' /proc/self/mounts", check=True).text
    assert mount.split()[2] == "cgroup2"
    assert {"memory_recursiveprot", "nsdelegate"} <= set(mount.split()[3].split(","))


@pytest.mark.fast
@pytest.mark.each_kernel
def test_all_controllers_are_enabled_below_the_root(guest):
    enabled = guest.read_file("/sys/fs/cgroup/cgroup.subtree_control")
    assert enabled == guest.read_file("/sys/fs/cgroup/cgroup.controllers")


@pytest.mark.fast
@pytest.mark.systemd
@pytest.mark.each_kernel
def test_psi_is_on(guest):
    for resource in ("cpu", "memory", "io"):
        assert guest.read_file(f"/proc/pressure/{resource}").startswith(b"some avg10=")
    assert guest.read_file("/sys/fs/cgroup/system.slice/cpu.pressure" if guest.mode == "systemd"
                           else "/sys/fs/cgroup/cpu.pressure")  # fmt: skip


@pytest.mark.fast
@pytest.mark.systemd
@pytest.mark.each_kernel
def test_memory_max_makes_the_kernel_kill(guest, cgroup):
    if guest.mode == "systemd":
        guest.write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory")
    guest.write_file(f"{cgroup}/memory.max", str(16 << 20))
    eat = ["busybox", "dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"]
    assert guest.run(eat, cgroup=cgroup).signal == signal.SIGKILL
    events = dict(line.split() for line in guest.read_file(f"{cgroup}/memory.events").splitlines())
    assert events[b"oom_kill"] == b"1"
    kills = [line for line in guest.dmesg().splitlines() if b"Killed process" in line]
    assert b"(busybox)" in kills[-1]


@pytest.mark.fast
@pytest.mark.systemd
@pytest.mark.each_kernel
def test_loopback_is_up(guest):
    assert b"LOOPBACK,UP" in guest.run(["ip", "link", "show", "lo"], check=True).stdout


@pytest.mark.fast
@pytest.mark.each_kernel
def test_modules_can_be_loaded(guest):
    guest.run(["modprobe", "veth"], check=True)
    assert b"veth" in guest.read_file("/proc/modules")


# --- systemd


@pytest.mark.systemd
@pytest.mark.each_kernel
def test_systemd_is_pid_1_and_all_units_are_well(guest):
    assert guest.read_file("/proc/1/comm") == b"systemd\n"
    state = guest.run(["systemctl", "is-system-running", "--wait"]).text.strip()
    failed = guest.run(["systemctl", "list-units", "--failed", "--plain", "--no-legend"]).text
    assert (state, failed) == ("running", "")


@pytest.mark.systemd
@pytest.mark.each_kernel
def test_the_bus_answers(guest):
    command = ["busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
               "org.freedesktop.DBus.Peer", "GetMachineId"]  # fmt: skip
    assert guest.run(command, check=True).text.startswith('s "')


@pytest.mark.systemd
@pytest.mark.each_kernel
def test_a_transient_unit_runs(guest):
    completed = guest.run(["systemd-run", "--wait", "--pipe", "cat", "/proc/self/cgroup"])
    assert completed.returncode == 0, completed
    assert completed.text.startswith("0::/system.slice/run-")


# --- machines


def children_of(pid):
    """All descendants, as {pid: command line}."""
    found = {}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found[int(child)] = Path(f"/proc/{child}/cmdline").read_bytes()
            found.update(children_of(int(child)))
    return found


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.fast
def test_a_second_machine_runs_beside_and_its_panic_is_told(guest, mounts_at_start):
    before = set(children_of(os.getpid()))
    with Guest.boot(guest.kernel, "fast") as other:
        own = set(children_of(os.getpid())) - before
        assert own
        other.write_file("/tmp/only-here", "")
        assert guest.run(["ls", "/tmp/only-here"]).returncode != 0
        with pytest.raises(GuestLost, match="Kernel panic - not syncing: sysrq triggered crash"):
            other.run("echo c > /proc/sysrq-trigger; sleep 100")
        assert not other.alive
        with pytest.raises(GuestLost, match="Kernel panic"):
            other.run(["true"])
    assert not [pid for pid in own if is_running(pid)]
    assert Path("/proc/self/mountinfo").read_bytes() == mounts_at_start


@pytest.mark.fast
def test_the_command_line_passes_output_and_exit_code(guest):
    script = "echo out; echo err >&2; kill -9 $$"
    completed = subprocess.run(
        [VM, "run", "--kernel", guest.kernel, "--deterministic", "--", "sh", "-c", script],
        capture_output=True,
        timeout=300,
    )
    assert completed.stdout == b"out\n"
    assert completed.stderr.splitlines()[-1] == b"err"
    assert completed.returncode == 128 + signal.SIGKILL


@pytest.mark.fast
def test_a_killed_harness_leaves_nothing_running(guest, mounts_at_start):
    with subprocess.Popen(
        [VM, "run", "--kernel", guest.kernel, "--", "sh", "-c", "echo up; sleep 1000"],
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
    ) as harness:
        assert harness.stdout.readline() == b"up\n"
        started = children_of(harness.pid)
        assert any(b"qemu-system" in command for command in started.values())
        assert any(b"virtiofsd" in command for command in started.values())
        harness.kill()
    wait_until(lambda: not any(is_running(pid) for pid in started))
    assert Path("/proc/self/mountinfo").read_bytes() == mounts_at_start


@pytest.mark.fast
def test_a_hanging_machine_is_told_and_not_waited_for(guest, monkeypatch):
    monkeypatch.setattr("harness.guest.ANSWER_TIMEOUT", 2.0)
    before = set(children_of(os.getpid()))
    with Guest.boot(guest.kernel, "fast") as other:
        process = other.spawn(["sleep", "1000"])
        own = {pid: cmd for pid, cmd in children_of(os.getpid()).items() if pid not in before}
        (qemu,) = [pid for pid, cmd in own.items() if b"qemu-system" in cmd]
        os.kill(qemu, signal.SIGSTOP)
        with pytest.raises(GuestLost, match="hangs: .* on SIGKILL for 2 s"):
            process.wait(timeout=1)
        assert not other.alive
    assert not is_running(qemu)
