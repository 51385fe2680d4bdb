"""Ends of systemd's units that look like others: its timeouts, slices, OOM policy, moved and delegated main processes."""

import json
import shlex

import pytest
from agent_scenario import BUILD, ROOT, Scenario

pytestmark = pytest.mark.systemd

LEAKER = f"{BUILD}/examples/leaker"
DEED = f"{BUILD}/tests/deed"
CGROUPS = "/sys/fs/cgroup"


@pytest.fixture(scope="module")
def agent(machine_slot):
    guest = machine_slot.guest()
    guest.run(
        f"cp {shlex.quote(str(ROOT))}/packaging/dbus/io.github.cgwarden.conf /etc/dbus-1/system.d/ && "
        "busctl call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig", check=True)
    with Scenario(guest, bus=True) as scenario:
        scenario.start_agent()
        scenario.until(lambda: scenario.metrics()["cgwarden_agent_unit_watch_working"] == 1, "systemd's units")
        yield scenario


@pytest.fixture
def start(agent):
    made = []

    def make(name, command, *lines, slice_lines=()):
        guest = agent.guest
        text = "\n".join([f"ExecStart={command}", *lines])
        if slice_lines:
            guest.write_file(f"/run/systemd/system/{name}.slice", "\n".join(["[Slice]", *slice_lines, ""]))
            text += f"\nSlice={name}.slice"
        guest.write_file(f"/run/systemd/system/{name}.service", f"[Service]\n{text}\n")
        guest.run(f"systemctl daemon-reload && systemctl start --no-block {name}.service", check=True)
        made.append(name)

    yield make
    agent.guest.run("for u in " + " ".join(made) + "; do systemctl kill -s KILL $u.service; systemctl stop $u.service; "
                    "systemctl reset-failed $u.service; rm -f /run/systemd/system/$u.service /run/systemd/system/$u.slice; done; "
                    "systemctl daemon-reload", timeout=120)


def watched(agent, name):
    """Its main process is known to the agent."""
    path = f"/{name}.slice/{name}.service" if not agent.gone(f"{CGROUPS}/{name}.slice/{name}.service") else f"/system.slice/{name}.service"
    agent.until(lambda: path in agent.identities(), f"{name} to be known", 120)
    seen = agent.ticks()
    agent.until(lambda: agent.ticks() >= seen + 2, "two ticks", 120)


def told(agent, name, expected, *says, never=(), confidence=("proven", "strong")):
    def death():
        answer = agent.cli("why", f"{name}.service", "--json")
        document = json.loads(answer.stdout) if answer.returncode in (0, 4) else {}
        return (document.get("verdict") or {}).get("death") and document["verdict"]

    verdict = agent.until(death, f"a verdict of {name}", 240)
    text = agent.cli("why", f"{name}.service").text
    assert verdict["class"] == expected, text
    assert verdict["confidence"] in confidence, text
    for words in says:
        assert words in text, (words, text)
    for words in never:
        assert words not in text, (words, text)
    return verdict, text


NO_OOM = ("was killed by the kernel's OOM killer", "own limit memory.max")


def test_it_may_run_no_longer(agent, start):
    start("runtime", "/bin/sleep 1000", "RuntimeMaxSec=8")
    told(agent, "runtime", "KILLED_BY_USER", "not done in the time", "Result=timeout", never=NO_OOM)


def test_it_does_not_end_when_it_is_stopped(agent, start):
    start("deaf", f"{DEED} deaf", "TimeoutStopSec=3")
    watched(agent, "deaf")
    agent.guest.run(["systemctl", "stop", "deaf.service"], timeout=120)
    verdict, _ = told(agent, "deaf", "TERM_IGNORED", "SIGTERM", never=NO_OOM)
    assert verdict["actor"]["pid"] == 1


def test_the_memory_max_of_its_slice(agent, start):
    start("pool", f"/bin/sh -c 'while [ ! -e /run/pool.go ]; do sleep 0.2; done; exec {LEAKER}'",
          slice_lines=("MemoryMax=24M", "MemorySwapMax=0"))
    watched(agent, "pool")
    agent.guest.run("touch /run/pool.go", check=True)
    verdict, text = told(agent, "pool", "OOM_ANCESTOR_LIMIT", "/pool.slice above it", never=("own limit memory.max", "sent by pid"),
                         confidence=("proven", "strong", "likely"))  # systemd may have removed its cgroup
    assert verdict["limit"]["cgroup"] == "/pool.slice", text


