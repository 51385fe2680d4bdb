"""Runs the scenarios in one guest with one agent, a workload each, many at once."""

import contextlib
import dataclasses
import json
import re
import shlex
import time

from agent_scenario import BUILD

from harness import CommandTimeout

from matrix import peers
from matrix.case import Case

ROOT = "/sys/fs/cgroup"
AWAIT_KILL = "until [ $(sed -n 's/^oom_kill //p' {payload}/memory.events) -ge 1 ]; do sleep 0.1; done"
# Emulation on a machine that is five times slower has minutes for what takes seconds.
DEADLINE = 400
TICKS = "cgwarden_agent_tick_duration_seconds_count"


@dataclasses.dataclass
class Found:
    """What is known of one scenario after it: our answer, and what the others' rules look at."""

    case: Case
    cgroup: str
    main_pid: int = -1
    pids: set = dataclasses.field(default_factory=set)
    verdict: dict | None = None
    text: str = ""
    events: dict | None = None
    killed_pids: set = dataclasses.field(default_factory=set)
    kubelet_events: list = dataclasses.field(default_factory=list)

    def faults(self):
        """Each thing that is not as it must be."""
        if self.verdict is None:
            return [f"no verdict: {self.text}"]
        case, verdict = self.case, self.verdict
        found = []
        if verdict["class"] != case.expected or verdict["death"] == case.lives:
            found.append(f"{verdict['class']} where it is {case.expected}")
        if verdict["confidence"] not in case.confidence:
            found.append(f"{verdict['confidence']} where it is {' or '.join(case.confidence)}")
        if verdict["subject"] != case.subject:
            found.append(f"of {verdict['subject']}, not {case.subject}")
        if case.limit:
            cgroup, file = (self.expand(part) for part in case.limit)
            limit = verdict["limit"] or {}
            if (limit.get("cgroup"), limit.get("file")) != (cgroup, file):
                found.append(f"limit {limit}, not {file} of {cgroup}")
        found += [f"does not say {words!r}" for words in map(self.expand, case.says) if words not in self.text]
        found += [f"says {words!r}" for words in map(self.expand, case.never) if words in self.text]
        return found

    def expand(self, words):
        return words.replace("{payload}", self.cgroup).replace("{scope}", self.cgroup.removesuffix("/payload"))


