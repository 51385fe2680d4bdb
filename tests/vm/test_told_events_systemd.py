"""What the agent tells others of an event: one signal on the bus, and an entry of the journal as docs/journal.md has it."""

import json
import re
import shlex

import pytest
from agent_scenario import CGWARDEN, ROOT, Scenario

pytestmark = pytest.mark.systemd

NAME = "io.github.cgwarden.Agent1"
TOP = "/sys/fs/cgroup/told"


@pytest.fixture
def bus_policy(guest):
    guest.run(
        f"cp {shlex.quote(str(ROOT))}/packaging/dbus/io.github.cgwarden.conf /etc/dbus-1/system.d/ && "
        "busctl call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig", check=True)


@pytest.fixture
def top(guest):
    """A cgroup that is nobody's, with the memory controller."""
    guest.run("echo +memory +cpu > /sys/fs/cgroup/cgroup.subtree_control && "
              f"mkdir {TOP} && echo +memory +cpu > {TOP}/cgroup.subtree_control", check=True)
    yield TOP
    guest.run(f"for c in $(find {TOP} -type d); do echo 1 > $c/cgroup.kill; done; "
              f"for i in $(seq 50); do find {TOP} -depth -type d -exec rmdir {{}} + 2>/dev/null; [ -d {TOP} ] || break; "
              "sleep 0.1; done")


def oom_kill(guest, cgroup):
    """One process that is killed at the limit of its cgroup."""
    guest.run(f"mkdir {cgroup} && echo 8M > {cgroup}/memory.max && echo 0 > {cgroup}/memory.swap.max", check=True)
    guest.spawn(["tail", "/dev/zero"], cgroup=cgroup).wait(60)


def signals(monitor):
    """The payloads of the signals `Event` so far, in their order."""
    found = []
    for line in monitor.stdout.decode().splitlines():
        try:
            message = json.loads(line)
        except json.JSONDecodeError:  # cut: it is being written
            continue
        if message.get("member") == "Event":
            found.append(message["payload"])
    return found


def test_an_oom_kill_is_one_signal_with_its_fields(guest, bus_policy, top):
    with Scenario(guest, bus=True) as agent:
        agent.start_agent()
        monitor = guest.spawn(["busctl", "monitor", "--json=short", f"--match=type='signal',interface='{NAME}'"])
        agent.until(lambda: b"Monitoring" in monitor.stderr, "the monitor")
        try:
            oom_kill(guest, f"{top}/eater")
            kills = ["events", "--json", "--kind", "oom_kill", "--cgroup", "/told/eater"]
            agent.until(lambda: agent.cli(*kills, check=True).stdout.strip(), "the event")
            # Signals keep their order: all of before its last word are there with it.
            agent.stop_agent()
            agent.until(lambda: any(payload["data"][0] == "agent_stopped" for payload in signals(monitor)), "its last word")
        finally:
            monitor.kill()
            monitor.wait(30)
        told = [payload for payload in signals(monitor)
                if payload["data"][0] == "oom_kill" and payload["data"][1] == "/told/eater"]
        assert len(told) == 1, told
        (payload,) = told
        assert payload["type"] == "sss"
        event = json.loads(payload["data"][2])
        assert (event["version"], event["kind"], event["cgroup"]) == (1, "oom_kill", "/told/eater")
        assert event["cgroup_id"] == int(guest.run(f"stat -c %i {top}/eater", check=True).text)
        assert event["when"]["boottime_usec"] > 0 and event["when"]["wall_usec"] > event["when"]["boottime_usec"]
        numbers = event["numbers"]
        assert numbers["attributed"] == 1 and numbers["victims"] == 1
        # Pages of its program, which others may pay for, and all of its own, which fill the limit.
        assert 6 << 20 < numbers["rss_bytes"] < 24 << 20
        assert re.search(r"killed \d+ \(tail\)", event["text"])
        # The store has the same one.
        (stored,) = [json.loads(line) for line in agent.cli(*kills, check=True).stdout.decode().splitlines()]
        assert stored == event


