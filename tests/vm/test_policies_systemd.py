"""Policies on cgroups of systemd's units: systemd is asked, and what it has is what the kernel has."""

import shlex

import pytest
from agent_scenario import ROOT, Scenario

pytestmark = pytest.mark.systemd

UNIT = "policed.service"
CGROUP = f"/sys/fs/cgroup/system.slice/{UNIT}"
POLICY = ("apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: policed}\n"
          f"match: {{cgroups: [/system.slice/{UNIT}]}}\n")
LIMITS = {"memory.max": "67108864", "memory.high": "50331648", "pids.max": "50", "cpu.weight": "50", "cpu.max": "50000 100000"}
KNOBS = "memory: {max: 64MiB, high: 48MiB}\npids: {max: 50}\ncpu: {weight: 50, max: 500m}\n"


@pytest.fixture
def scenario(guest):
    guest.run(
        f"cp {shlex.quote(str(ROOT))}/packaging/dbus/io.github.cgwarden.conf /etc/dbus-1/system.d/ && "
        "busctl call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig", check=True)
    guest.write_file(f"/run/systemd/system/{UNIT}",
                     "[Service]\nExecStart=/bin/sleep 1000\nMemoryMax=512M\nTasksMax=100\nCPUWeight=200\nCPUQuota=90%\n")
    guest.run(f"systemctl daemon-reload && systemctl start {UNIT}", check=True, timeout=120)
    with Scenario(guest, bus=True) as made:
        yield made
    guest.run(f"systemctl stop {UNIT}; rm -f /run/systemd/system/{UNIT}; rm -rf /run/systemd/system.control/{UNIT}.d; "
              "systemctl daemon-reload", timeout=120)


def limits(guest):
    return {file: guest.read_file(f"{CGROUP}/{file}").decode().strip() for file in LIMITS}


def pending(scenario):
    return sum(value for series, value in scenario.metrics().items()
               if series.startswith("cgwarden_agent_policy_pending_writes"))


def test_a_unit_is_held_through_reloads_and_given_back(scenario):
    guest = scenario.guest
    before = limits(guest)
    assert before["memory.max"] == "536870912" and before["cpu.max"] == "90000 100000"
    scenario.start_agent()
    path = f"{scenario.work}/policies/policed.yaml"
    guest.write_file(path, POLICY + KNOBS)
    scenario.until(lambda: limits(guest) == LIMITS, "the limits of the policy", 180)
    # systemd knows them: they are its own, until the next boot.
    shown = guest.run(["systemctl", "show", UNIT, "-p", "MemoryMax,MemoryHigh,TasksMax,CPUWeight,CPUQuotaPerSecUSec"],
                      check=True).text.split()
    assert set(shown) == {"MemoryMax=67108864", "MemoryHigh=50331648", "TasksMax=50", "CPUWeight=50",
                          "CPUQuotaPerSecUSec=500ms"}
    scenario.until(lambda: pending(scenario) == 0, "nothing left to write", 180)

    # Each reload makes systemd apply what it knows of the unit anew.
    for _ in range(10):
        guest.run(["systemctl", "daemon-reload"], check=True, timeout=120)
        assert limits(guest) == LIMITS
    ticks = scenario.ticks()
    scenario.until(lambda: scenario.ticks() > ticks + 1, "a tick", 180)
    assert limits(guest) == LIMITS and pending(scenario) == 0
    assert " policy_drift " not in scenario.log()

    # What somebody asks of systemd is drift like any other.
    guest.run(["systemctl", "set-property", "--runtime", UNIT, "MemoryMax=40M"], check=True, timeout=120)
    scenario.until(lambda: " policy_drift " in scenario.log(), "the drift", 180)
    scenario.until(lambda: limits(guest) == LIMITS, "its repair", 180)

    guest.run(["rm", path], check=True)
    scenario.until(lambda: limits(guest) == before, "what the unit had before", 180)
    scenario.stop_agent()
