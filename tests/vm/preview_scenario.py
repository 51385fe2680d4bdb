"""What the previews of the dashboards show: workloads that are throttled, leak, stall, fail and behave."""

import json
import time

import foreign_cgroups
from agent_scenario import PORT, Scenario
from prometheus_in_guest import configuration, expressions, running_prometheus

from harness import HarnessError
from harness.progress import step

# Seconds between two scrapes, and two points. Emulation is slow: a scrape that takes longer is a gap in every panel.
STEP = 4
WARM_UP = 40  # seconds left out at the beginning
# Grafana's $__rate_interval is four scrapes at least.
INTERVALS = expressions.Intervals(rate=f"{4 * STEP}s", interval=f"{STEP}s", range="5m")
PAYLOADS = "/cgwarden.slice/.+/payload"
# What somebody would choose in the dashboard's variables; the others stay at All.
CHOSEN = {
    "cgwarden-cgroup": {"cgroup": "/cgwarden.slice/search.scope/payload", "workload": "search"},
    "cgwarden-throttling": {"cgroup": f"{PAYLOADS}|/backup"},
    "cgwarden-memory": {"cgroup": f"{PAYLOADS}|/cgwarden.slice/leaker.scope"},
    "cgwarden-policy": {"cgroup": f"{PAYLOADS}|/backup"},
}
RESTART = "restart: {policy: on-failure, backoff: 10s, backoffMax: 20s}\n"
HEALTH = "health: {exec: [/bin/busybox, 'true'], interval: 3s, timeout: 5s}\n"
FILL = (
    "while :; do /bin/busybox dd if=/dev/zero of=/tmp/fill bs=256k count=72; sleep 5; "
    "/bin/busybox rm /tmp/fill; sleep 10; done"
)
SEARCH = (
    "cd /usr/lib/x86_64-linux-gnu; while :; do for f in lib[c-g]*.so.*; do "
    "cat $f >/dev/null; dd if=$f of=/dev/null bs=64k iflag=direct; done; sleep 2; done"
)
WORKLOADS = (
    ("steady", ["/bin/steady"], "{memory: {max: 64MiB, swap.max: 0}, pids: {max: 16}}", HEALTH),
    (
        "server",
        ["/bin/bursty_server"],
        "{cpu: {max: 20ms/100ms, burst: 10ms}, memory: {high: 96MiB, max: 128MiB, swap.max: 0}, pids: {max: 64}}",
        HEALTH,
    ),
    (
        "batch",
        ["/bin/sh", "-c", "while :; do /bin/busybox timeout 4 sh -c 'while :; do :; done'; sleep 3; done"],
        "{cpu: {max: 50ms/100ms, weight: 50}, memory: {max: 32MiB, swap.max: 0}, pids: {max: 32}}",
        "",
    ),
    # Reads more files from the guest's disk than memory.high lets it keep.
    (
        "search",
        ["/bin/sh", "-c", SEARCH],
        "{cpu: {max: 40ms/100ms}, memory: {low: 4MiB, high: 12MiB, max: 64MiB, swap.max: 0}, pids: {max: 16}}",
        "mounts: [{source: /usr, destination: /usr, readonly: true}]\n",
    ),
    ("leaker", ["/bin/leaker"], "{memory: {max: 48MiB, swap.max: 0}, pids: {max: 16}}", RESTART),
    (
        "cache",
        ["/bin/sh", "-c", FILL],
        "{memory: {low: 4MiB, high: 16MiB, max: 64MiB, swap.max: 0}, pids: {max: 16}}",
        "",
    ),
    (
        "flaky",
        ["/bin/sh", "-c", "sleep 12; exit 3"],
        "{memory: {max: 16MiB, swap.max: 0}, pids: {max: 8}}",
        RESTART,
    ),
)
POLICY = """\
apiVersion: cgwarden/v1
kind: Policy
metadata: {name: backups}
match: {cgroups: /backup}
cpu: {weight: 20, max: 400m}
memory: {high: 64MiB, max: 96MiB}
pids: {max: 32}
---
apiVersion: cgwarden/v1
kind: Policy
metadata: {name: tryout}
match: {cgroups: [/backup, "/cgwarden.slice/*.scope/payload"]}
mode: plan
memory: {high: 48MiB}
"""
# Reads the guest's own disk, in a cgroup of somebody else.
BACKUP = "while :; do dd if=/dev/vda of=/dev/null bs=64k count=40 iflag=direct; sleep 1; done 2>/dev/null"
# A unit that is throttled, and a container of a pod that is killed at its limit again and again.
UNIT = ("while :; do :; done", {"cpu.max": "10000 100000"})
CONTAINER = ("while :; do sleep 25; tail /dev/zero; done", {"memory.max": "24M", "memory.swap.max": "0", "memory.oom.group": "1"})
DRIFT = "echo 20 > /sys/fs/cgroup/backup/pids.max"


