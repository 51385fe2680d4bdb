"""Evidence that outlives the agent, the kernel's ring and the boot."""

import io
import json
import tarfile

import pytest
from agent_scenario import SLICE, Scenario

pytestmark = pytest.mark.fast

LIMIT = "{memory: {max: 32MiB, swap.max: 0}}"
KILLED = "Memory cgroup out of memory: Killed process"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@pytest.fixture
def scenario(machine_slot):
    with Scenario(machine_slot.guest()) as made:
        made.start_agent()
        yield made


def kernel_log(scenario, *words):
    """The stored lines, and the gaps between them."""
    shown = scenario.cli("kmsg", "--json", *words, check=True).text.splitlines()
    entries = [json.loads(line) for line in shown]
    return ([entry for entry in entries if "text" in entry], [entry for entry in entries if "missing" in entry])


def fill_ring(scenario):
    """More than the kernel's log holds, so that nothing from before is left in it. By a program: none is evidence."""
    scenario.guest.run(
        "line=$(head -c 900 /dev/zero | tr '\\0' x); i=0; "
        "while [ $i -lt 2000 ]; do echo $line > /dev/kmsg; i=$((i+1)); done", check=True, timeout=300)
    assert KILLED not in scenario.guest.run("dmesg").text


def died_of_oom(scenario, name):
    scenario.add_workload(name, ["/bin/leaker"], resources=LIMIT)
    scenario.wait_died(name)


def test_a_full_disk_delays_verdicts_and_loses_none(scenario):
    guest, disk = scenario.guest, f"{scenario.work}/state"
    scenario.stop_agent()
    guest.run(f"mount -t tmpfs -o size=2m none {disk}", check=True)
    names = ("one", "two", "three")
    try:
        scenario.start_agent()
        guest.run(f"dd if=/dev/zero of={disk}/filler bs=4k 2>/dev/null; [ -s {disk}/filler ]", check=True)
        for name in names:
            scenario.add_workload(name, ["/bin/sh", "-c", "exit 3"])
            scenario.wait_died(name)
        assert scenario.until(lambda: scenario.metrics()["cgwarden_agent_verdicts_waiting"], "verdicts that wait") == 3
        assert "verdicts_not_stored" in scenario.log()
        guest.run(f"rm {disk}/filler", check=True)
        scenario.until(lambda: scenario.metrics()["cgwarden_agent_verdicts_waiting"] == 0, "the store to have them", 120)
        assert scenario.metrics()["cgwarden_agent_verdicts_dropped_total"] == 0
        # From the store alone: what the shims left is no help.
        scenario.kill_agent()
        guest.run(f"rm -r {scenario.work}/run/workloads", check=True)
        for name in names:
            verdict, text = scenario.why(name)
            assert verdict["class"] == "EXITED", text
    finally:
        if scenario.agent.running:
            scenario.kill_agent()
        guest.run(f"umount -l {disk}")


def test_the_kernels_lines_outlive_agent_and_ring(scenario):
    guest = scenario.guest
    guest.run("echo '<3>Memory cgroup out of memory: Killed process 1 (init) total-vm:1kB' > /dev/kmsg", check=True)
    died_of_oom(scenario, "quoted")
    # The verdict and its lines are one commit: no agent has to end in order.
    scenario.kill_agent()
    fill_ring(scenario)
    verdict, text = scenario.why("quoted")
    lines, _ = kernel_log(scenario, "quoted")
    texts = [line["text"] for line in lines]
    # Of the minute before it there may be others' too.
    assert sum(text.startswith(f"{KILLED} {verdict['victim']['pid']} ") for text in texts) == 1, texts
    assert not any("(init)" in text for text in texts), "a program wrote that"
    assert any("invoked oom-killer" in text for text in texts), texts
    assert verdict["class"] == "OOM_OWN_LIMIT" and "Killed process" in text, text

    archive = f"{scenario.work}/quoted.tar.gz"
    scenario.cli("bundle", "quoted", "-o", archive, check=True, timeout=300)
    with tarfile.open(fileobj=io.BytesIO(guest.read_file(archive))) as bundle:
        excerpt = bundle.extractfile("cgwarden-quoted/kernel-log.txt").read().decode()
    assert KILLED in excerpt, excerpt

    # The next agent says what it could not read, and stores nothing twice.
    before, _ = kernel_log(scenario)
    scenario.start_agent()

    def gap():
        _, gaps = kernel_log(scenario)
        return [one for one in gaps if one["reason"] == "overwritten" and one["missing"] > 500]

    assert scenario.until(gap, "the gap")
    after, _ = kernel_log(scenario)
    keys = [(line["boot_id"], line["sequence"], line["usec"]) for line in after]
    assert len(set(keys)) == len(keys) and len(after) >= len(before)


