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


def policy(name, match, lines):
    return f"apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {{name: {name}}}\nmatch: {match}\n{lines}"


def test_devices_and_bursts_of_units(scenario):
    """Rates of devices are properties; a burst, of which systemd knows nothing, never stands above its quota."""
    guest = scenario.guest

    def now(file):
        return guest.read_file(f"{CGROUP}/{file}").decode().strip()

    disk = guest.run("lsblk -dno MAJ:MIN | head -1", check=True).text.strip()
    path = f"{scenario.work}/policies/unit.yaml"
    scenario.start_agent()
    rates = f"io: {{max: {{'{disk}': {{rbps: 1MiB, wiops: 70}}}}}}\n" if disk else ""
    guest.write_file(path, policy("unit", f"{{units: {UNIT}}}",
                                  "allowUnmanagedKnobs: true\ncpu: {max: 0.8, burst: 60ms}\nmemory: {oom.group: true}\n" + rates))
    scenario.until(lambda: now("cpu.max.burst") == "60000", "the burst", 180)
    assert now("cpu.max") == "80000 100000"
    scenario.until(lambda: now("memory.oom.group") == "1", "the group kill", 180)
    if disk:
        scenario.until(lambda: f"{disk} rbps=1048576 wbps=max riops=max wiops=70" in now("io.max"), "the rates", 180)
        shown = guest.run(["systemctl", "show", UNIT, "-p", "IOReadBandwidthMax,IOWriteIOPSMax"], check=True).text
        assert " 1048576" in shown and " 70" in shown, shown
    # Below the burst in force: the kernel would refuse it, and systemd not say so.
    guest.write_file(path, policy("unit", f"{{units: {UNIT}}}", "allowUnmanagedKnobs: true\ncpu: {max: 0.4, burst: 30ms}\n"))
    scenario.until(lambda: now("cpu.max") == "40000 100000" and now("cpu.max.burst") == "30000", "both lower", 180)
    assert " policy_write_failed " not in scenario.log()
    if disk:
        scenario.until(lambda: disk not in now("io.max"), "no rates any more", 180)
    # The same by hand, once.
    file = f"{scenario.work}/unit.yaml"
    guest.run(["rm", path], check=True)
    scenario.until(lambda: now("cpu.max") == "90000 100000" and now("cpu.max.burst") == "0", "what it had", 180)
    scenario.stop_agent()
    for burst, quota in (("60ms", "0.7"), ("20ms", "0.3")):
        guest.write_file(file, policy("unit", f"{{units: {UNIT}}}",
                                      f"allowUnmanagedKnobs: true\ncpu: {{max: {quota}, burst: {burst}}}\n"))
        applied = scenario.cli("policy", "apply", file, timeout=120)
        assert applied.returncode == 0, applied
        quota = f"{int(float(quota) * 100000)} 100000"
        assert (now("cpu.max"), now("cpu.max.burst")) == (quota, burst.replace("ms", "000")), applied
    scenario.cli("policy", "revert", "--all", check=True, timeout=120)
    scenario.until(lambda: now("cpu.max") == "90000 100000" and now("cpu.max.burst") == "0", "what it had", 180)