def capture(guest, seconds):
    """The answers of a Prometheus after `seconds` of all this, by dashboard."""
    text = configuration(PORT, STEP)
    with Scenario(guest) as scenario, running_prometheus(scenario, text) as prometheus:
        guest.run(["mkdir", "/sys/fs/cgroup/backup", f"{scenario.rootfs}/usr"], check=True)
        guest.run(f"cd {scenario.rootfs} && ln -s usr/lib lib && ln -s usr/lib64 lib64", check=True)
        scenario.start_agent()
        for name, command, resources, extra in WORKLOADS:
            scenario.add_workload(name, command, resources=resources, extra=extra)
        backup = guest.spawn(BACKUP, cgroup="/sys/fs/cgroup/backup")
        try:
            with foreign_cgroups.running(guest, UNIT, CONTAINER) as container_again:
                play(scenario, seconds, container_again)
                end = float(prometheus.query("time()")[1])
        finally:
            guest.run("echo 1 > /sys/fs/cgroup/backup/cgroup.kill", check=True)
            backup.wait(30)
        # Prometheus has the processors for the answers.
        scenario.kill_agent()
        guest.run("echo 1 > /sys/fs/cgroup/cgwarden.slice/cgroup.kill", check=True)
        return ask(prometheus, seconds, end)


def play(scenario, seconds, container_again):
    begun = time.monotonic()
    events = [
        (0.2, "a policy", lambda: scenario.guest.write_file(f"{scenario.work}/policies/backups.yaml", POLICY)),
        (0.4, "a container again", container_again),
        (0.5, "drift", lambda: scenario.guest.run(DRIFT, check=True)),
        (0.6, "a container again", container_again),
        (0.7, "drift", lambda: scenario.guest.run(DRIFT, check=True)),
        (0.8, "a container again", container_again),
        (1.0, "the end", lambda: None),
    ]
    for share, what, action in events:
        time.sleep(max(0.0, begun + share * seconds - time.monotonic()))
        step(what)
        action()


def ask(prometheus, seconds, end):
    span = {"start": end - seconds + WARM_UP, "end": end, "step": STEP}
    found = {}
    for path in expressions.dashboard_files():
        dashboard = expressions.load_dashboard(path)
        chosen = CHOSEN.get(path.stem, {})

        def fill(text, dashboard=dashboard, chosen=chosen):
            return expressions.substitute(text, dashboard, INTERVALS, chosen)

        step(path.stem)
        ranges, instants = [], []
        for panel in expressions.flat_panels(dashboard):
            for target in panel["targets"]:
                asked = (instants if target["instant"] else ranges, f"{panel['id']}{target['refId']}")
                asked[0].append((asked[1], fill(target["expr"])))
        marks = [f"annotations{i}" for i, _ in enumerate(dashboard["annotations"]["list"])]
        ranges += [(key, fill(a["expr"])) for key, a in zip(marks, dashboard["annotations"]["list"])]
        answers = prometheus.api_many("query_range", [{"query": q, **span} for _, q in ranges])
        answers += prometheus.api_many("query", [{"query": q, "time": end} for _, q in instants])
        keys = [key for key, _ in ranges + instants]
        answered = {key: answer["result"] for key, answer in zip(keys, answers)}
        answered["annotations"] = [series for key in marks for series in answered.pop(key)]
        # Scrapes that all took too long must not become pictures of nothing.
        if not any(answered.values()):
            raise HarnessError(f"no query of {path.stem} has an answer: is the machine too busy to scrape?")
        found[path.stem] = {"chosen": chosen, "span": span, "answers": answered}
    return found


def write(found, path):
    path.write_text(json.dumps(found), encoding="utf-8")