def test_a_death_while_the_agent_was_down_has_its_dump(scenario):
    scenario.add_workload("alone", ["/bin/sh", "-c", "until [ -e /go ]; do sleep 0.2; done; exec /bin/leaker"],
                          resources=LIMIT)
    scenario.wait_running("alone")
    scenario.kill_agent()
    scenario.guest.run(f"touch {scenario.rootfs}/go", check=True)
    scenario.until(lambda: not scenario.gone(f"{scenario.work}/run/workloads/alone/exit.json"), "its death")
    scenario.start_agent()
    scenario.wait_died("alone")
    verdict, text = scenario.why("alone")
    assert verdict["class"] == "OOM_OWN_LIMIT" and verdict["confidence"] == "proven", text
    lines, _ = kernel_log(scenario, "alone")
    assert any(line["text"].startswith(KILLED) for line in lines), lines


def test_a_flood_is_bounded_and_counted_and_hides_no_kill(scenario):
    wedge = scenario
    wedge.add_workload("wedge", ["/bin/sh", "-c", "until [ -e /go ]; do sleep 0.2; done; exec /bin/leaker"],
                       resources=LIMIT)
    wedge.wait_running("wedge")
    wedge.guest.run(
        f"for p in $(cat {wedge.payload('wedge')}/cgroup.procs); do echo -1000 > /proc/$p/oom_score_adj; done; "
        f"touch {wedge.rootfs}/go", check=True)
    dropped = "cgwarden_agent_kmsg_dropped_lines_total"
    wedge.until(lambda: wedge.metrics().get(dropped, 0) > 1000, "the flood to be cut", 180)
    wedge.guest.run(f"echo 1 > {SLICE}/wedge.scope/cgroup.kill", check=True)
    wedge.wait_died("wedge")
    died_of_oom(wedge, "beside")
    lines, gaps = kernel_log(wedge)
    assert sum(gap["missing"] for gap in gaps if gap["reason"] == "dropped") > 1000
    assert len(lines) < 20000, len(lines)
    assert any(line["text"].startswith(KILLED) and "(leaker)" in line["text"] for line in lines)


def another_boot(scenario, number):
    """What a boot changes for the agent: its number, and that nothing runs and no state in /run is left."""
    guest = scenario.guest
    fake = f"{scenario.work}/boot"
    guest.run(
        f"for s in {SLICE}/*.scope; do echo 1 > $s/cgroup.kill; done; pkill -9 -x cgwarden-shim; "
        f"for i in 1 2 3 4 5 6 7 8 9 10; do find {SLICE} -depth -mindepth 1 -type d -exec rmdir {{}} + 2>/dev/null; "
        f"[ -z \"$(find {SLICE} -mindepth 1 -type d)\" ] && break; sleep 0.3; done; "
        f"rm -rf {scenario.work}/run/workloads/*; umount {BOOT_ID} 2>/dev/null; "
        f"echo 0000000{number}-1111-2222-3333-444444444444 > {fake} && mount --bind {fake} {BOOT_ID}", check=True)


def test_what_ran_when_the_machine_was_restarted(scenario):
    guest = scenario.guest
    try:
        for name in ("shutdown", "other"):
            scenario.add_workload(name, ["/bin/sleep", "1000"])
            scenario.wait_running(name)
        scenario.guest.run(f"rm {scenario.work}/workloads/other.yaml", check=True)
        scenario.stop_agent()
        another_boot(scenario, 1)
        scenario.start_agent()
        verdict, text = scenario.why("other")
        assert verdict["class"] == "MACHINE_RESTARTED" and verdict["confidence"] == "likely", text
        assert "the agent had been stopped before" in text, text
        # It is started again, and its end is told all the same.
        scenario.wait_running("shutdown")
        told = json.loads(scenario.cli("why", "shutdown", "--incarnation", "1", "--json", check=True).stdout)
        assert told["verdict"]["class"] == "MACHINE_RESTARTED", told

        # This agent adopts nothing in order: it is killed as a power cut does.
        scenario.kill_agent()
        scenario.start_agent()
        scenario.kill_agent()
        another_boot(scenario, 2)
        guest.run(f"rm {scenario.work}/workloads/shutdown.yaml", check=True)
        scenario.start_agent()
        verdict, text = scenario.why("shutdown")
        assert verdict["class"] == "MACHINE_RESTARTED" and verdict["confidence"] == "likely", text
        assert "lost its power" in text, text
        # Once.
        scenario.stop_agent()
        scenario.start_agent()
        assert "MACHINE_RESTARTED" not in scenario.log(), scenario.log()
    finally:
        guest.run(f"umount {BOOT_ID}")


def test_an_end_that_neither_agent_nor_shim_saw(scenario):
    scenario.add_workload("unseen", ["/bin/sleep", "1000"])
    status = scenario.wait_running("unseen")
    scenario.kill_agent()
    scenario.guest.run(f"kill -9 {status['shim_pid']}; echo 1 > {SLICE}/unseen.scope/cgroup.kill", check=True)
    scenario.start_agent()
    scenario.wait_died("unseen")
    verdict, text = scenario.why("unseen")
    assert verdict["class"] == "AGENT_RESTARTED", text
    assert "wait status" in " ".join(verdict["evidence_lost"]), text