class Run:
    def __init__(self, scenario):
        self.scenario = scenario
        self.guest = scenario.guest
        self.found = {}
        self.records = {}  # of the kernel log, by sequence number
        self.gates = f"{scenario.rootfs}/tmp"
        self.guest.run(
            f"cp {BUILD}/tests/deed {scenario.rootfs}/bin/deed && cd {self.gates} && echo text > plain && "
            "printf '#!/no/such/interpreter\\n' > script && printf 'no program' > garbage && chmod +x script garbage && "
            "cp /bin/ls dynamic && mkfifo pipe.fifo && ln -s loop loop && touch empty && chmod +x empty && "
            "mkdir -p /run/matrix/tiny /run/matrix/data && mount -t tmpfs -o size=1m none /run/matrix/tiny && "
            "mount -t tmpfs none /run/matrix/data && echo on > /proc/sys/kernel/printk_devkmsg && "
            "mkdir -p /dev/pts && { mountpoint -q /dev/pts || mount -t devpts none /dev/pts; } && "
            "modprobe zram && echo 64M > /sys/block/zram0/disksize && mkswap /dev/zram0 && swapon /dev/zram0",
            check=True,
        )

    def close(self):
        self.guest.run("swapoff /dev/zram0; umount /run/matrix/tiny /run/matrix/data; rmdir /sys/fs/cgroup/elsewhere*; "
                       f"find {ROOT}/system.slice {ROOT}/machine.slice {ROOT}/kubepods.slice -depth -type d -exec rmdir {{}} +")

    # --- one batch

    def batch(self, cases, around=None):
        """`around(do, cases)` has them done; else they are done as they are."""
        processes = [self.start(case) for case in cases]
        for case in cases:
            self.found[case.name] = Found(case, self.cgroup(case))
        self.wait_known([case for case in cases if case.foreign or case.lives])
        deeds = "".join(f"( {self.script(case)} ) &\n" for case in cases if case.deed)

        def do():
            # A deed that hangs costs its own verdict only.
            with contextlib.suppress(CommandTimeout):
                self.guest.run(deeds + "wait", timeout=DEADLINE)

        around(do, cases) if around else do()
        waiting = list(cases)
        end = time.monotonic() + DEADLINE
        while waiting and time.monotonic() < end:
            log = self.scenario.log()
            waiting = [case for case in waiting if not self.told(case, log)]
            time.sleep(0.2)
        self.collect(cases)
        self.clean(cases, processes)

    def start(self, case):
        if not case.foreign:
            command = [word.replace("GATE", f"/tmp/{case.name}.go") for word in case.command]
            self.scenario.add_workload(case.name, command, resources=case.resources, extra=case.extra)
            return None
        above, steps = ROOT, []
        for part in case.foreign.split("/")[1:]:
            steps.append(f"echo '+memory +pids +cpu +hugetlb' > {above}/cgroup.subtree_control")
            above = f"{above}/{part}"
            steps.append(f"mkdir -p {shlex.quote(above)}")
        self.guest.run(" && ".join(steps), check=True)
        for file, value in case.limits:
            self.guest.write_file(f"{ROOT}{case.foreign}/{file}", value)
        if case.within:
            self.guest.run(f"mkdir {shlex.quote(f'{ROOT}{case.foreign}/{case.within}')}", check=True)
        deed = f"{self.scenario.rootfs}/bin/deed"
        words = [word.replace("GATE", self.gate(case)).replace("deed after", f"{deed} after") for word in case.command]
        words[0] = deed if words[0] == "/bin/deed" else words[0]
        return self.guest.spawn(words, cgroup="/".join(filter(None, (ROOT + case.foreign, case.within))))

    def gate(self, case):
        return f"{self.gates}/{case.name}.go"

    def cgroup(self, case):
        return case.foreign or f"{self.scenario.payload(case.name)}".removeprefix(ROOT)

    def script(self, case):
        """Its deed, with the names that it uses filled in."""
        payload = ROOT + self.cgroup(case)
        if case.foreign:
            inside = "/".join(filter(None, (payload, case.within)))
            pid = init = int(self.guest.run(["head", "-1", f"{inside}/cgroup.procs"], check=True).text)
        else:
            status = self.scenario.wait_running(case.name)
            pid, init = status["main_pid"], status["pid"]
        self.found[case.name].main_pid = pid
        known = {
            "pid": str(pid), "init": str(init), "payload": shlex.quote(payload),
            "scope": shlex.quote(payload.removesuffix("/payload")), "gate": shlex.quote(self.gate(case)), "name": case.name,
            "tmp": self.gates, "workloads": f"{ROOT}/cgwarden.slice", "deed": f"{self.scenario.rootfs}/bin/deed",
        }
        return case.deed.replace("{await_kill}", AWAIT_KILL).format(**known)

    def wait_known(self, cases):
        """Units are the agent's business from the tick on that finds their main process, and stalls begin after a sample."""
        if not cases:
            return

        def known():
            listed = self.scenario.identities()
            return all(self.cgroup(case).replace("\\", "\\\\") in listed for case in cases)

        self.scenario.until(known, "the cgroups to be known", DEADLINE)
        ticks = self.scenario.metrics()[TICKS]
        self.scenario.until(lambda: self.scenario.metrics()[TICKS] >= ticks + 2, "two more ticks")

    def wait_recorded(self, cases):
        """Their shims have written how they ended."""
        def recorded(case):
            return not self.scenario.gone(f"{self.scenario.work}/run/workloads/{case.name}/exit.json")

        self.scenario.until(lambda: all(map(recorded, cases)), "the shims' records", DEADLINE)

    def told(self, case, log):
        if case.foreign and case.lives:
            return re.search(rf'foreign_stalled name="?\S*{re.escape(self.subject(case))}"? verdict={case.expected} ', log)
        if case.foreign:
            names = re.findall(r'(?:unit_died unit|container_died container)="?([^ "]*)', log)
            return [name.replace("\\\\", "\\") for name in names].count(self.subject(case)) >= case.incarnation
        if case.lives:
            return f"workload_stalled workload={case.name} verdict={case.expected} " in log
        return f"workload_died workload={case.name} incarnation={case.incarnation} " in log

    def subject(self, case):
        if not case.foreign:
            return case.name
        leaf = case.foreign.rpartition("/")[2]
        container = re.search("[0-9a-f]{64}", leaf)
        return container[0][:12] if container else leaf

    # --- what is known afterwards

    def collect(self, cases):
        mark = "=-=-="
        why = " ".join(map(shlex.quote, map(str, self.scenario.command("why"))))
        script = "".join(
            f"echo {mark}; {why} {shlex.quote(self.subject(case))} --json; echo {mark}; {why} {shlex.quote(self.subject(case))}; "
            for case in cases)
        answers = self.guest.run(f"exec 2>&1; {script}", timeout=DEADLINE).text.split(f"{mark}\n")[1:]
        for case, document, text in zip(cases, answers[::2], answers[1::2], strict=True):
            found = self.found[case.name]
            found.text = text.partition("\nBefore that\n")[0]
            try:
                found.verdict = json.loads(document)["verdict"]
            except ValueError:
                found.text = document + text
            self.collect_for_peers(case, found)
        # A log that is written without end is never read to its end.
        for case in cases:
            if case.floods:
                self.guest.run(f"echo 1 > {shlex.quote(ROOT + self.cgroup(case))}/cgroup.kill", check=True)
        self.read_log()
        texts = [text for _, text in sorted(self.records.items())]
        for case in cases:
            found = self.found[case.name]
            found.killed_pids, found.kubelet_events = peers.killed_pids(texts), peers.kubelet_events(texts)

    def collect_for_peers(self, case, found):
        file = f"{ROOT}{found.cgroup}/memory.events"
        try:
            if case.lives or case.foreign:
                text = self.guest.read_file(file).decode()
            else:
                record = self.scenario.state_file(case.name, "exit.json")
                found.main_pid = record["main_pid"]
                text = record["cgroups"][0]["after"]["memory.events"]
            found.events = {key: int(value) for key, value in map(str.split, text.splitlines())}
        except (OSError, KeyError, IndexError):
            found.events = None
        victim = (found.verdict or {}).get("victim") or {}
        found.pids = {found.main_pid, victim.get("pid", found.main_pid)}

    def read_log(self):
        for line in self.guest.dmesg().decode(errors="replace").splitlines():
            head, _, text = line.partition(";")
            fields = head.split(",")
            if len(fields) >= 4 and fields[1].isdigit():
                self.records[int(fields[1])] = re.sub(r"\\x([0-9a-f]{2})", lambda hit: chr(int(hit[1], 16)), text)

    def clean(self, cases, processes):
        for case, process in zip(cases, processes, strict=True):
            group = ROOT + (case.foreign or f"/cgwarden.slice/{case.name}.scope")
            self.guest.run(
                f"cd {shlex.quote(group)} 2>/dev/null && {{ echo 1 > cgroup.kill; echo 0 > cgroup.freeze; }}; "
                f"rm -f {shlex.quote(f'{self.scenario.work}/workloads/{case.name}.yaml')}; rm -f /run/matrix/data/*")
            if process is not None:
                process.wait(60)

    # --- around the deeds

    def with_flood(self, do, cases):
        """The agent stands still until the log has lost what it had to tell."""
        self.scenario.agent.kill(19)
        try:
            do()
            self.wait_recorded(cases)
            self.read_log()
            self.guest.run(
                "line=$(printf '%0200d' 0); i=0; "
                'while [ $i -lt 3000 ]; do i=$((i+1)); echo "flood $line" > /dev/kmsg; done', timeout=DEADLINE)
        finally:
            self.scenario.agent.kill(18)

    def with_crash(self, do, cases):
        """The agent is killed in the middle: it has seen nothing of what was done."""
        self.scenario.agent.kill(19)
        do()
        self.wait_recorded(cases)
        self.scenario.kill_agent()
        self.scenario.start_agent()

    def with_sysrq(self, do, cases):
        """It ends the agent too, and the shell that asked for it."""
        do()
        self.scenario.agent.wait(DEADLINE)
        self.wait_recorded(cases)
        self.scenario.start_agent()

    def without_agent(self, do, cases):
        self.scenario.kill_agent()
        do()
        self.wait_recorded(cases)
        self.scenario.start_agent()