def documented():
    """{(MESSAGE_ID, CGWARDEN_EVENT): fields} of docs/journal.md."""
    rows = {}
    for line in (ROOT / "docs" / "journal.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch("[0-9a-f]{32}", cells[0]):
            rows[cells[0], cells[2].strip("`")] = set(re.findall("`([A-Z_]+)`", cells[3]))
    return rows


def test_entries_of_the_journal_have_the_fields_that_are_documented(guest, bus_policy, top):
    with Scenario(guest, bus=True) as scenario:
        guest.run(f"mkdir {top}/still {top}/busy", check=True)
        guest.write_file(f"{top}/busy/cpu.max", "5000 100000")
        guest.write_file(f"{scenario.work}/policies/told.yaml", """apiVersion: cgwarden/v1
kind: Policy
metadata: {name: told}
match: {cgroups: "/told/busy"}
watch: {pressure: {cpu: {some: 100ms}}}
---
apiVersion: cgwarden/v1
kind: Policy
metadata: {name: looped}
match: {cgroups: "/told/busy"}
mode: plan
owner: adopt
adapt: {cpu: {floor: 20m, ceiling: 1}}
---
apiVersion: cgwarden/v1
kind: Policy
metadata: {name: held}
match: {cgroups: "/cgwarden.slice/held.scope/payload"}
memory: {high: 64MiB}
""")
        guest.write_file("/run/systemd/system/told-end.service", "[Service]\nExecStart=/bin/sh -c 'sleep 2; exit 3'\n")
        guest.run(["systemctl", "daemon-reload"], check=True)
        command = [CGWARDEN, *scenario.agent_command()[1:]]
        guest.run(["systemd-run", "--unit=told-agent", "-p", "Type=notify", *command], check=True)

        def entries(message_id):
            read = guest.run(["journalctl", "-u", "told-agent", "-o", "json", f"MESSAGE_ID={message_id}"], check=True)
            return [json.loads(line) for line in read.stdout.splitlines()]

        try:
            scenario.add_workload("short", ["/bin/sh", "-c", "sleep 1; exit 4"])
            # Of a workload: beside systemd no policy writes to what is nobody's.
            scenario.add_workload("held", ["/bin/sleep", "1000"])
            oom_kill(guest, f"{top}/eater")
            busy = [guest.spawn(["sh", "-c", "while :; do :; done"], cgroup=f"{top}/busy") for _ in range(2)]
            still = guest.spawn(["sleep", "1000"], cgroup=f"{top}/still")
            scenario.until(lambda: scenario.metrics().get("cgwarden_agent_unit_watch_working") == 1, "systemd's units")
            guest.run(["systemctl", "start", "told-end.service"], check=True)
            rows = documented()
            ids = {event: message_id for message_id, event in rows}
            # It is seen as not frozen before.
            scenario.until(lambda: any('cgroup="/told/still"' in series for series in scenario.metrics()), "a tick")
            guest.write_file(f"{top}/still/cgroup.freeze", "1")
            scenario.until(lambda: entries(ids["cgroup_frozen"]), "it frozen")
            guest.write_file(f"{top}/still/cgroup.freeze", "0")
            # A limit without a victim floods the journal with the kernel's own lines (test_events.py has it).
            caused = {(message_id, event) for message_id, event in rows
                      if event not in ("container_died", "oom_no_victim", "agent_stopped")}
            # Once the policy has written, somebody else does; what was set is given back when no policy wants it.
            last = ("policy_write", "policy_drift", "policy_restored")
            for message_id, event in sorted(caused, key=lambda row: (last.index(row[1]) + 1 if row[1] in last else 0, row)):
                if event == "policy_drift":
                    guest.write_file("/sys/fs/cgroup/cgwarden.slice/held.scope/payload/memory.high", "33554432")
                if event == "policy_restored":
                    guest.run(f"rm {scenario.work}/policies/told.yaml", check=True)
                scenario.until(lambda: any(entry["CGWARDEN_EVENT"] == event for entry in entries(message_id)), event, 120)
            for process in (*busy, still):
                process.kill(9)
                process.wait(60)
        finally:
            guest.run("systemctl stop told-agent; systemctl reset-failed told-agent told-end; "
                      "rm -f /run/systemd/system/told-end.service; systemctl daemon-reload")
        seen = set()
        for message_id in set(ids.values()):
            for entry in entries(message_id):
                event = entry["CGWARDEN_EVENT"]
                fields = {name.removeprefix("CGWARDEN_") for name in entry if name.startswith("CGWARDEN_")} - {"EVENT"}
                assert fields == rows[message_id, event], event
                assert entry["MESSAGE"].startswith(f"{event} ") and entry["SYSLOG_IDENTIFIER"] == "cgwarden"
                seen.add((message_id, event))
        assert seen == caused | {(ids["agent_stopped"], "agent_stopped")}
        (kill,) = [entry for entry in entries(ids["oom_incident"]) if entry["CGWARDEN_CGROUP"] == "/told/eater"]
        assert kill["CGWARDEN_ATTRIBUTED"] == "yes" and "(tail)" in kill["CGWARDEN_VICTIMS"]