def test_systemd_stops_what_lost_a_child_to_the_oom_killer(agent, start):
    start("oompolicy", f"/bin/sh -c 'while [ ! -e /run/oompolicy.go ]; do sleep 0.2; done; {LEAKER}; sleep 1000; :'",
          "MemoryMax=24M", "MemorySwapMax=0")
    watched(agent, "oompolicy")
    agent.guest.run("touch /run/oompolicy.go", check=True)
    verdict, text = told(agent, "oompolicy", "KILLED_BY_USER", "OOM killer was at work in this cgroup", "Result=oom-kill",
                         never=("was killed by the kernel's OOM killer",))
    assert verdict["actor"]["pid"] == 1, text


def test_a_code_of_systemds_own_is_not_its_word(agent, start):
    start("code203", "/bin/sh -c 'sleep 6; exit 203'")
    told(agent, "code203", "EXEC_FAILED", confidence=("likely",), never=NO_OOM)


def test_an_operator_kills_a_main_process_below_a_delegated_cgroup(agent, start):
    start("delegated", f"/bin/sh -c 'mkdir -p {CGROUPS}/system.slice/delegated.service/inner; "
                       f"echo $$ > {CGROUPS}/system.slice/delegated.service/inner/cgroup.procs; exec {DEED} stay'", "Delegate=yes")
    watched(agent, "delegated")
    agent.guest.run("sh -c 'kill -9 $(systemctl show -P MainPID delegated.service)'", check=True)
    verdict, text = told(agent, "delegated", "KILLED_BY_USER", "sent by pid", never=NO_OOM)
    # systemd may have removed the cgroup before its counters were read.
    assert verdict["confidence"] == "proven" or "it was removed too soon" in text, text


def test_a_main_process_that_was_moved_to_a_limit(agent, start):
    start("wanders", f"/bin/sh -c 'while [ ! -e /run/wanders.go ]; do sleep 0.2; done; exec {LEAKER}'")
    watched(agent, "wanders")
    agent.guest.run(
        f"mkdir -p {CGROUPS}/elsewhere && echo 0 > {CGROUPS}/elsewhere/memory.swap.max && echo 24M > {CGROUPS}/elsewhere/memory.max && "
        f"systemctl show -P MainPID wanders.service > {CGROUPS}/elsewhere/cgroup.procs && touch /run/wanders.go", check=True)
    verdict, text = told(agent, "wanders", "OOM_ANCESTOR_LIMIT", "moved to /elsewhere", confidence=("strong",),
                         never=("RLIMIT", "sent by pid", "own limit memory.max"))
    assert verdict["limit"]["cgroup"] == "/elsewhere", text
    agent.guest.run(f"rmdir {CGROUPS}/elsewhere")


def test_a_signal_that_systemd_sent_as_somebody_asked(agent, start):
    start("asked", "/bin/sleep 1000")
    watched(agent, "asked")
    agent.guest.run(["systemctl", "kill", "-s", "KILL", "asked.service"], check=True)
    verdict, text = told(agent, "asked", "KILLED_BY_USER", "SIGKILL", "Result=signal", never=NO_OOM)
    assert verdict["actor"]["pid"] == 1, text


def test_a_container_of_podman_in_a_scope(agent):
    """As crun leaves it: the processes are in a cgroup below the one with the limits."""
    guest = agent.guest
    identifier = "d" * 64
    scope = f"{CGROUPS}/machine.slice/libpod-{identifier}.scope"
    guest.run(f"mkdir -p {scope}/container && echo +memory > {CGROUPS}/machine.slice/cgroup.subtree_control; "
              f"echo +memory > {scope}/cgroup.subtree_control; echo 24M > {scope}/memory.max; echo 0 > {scope}/memory.swap.max; rm -f /run/podman.go")
    job = guest.spawn(["/bin/sh", "-c", f"while [ ! -e /run/podman.go ]; do sleep 0.2; done; exec {LEAKER}"], cgroup=f"{scope}/container")
    agent.until(lambda: f"/machine.slice/libpod-{identifier}.scope" in agent.identities(), "it to be known", 120)
    seen = agent.ticks()
    agent.until(lambda: agent.ticks() >= seen + 2, "two ticks", 120)
    guest.run("touch /run/podman.go", check=True)
    job.wait(120)
    agent.until(lambda: f"container_died container={identifier[:12]} verdict=OOM_OWN_LIMIT " in agent.log(), "its verdict", 120)
    for name in (identifier, identifier[:12], f"/machine.slice/libpod-{identifier}.scope"):
        verdict, text = agent.why(name)
        assert (verdict["class"], verdict["confidence"]) == ("OOM_OWN_LIMIT", "proven"), text
    guest.run(f"rmdir {scope}/container {scope} {CGROUPS}/machine.slice")
