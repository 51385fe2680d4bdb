"""What systemd and systemd-oomd say of the ends of services is part of their verdicts."""

import json
import shlex

import pytest
from agent_scenario import BUILD, ROOT, Scenario

pytestmark = pytest.mark.systemd

LEAKER = f"{BUILD}/examples/leaker"


@pytest.fixture
def agent(guest):
    guest.run(
        f"cp {shlex.quote(str(ROOT))}/packaging/dbus/io.github.cgwarden.conf /etc/dbus-1/system.d/ && "
        "busctl call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig", check=True)
    with Scenario(guest, bus=True) as scenario:
        scenario.start_agent()
        scenario.until(lambda: scenario.metrics()["cgwarden_agent_unit_watch_working"] == 1, "systemd's units")
        yield scenario


@pytest.fixture
def unit(guest):
    made = []

    def make(name, exec_start, *lines):
        text = "\n".join([f"ExecStart={exec_start}", *lines])
        guest.write_file(f"/run/systemd/system/{name}.service", f"[Service]\n{text}\n")
        guest.run(["systemctl", "daemon-reload"], check=True)
        guest.run(["systemctl", "start", "--no-block", f"{name}.service"], check=True)
        made.append(name)

    yield make
    guest.run("for u in " + " ".join(made) + "; do systemctl stop $u.service; systemctl reset-failed $u.service; "
              "rm -f /run/systemd/system/$u.service; done; systemctl daemon-reload", timeout=120)


def told(agent, name, expected, *says):
    """Counter, event and verdict of one end are of one class."""
    series = f'cgwarden_unit_deaths_total{{unit="{name}.service",verdict="{expected}"}}'
    agent.until(lambda: agent.metrics().get(series, 0) >= 1, f"{name} to be {expected}", 120)
    verdict, text = agent.why(f"{name}.service")
    assert verdict["class"] == expected, text
    for words in says:
        assert words in text, (words, text)
    # Events are stored half a second after they happen.
    def event():
        shown = agent.cli("events", "--json", "--kind", "death", check=True).text.splitlines()
        return [one["verdict"] for one in map(json.loads, shown) if one.get("unit") == f"{name}.service"]

    assert set(agent.until(event, f"the event of {name}")) == {expected}
    return verdict, text


def test_the_watchdog_of_systemd(agent, unit):
    unit("dog", "/bin/sleep 1000", "WatchdogSec=4", "LimitCORE=0")
    unit("slowdog", "/bin/sh -c 'while :; do :; done'", "WatchdogSec=15", "CPUQuota=2%", "LimitCORE=0")
    verdict, text = told(agent, "dog", "KILLED_BY_WATCHDOG", "missed its watchdog", "Result=watchdog")
    assert "throttled" not in verdict["answer"], text
    told(agent, "slowdog", "KILLED_BY_WATCHDOG", "missed its watchdog", "throttled")


def test_oom_kills_of_a_unit_whose_cgroup_goes_at_once_are_all_counted(agent, guest):
    """systemd removes the cgroup before most readings of its last counters."""
    for _ in range(5):
        guest.run(["systemd-run", "--quiet", "--wait", "--collect", "--unit=leaky", "-p", "MemoryMax=12M",
                   "-p", "MemorySwapMax=0", LEAKER], timeout=300)
    series = 'cgwarden_unit_oom_kills_total{unit="leaky.service"}'
    agent.until(lambda: agent.metrics().get(series, 0) >= 5, "five OOM kills", 120)
    assert agent.metrics()[series] == 5
    agent.until(lambda: agent.metrics().get('cgwarden_unit_deaths_total{unit="leaky.service",verdict="OOM_OWN_LIMIT"}') == 5,
                "five deaths", 120)


def test_what_systemd_could_not_start(agent, unit):
    unit("noexec", "/nonexistent/program")
    told(agent, "noexec", "EXEC_FAILED", "203/EXEC", "could not be executed")
    unit("nouser", "/bin/sleep 1", "User=nobody-of-that-name")
    told(agent, "nouser", "EXEC_FAILED", "217/USER")


def test_a_crash_loop_of_a_unit_is_one_story(agent, unit):
    """Each of its lives has another pid, and a number of its own."""
    unit("loop", "/bin/sh -c 'sleep 1; exit 7'", "Restart=always", "RestartSec=100ms", "[Unit]", "StartLimitIntervalSec=0")

    def story():
        answer = agent.cli("why", "loop.service", "--json")
        return answer.returncode == 0 and json.loads(answer.stdout).get("restarts")

    told = agent.until(lambda: (story() or {"deaths": 0})["deaths"] >= 4 and story(), "a story", 300)
    assert told["verdict"] == "EXITED" and told["at_least"] is False, told
    text = agent.cli("why", "loop.service").text
    assert "loop.service has died " in text and " times in a row of the same cause (EXITED)" in text, text


def test_a_main_process_that_is_killed_while_others_go_on(agent, guest, unit):
    """KillMode=process leaves a child in the cgroup: what was seen of the main process is its end all the same."""
    unit("lingers", "/bin/sh -c 'setsid sleep 1000 & exec sleep 2000'", "KillMode=process")
    agent.until(lambda: agent.metrics().get('cgwarden_cgroup_pids_current{cgroup="/system.slice/lingers.service"}') == 2,
                "both processes")
    seen = agent.ticks()
    agent.until(lambda: agent.ticks() >= seen + 2, "two ticks")  # its main process is watched
    guest.run("kill -KILL $(systemctl show -P MainPID lingers.service)", check=True)
    verdict, text = told(agent, "lingers", "KILLED_BY_USER")
    assert "waitid" in {item["source"] for item in verdict["evidence"]}, text
    assert not any("counters of its cgroup" in lost for lost in verdict["evidence_lost"]), text


def test_a_start_that_takes_too_long(agent, unit):
    unit("slowstart", "/bin/sleep 1000", "Type=notify", "TimeoutStartSec=4")
    told(agent, "slowstart", "KILLED_BY_USER", "not done in the time", "Result=timeout")


def test_a_real_kill_by_systemd_oomd(agent, guest, unit):
    guest.run(
        "modprobe zram && echo 192M > /sys/block/zram0/disksize && mkswap /dev/zram0 && swapon /dev/zram0 && "
        "mkdir -p /etc/systemd/oomd.conf.d && "
        "printf '[OOM]\\nDefaultMemoryPressureDurationSec=2s\\n' > /etc/systemd/oomd.conf.d/fast.conf && "
        "systemctl unmask systemd-oomd.service systemd-oomd.socket && systemctl daemon-reload && "
        "systemctl start systemd-oomd.service", check=True)
    try:
        guest.write_file(
            "/run/systemd/system/pressed.slice",
            "[Slice]\nMemoryHigh=24M\nManagedOOMMemoryPressure=kill\nManagedOOMMemoryPressureLimit=1%\n")
        unit("pressed", f"/bin/sh -c 'sleep 4; exec {LEAKER}'", "Slice=pressed.slice")
        verdict, text = told(agent, "pressed", "KILLED_BY_SYSTEMD_OOMD", "systemd-oomd")
        sources = {item["source"] for item in verdict["evidence"]}
        assert sources & {"xattr", "D-Bus"}, text
        assert "own limit" not in text, text
    finally:
        guest.run("systemctl stop systemd-oomd.service systemd-oomd.socket; swapoff /dev/zram0; "
                  "rm -f /run/systemd/system/pressed.slice")
