"""An agent running in the guest, with directories of its own, for the tests of what it does."""

import json
import os
import re
import shlex
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CGWARDEN_BUILD_DIR", ROOT / "build" / "release"))
CGWARDEN = BUILD / "cli" / "cgwarden"
SLICE = "/sys/fs/cgroup/cgwarden.slice"
PORT = 9753


def workload(name, command, rootfs, *, resources="", extra=""):
    """The text of a Workload document; `command` is a list."""
    text = (
        "apiVersion: cgwarden/v1\nkind: Workload\n"
        f"metadata: {{name: {name}}}\ncommand: {json.dumps(command)}\nrootfs: {rootfs}\n{extra}"
    )
    if resources:
        text += f"resources: {resources}\n"
    return text


class Scenario:
    """Directories, a root file system with busybox and the example programs, and the agent."""

    def __init__(self, guest, bus=False):
        self.guest = guest
        self.bus = bus
        self.work = guest.run("mktemp -d /run/cgw.XXXXXX", check=True).text.strip()
        self.rootfs = f"{self.work}/rootfs"
        self.agent = None
        programs = " ".join(shlex.quote(f"{BUILD}/examples/{name}") for name in ("bursty_server", "leaker", "steady"))
        guest.run(
            f"cd {self.work} && mkdir -p policies workloads run state rootfs/bin rootfs/tmp && "
            f"cp /bin/busybox {programs} rootfs/bin/ && ln -s busybox rootfs/bin/sh && "
            "ln -s busybox rootfs/bin/sleep",
            check=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.agent is not None and self.agent.running:
            self.agent.kill()
            self.agent.wait(120)
        # Every workload, whether its agent lives or not.
        self.guest.run(
            f"for s in {SLICE}/*.scope; do [ -e $s/payload/cgroup.kill ] && echo 1 > $s/payload/cgroup.kill; done; "
            f"for i in 1 2 3 4 5 6 7 8 9 10; do find {SLICE} -depth -mindepth 1 -type d -exec rmdir {{}} + 2>/dev/null; "
            f"[ -z \"$(find {SLICE} -mindepth 1 -type d 2>/dev/null)\" ] && break; sleep 0.3; done; "
            f"[ -d /run/systemd/system ] || rmdir {SLICE} 2>/dev/null; "
            f"rm -rf {self.work} {self.work}.yaml",
            timeout=180,
        )

    # --- the agent

    def agent_command(self, *extra, listen=f"127.0.0.1:{PORT}"):
        """`listen` None: what a configuration file says."""
        command = [
            CGWARDEN, "agent",
            "--policy-dir", f"{self.work}/policies",
            "--workload-dir", f"{self.work}/workloads",
            "--state-dir", f"{self.work}/state",
            "--runtime-dir", f"{self.work}/run",
            *extra,
        ]
        if listen is not None:
            command += ["--listen", listen]
        if not self.bus and "--bus" not in extra:
            command += ["--bus", "off"]
        return command

    def start_agent(self, *extra, **how):
        self.agent = self.guest.spawn(self.agent_command(*extra, **how))
        self.until(lambda: b"agent_started" in self.agent.stderr or not self.agent.running,
                   "the agent to start")
        assert self.agent.running, self.agent.stderr.decode()
        return self.agent

    def kill_agent(self):
        self.agent.kill(9)
        self.agent.wait(120)

    def stop_agent(self):
        self.agent.kill(15)
        ended = self.agent.wait(120)
        assert ended.returncode == 0, ended
        return ended

    def log(self):
        return self.agent.stderr.decode()

    def until(self, condition, what, timeout=180):
        """`timeout` is patience with an emulated machine that is not alone, and no bound on the agent."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.1)
        log = self.log() if self.agent else ""
        raise AssertionError(f"waited {timeout} s for {what}\nagent's log:\n{log}")

    # --- commands

    def command(self, *words):
        return [CGWARDEN, "--runtime-dir", f"{self.work}/run", "--state-dir", f"{self.work}/state", *words]

    def cli(self, *words, check=False, timeout=180):
        return self.guest.run(self.command(*words), check=check, timeout=timeout)

    def why(self, name):
        """The verdict of `why --json`, and the text of `why`."""
        answer = self.cli("why", name, "--json")
        assert answer.returncode in (0, 4), answer
        return json.loads(answer.stdout)["verdict"], self.cli("why", name).text

    # --- workloads

    def add_workload(self, name, command, *, resources="", extra=""):
        """Through the workload directory: the way that needs no bus."""
        self.guest.write_file(
            f"{self.work}/workloads/{name}.yaml",
            workload(name, command, self.rootfs, resources=resources, extra=extra),
        )

    def status(self, name):
        try:
            return json.loads(self.guest.read_file(f"{self.work}/run/workloads/{name}/status.json"))
        except OSError:
            return None

    def wait_running(self, name, incarnation=1):
        def running():
            status = self.status(name)
            return status if status and status["incarnation"] >= incarnation else None

        return self.until(running, f"{name} to run")

    def wait_died(self, name, incarnation=1):
        token = f"workload_died workload={name} incarnation={incarnation} "
        self.until(lambda: token in self.log(), f"{name} to die")

    def state_file(self, name, file):
        """A JSON file of the workload's state as a value."""
        return json.loads(self.guest.read_file(f"{self.work}/run/workloads/{name}/{file}"))

    def change_state(self, name, file, **members):
        """What a crash or another time would have left there; only while no agent runs."""
        state = self.state_file(name, file) | members
        self.guest.write_file(f"{self.work}/run/workloads/{name}/{file}", json.dumps(state))

    def processes(self, pattern):
        """Pids of the processes whose command line matches."""
        return self.guest.run(["pgrep", "-f", pattern]).text.split()

    def gone(self, path):
        return self.guest.run(["test", "-e", path]).returncode != 0

    def payload(self, name):
        return f"{SLICE}/{name}.scope/payload"

    def read_control(self, name, file):
        return self.guest.read_file(f"{self.payload(name)}/{file}").decode().strip()

    def read_control_or_none(self, name, file):
        try:
            return self.read_control(name, file)
        except OSError:
            return None

    def metrics(self):
        """The exposition as {series text: value}."""
        text = self.guest.run(["curl", "-sf", f"http://127.0.0.1:{PORT}/metrics"], check=True).text
        series = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.rpartition(" ")
                series[key] = float(value)
        return series

    def ticks(self, metrics=None):
        """How many the agent has done: what a test waits for instead of seconds, which are short on a slow machine."""
        return (metrics or self.metrics())["cgwarden_agent_tick_duration_seconds_count"]

    def settled(self, state, what, timeout=600):
        """The value of state() once it is the same before and after three ticks: nothing is under way any more."""

        def same():
            before, ticks = state(), self.ticks()
            self.until(lambda: self.ticks() >= ticks + 3, "three ticks", timeout)
            return before if state() == before else None

        return self.until(same, f"{what} to settle", timeout)

    def last_shown(self, state, what, timeout=600):
        """All that state(metrics) was in one scrape after the other, up to its end: until it is empty again."""
        shown = []

        def ended():
            now = state(self.metrics())
            if now:
                shown.append(now)
            return shown and not now

        self.until(ended, f"the end of {what}", timeout)
        return shown

    def identities(self):
        """cgroup path -> labels of cgwarden_cgroup_info, without those that say which cgroup it is."""
        found = {}
        for series in self.metrics():
            if series.startswith("cgwarden_cgroup_info{"):
                labels = dict(re.findall(r'(\w+)="([^"]*)"', series))
                assert int(labels.pop("inode")) > 0
                found[labels.pop("cgroup")] = labels
        return found

    def identity(self, path, complete=lambda labels: True):
        """Those of one cgroup, once they are complete: names come a tick or more after the path."""

        def shown():
            labels = self.identities().get(path)
            return labels if labels and complete(labels) else None

        return self.until(shown, f"the identity of {path}")