def test_a_reload_is_looked_into_at_once(scenario):
    """With a tick that is a minute away. Units are found by what systemd has marked them with, too."""
    guest = scenario.guest
    config = f"{scenario.work}/agent.yaml"
    guest.run(f"sed -i '/Service/a Delegate=yes' /run/systemd/system/{UNIT} && systemctl daemon-reload && "
              f"systemctl restart {UNIT}", check=True, timeout=120)
    guest.write_file(config, "apiVersion: cgwarden/v1\nkind: Agent\nlisten: 127.0.0.1:9753\nintervals: {tick: 60s, medium: 60s, "
                     "slow: 60s, limits: 60s}\n")
    guest.write_file(f"{scenario.work}/policies/marked.yaml",
                     policy("marked", "{cgroups: /system.slice/*, xattrs: {trusted.delegate: '1'}}",
                            "allowUnmanagedKnobs: true\nmemory: {oom.group: true}\n"))
    scenario.start_agent("--config", config, listen=None)
    scenario.until(lambda: guest.read_file(f"{CGROUP}/memory.oom.group") == b"1\n", "the group kill", 180)
    ticks = scenario.ticks()
    for _ in range(5):
        guest.write_file(f"{CGROUP}/memory.oom.group", "0")
        # A storm: nobody waits for the one before.
        guest.run("for i in 1 2 3 4; do systemctl daemon-reload & done; wait", check=True, timeout=120)
        scenario.until(lambda: guest.read_file(f"{CGROUP}/memory.oom.group") == b"1\n", "its repair after the reload", 30)
    assert scenario.ticks() > ticks
    assert " policy_drift " in scenario.log()
    scenario.stop_agent()


def test_what_a_unit_had_outlives_its_restarts(scenario):
    """A property stays with the unit, whatever cgroup it has: so does what the unit had before it."""
    guest = scenario.guest
    before = limits(guest)
    path = f"{scenario.work}/policies/policed.yaml"
    scenario.start_agent()

    def inode():
        return guest.run(["stat", "-c", "%i", CGROUP], check=True).text.strip()

    def enforced():
        guest.write_file(path, POLICY + KNOBS)
        scenario.until(lambda: limits(guest) == LIMITS and pending(scenario) == 0, "the limits of the policy", 180)

    def two_ticks():
        ticks = scenario.ticks()
        scenario.until(lambda: scenario.ticks() > ticks + 2, "ticks", 180)

    # Restarted while the agent holds it.
    enforced()
    first = inode()
    guest.run(["systemctl", "restart", UNIT], check=True, timeout=120)
    assert inode() != first
    two_ticks()
    assert limits(guest) == LIMITS
    guest.run(["rm", path], check=True)
    scenario.until(lambda: limits(guest) == before, "what the unit had before", 180)

    # Stopped, and the policy goes meanwhile: its next start.
    enforced()
    guest.run(["systemctl", "stop", UNIT], check=True, timeout=120)
    guest.run(["rm", path], check=True)
    two_ticks()
    guest.run(["systemctl", "start", UNIT], check=True, timeout=120)
    scenario.until(lambda: limits(guest) == before, "what the unit had before", 180)

    # Restarted after the agent's end; and one that does not run at all.
    for last in ("restart", "stop"):
        enforced()
        scenario.stop_agent()
        guest.run(["systemctl", last, UNIT], check=True, timeout=120)
        reverted = scenario.cli("policy", "revert", "--all", timeout=120)
        assert reverted.returncode == 0 and f"{len(LIMITS)} restored" in reverted.text, reverted
        if last == "stop":
            assert f"at the next start of {UNIT}" in reverted.text
            guest.run(["systemctl", "start", UNIT], check=True, timeout=120)
        scenario.until(lambda: limits(guest) == before, "what the unit had before", 180)
        guest.run(["rm", path], check=True)
        if last == "restart":
            scenario.start_agent()
    assert "0 restored" in scenario.cli("policy", "revert", "--all", check=True).text

    # Started again in another slice while a policy holds it.
    scenario.start_agent()
    guest.write_file(path, policy("policed", f"{{units: {UNIT}}}", KNOBS))
    scenario.until(lambda: limits(guest) == LIMITS and pending(scenario) == 0, "the limits of the policy", 180)
    guest.run(f"sed -i '/Service/a Slice=moved.slice' /run/systemd/system/{UNIT} && systemctl daemon-reload && "
              f"systemctl restart {UNIT}", check=True, timeout=120)

    def moved_limits():
        return {file: guest.read_file(f"/sys/fs/cgroup/moved.slice/{UNIT}/{file}").decode().strip() for file in LIMITS}

    assert moved_limits() == LIMITS
    two_ticks()
    guest.run(["rm", path], check=True)
    scenario.until(lambda: moved_limits() == before, "what the unit had before", 180)
    scenario.stop_agent()

    # A transient unit takes its properties with it: another of its name has an original of its own.
    scenario.start_agent()
    for tasks in ("100", "200"):
        guest.run(f"systemd-run --unit=passing.service -p TasksMax={tasks} sleep 1000", check=True, timeout=120)
        file = f"{scenario.work}/policies/passing.yaml"
        guest.write_file(file, policy("passing", "{units: passing.service}", "pids: {max: 50}\n"))
        pids = "/sys/fs/cgroup/system.slice/passing.service/pids.max"
        scenario.until(lambda: guest.read_file(pids) == b"50\n", "the limit of the policy", 180)
        if tasks == "200":
            guest.run(["rm", file], check=True)
            scenario.until(lambda: guest.read_file(pids) == b"200\n", "what it had before", 180)
        guest.run("systemctl stop passing.service; systemctl reset-failed passing.service", timeout=120)
    scenario.stop_agent()


