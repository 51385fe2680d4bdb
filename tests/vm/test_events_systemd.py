"""Deaths and restarts of systemd's units, the bus signal, and the journal's fields."""

import json
import shlex

import pytest
from agent_scenario import CGWARDEN, ROOT, Scenario

pytestmark = pytest.mark.systemd

NAME = "io.github.cgwarden.Agent1"


@pytest.fixture
def bus_policy(guest):
    guest.run(
        f"cp {shlex.quote(str(ROOT))}/packaging/dbus/io.github.cgwarden.conf /etc/dbus-1/system.d/ && "
        "busctl call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig", check=True)


@pytest.fixture
def agent(guest, bus_policy):
    with Scenario(guest, bus=True) as scenario:
        scenario.start_agent()
        scenario.until(lambda: scenario.metrics()["cgwarden_agent_unit_watch_working"] == 1, "systemd's units")
        yield scenario


def unit(guest, name, exec_start, *lines):
    service = "\n".join([f"ExecStart={exec_start}", *lines])
    guest.write_file(f"/run/systemd/system/{name}.service", f"[Service]\n{service}\n")
    guest.run(["systemctl", "daemon-reload"], check=True)
    guest.run(["systemctl", "start", "--no-block", f"{name}.service"], check=True)


def deaths(scenario, name, verdict):
    return scenario.metrics().get(f'cgwarden_unit_deaths_total{{unit="{name}.service",verdict="{verdict}"}}', 0)


def test_units_die_and_are_restarted(agent, guest):
    monitor = guest.spawn(["busctl", "monitor", "--json=short", f"--match=type='signal',interface='{NAME}'"])
    agent.until(lambda: b"Monitoring" in monitor.stderr, "the monitor")
    names = ("ev-oom", "ev-crash", "ev-loop", "ev-kill", "ev-stop")
    try:
        unit(guest, "ev-oom", "/bin/sh -c 'sleep 2; exec tail /dev/zero'", "MemoryMax=8M", "MemorySwapMax=0")
        unit(guest, "ev-crash", "/bin/sh -c 'sleep 2; kill -SEGV $$$$'", "LimitCORE=0")
        unit(guest, "ev-loop", "/bin/sh -c 'sleep 2; exit 3'", "Restart=on-failure", "RestartSec=100ms")
        unit(guest, "ev-kill", "/bin/sleep 1000")
        unit(guest, "ev-stop", "/bin/sleep 1000")
        for name in ("ev-kill", "ev-stop"):
            agent.until(lambda name=name: f'unit="{name}.service"' in str(agent.metrics().keys()), f"{name} to be born")
        # Born at 0.
        assert deaths(agent, "ev-kill", "KILLED_BY_USER") == deaths(agent, "ev-stop", "STOPPED") == 0
        guest.run(["systemctl", "kill", "--kill-whom=main", "-s", "KILL", "ev-kill.service"], check=True)
        guest.run(["systemctl", "stop", "ev-stop.service"], check=True)

        agent.until(lambda: deaths(agent, "ev-oom", "OOM_OWN_LIMIT") == 1, "the OOM kill")
        agent.until(lambda: deaths(agent, "ev-crash", "SEGFAULT") == 1, "the crash")
        agent.until(lambda: deaths(agent, "ev-kill", "KILLED_BY_USER") == 1, "the kill")
        agent.until(lambda: deaths(agent, "ev-stop", "STOPPED") == 1, "the stop")
        restarts = 'cgwarden_unit_restarts_total{unit="ev-loop.service",reason="exit-code"}'
        agent.until(lambda: agent.metrics().get(restarts, 0) >= 2, "two restarts")
        assert deaths(agent, "ev-loop", "EXITED") >= 2
        # A kill by somebody is no OOM kill, and each end is one.
        assert sum(value for key, value in agent.metrics().items()
                   if key.startswith('cgwarden_unit_deaths_total{unit="ev-kill.service"')) == 1
        monitor.wait_for_output(b'"member":"Event"')
        assert b"oom_kill" in monitor.stdout
        guest.run(["systemctl", "stop", "ev-loop.service"])

        shown = agent.cli("events", "--json", "--kind", "death", check=True).stdout.decode().splitlines()
        told = {event["unit"]: event["verdict"] for event in map(json.loads, shown) if "unit" in event}
        assert told["ev-oom.service"] == "OOM_OWN_LIMIT" and told["ev-crash.service"] == "SEGFAULT"
        assert "ev-stop.service" not in told

        # systemd executed anew, and the next agent: both go on.
        guest.run(["systemctl", "daemon-reexec"], check=True)
        agent.stop_agent()
        agent.start_agent()
        assert deaths(agent, "ev-oom", "OOM_OWN_LIMIT") == 1
        guest.run(["systemctl", "start", "ev-kill.service"], check=True)
        agent.until(lambda: agent.metrics()["cgwarden_agent_unit_watch_working"] == 1, "systemd's units")
        guest.run(["systemctl", "kill", "--kill-whom=main", "-s", "KILL", "ev-kill.service"], check=True)
        agent.until(lambda: deaths(agent, "ev-kill", "KILLED_BY_USER") == 2, "the second kill")
    finally:
        monitor.kill()
        monitor.wait(30)
        guest.run("for u in " + " ".join(names) + "; do systemctl stop $u.service; systemctl reset-failed $u.service; "
                  "rm -f /run/systemd/system/$u.service; done; systemctl daemon-reload")


def test_where_stderr_is_the_journal_events_have_fields(guest, bus_policy):
    with Scenario(guest, bus=True) as scenario:
        command = [CGWARDEN, *scenario.agent_command()[1:]]
        guest.run(["systemd-run", "--unit=journal-agent", "-p", "Type=notify", *command], check=True)
        try:
            read = ["journalctl", "-u", "journal-agent", "-o", "json", "CGWARDEN_EVENT=agent_started"]
            scenario.until(lambda: guest.run(read).stdout.strip(), "the entry")
            entry = json.loads(guest.run(read, check=True).stdout.splitlines()[0])
            assert len(entry["MESSAGE_ID"]) == 32 and entry["PRIORITY"] == "6"
            assert entry["CGWARDEN_CGROUP_ROOT"] == "/sys/fs/cgroup"
            assert entry["MESSAGE"].startswith("agent_started cgroup_root=")
        finally:
            guest.run(["systemctl", "stop", "journal-agent"])