def test_what_was_written_past_systemd_or_set_since_stays(scenario):
    """First aid writes the kernel's file: the policy goes later, and systemd must not bring its value back."""
    guest = scenario.guest
    original = "536870912"
    limited = POLICY + "drift: report\nmemory: {max: 64MiB}\n"
    by_hand, kept = f"{scenario.work}/policed.yaml", f"{scenario.work}/policies/policed.yaml"

    def now():
        return guest.read_file(f"{CGROUP}/memory.max").decode().strip()

    def of_systemd():
        shown = guest.run(["systemctl", "show", UNIT, "-p", "MemoryMax", "--value"], check=True).text.strip()
        return "max" if shown == "infinity" else shown

    def outlives_a_reload(value, tasks):
        assert of_systemd() == value
        guest.run(f"systemctl daemon-reload && systemctl set-property --runtime {UNIT} TasksMax={tasks}", check=True, timeout=120)
        scenario.until(lambda: guest.read_file(f"{CGROUP}/pids.max").decode().strip() == str(tasks), "what systemd applies", 180)
        assert now() == value

    def applied():
        guest.write_file(by_hand, limited)
        scenario.cli("policy", "apply", by_hand, check=True, timeout=120)
        scenario.until(lambda: now() == "67108864", "the limit of the policy", 180)

    for tasks, theirs in enumerate((original, "max"), 60):
        applied()
        guest.write_file(f"{CGROUP}/memory.max", theirs)
        reverted = scenario.cli("policy", "revert", "--all", check=True, timeout=120).text
        assert ("1 left to somebody else" if theirs == "max" else "unchanged") in reverted, reverted
        outlives_a_reload(theirs, tasks)

    # The same where the agent keeps it.
    guest.run(["systemctl", "set-property", "--runtime", UNIT, f"MemoryMax={original}"], check=True, timeout=120)
    scenario.start_agent()
    for tasks, theirs in enumerate((original, "max"), 70):
        guest.write_file(kept, limited)
        scenario.until(lambda: now() == "67108864" and pending(scenario) == 0, "the limit of the policy", 180)
        guest.write_file(f"{CGROUP}/memory.max", theirs)
        scenario.until(lambda: pending(scenario) == 1, "the drift", 180)
        assert now() == theirs
        guest.run(["rm", kept], check=True)
        scenario.until(lambda: of_systemd() == theirs, "what systemd is told", 180)  # noqa: B023
        outlives_a_reload(theirs, tasks)
    scenario.stop_agent()

    # Of a unit that does not run the property is all there is.
    applied()
    guest.run(f"systemctl stop {UNIT} && systemctl set-property --runtime {UNIT} MemoryMax=40M", check=True, timeout=120)
    reverted = scenario.cli("policy", "revert", "--all", check=True, timeout=120).text
    assert "0 restored, 1 left to somebody else" in reverted, reverted
    guest.run(["systemctl", "start", UNIT], check=True, timeout=120)
    assert now() == "41943040"
