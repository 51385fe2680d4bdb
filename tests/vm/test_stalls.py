"""Stalls whose limit is not the workload's own memory or CPU: io.max, limits above it, cgroups of somebody else."""

import json

import foreign_cgroups
import pytest
from agent_scenario import BUILD, SLICE, Scenario
from foreign_cgroups import ROOT, UNIT

pytestmark = pytest.mark.fast

LEAKER = f"{BUILD}/examples/leaker"
READER = ["dd", "if=/dev/vda", "of=/dev/null", "bs=64k", "iflag=direct"]
RBPS = 1 << 20


@pytest.fixture(scope="module")
def scenario(machine_slot):
    """One agent and one guest for all: each case has a workload or a cgroup of its own."""
    with Scenario(machine_slot.guest()) as made:
        made.guest.run(f"echo '+cpu +memory +pids +io' > {ROOT}/cgroup.subtree_control", check=True)
        made.start_agent()
        yield made


@pytest.fixture(scope="module")
def disk(scenario):
    return scenario.guest.run("cat /sys/block/vda/dev", check=True).text.strip()


def run(scenario, name, command=("/bin/sleep", "1000"), **how):
    scenario.add_workload(name, list(command), **how)
    return scenario.wait_running(name)["main_pid"]


def end(scenario, name):
    scenario.guest.run(f"echo 1 > {SLICE}/{name}.scope/cgroup.kill", check=True)
    scenario.wait_died(name)


def stalled(scenario, name, expected, *, who="workload", limit):
    """The stall that the agent tells of, as `why` says it; `limit` is (cgroup, file)."""
    token = f"{'workload_stalled workload' if who == 'workload' else 'foreign_stalled name'}={name} verdict={expected} "
    scenario.until(lambda: token in scenario.log(), f"{name} to be {expected}", 120)
    verdict, text = scenario.why(name)
    assert (verdict["class"], verdict["death"]) == (expected, False), text
    assert "over" not in verdict, text
    assert (verdict["limit"]["cgroup"], verdict["limit"]["file"]) == limit, text
    assert verdict["advice"], text
    return verdict, text


def goes_on(scenario, name, expected, who="workload"):
    token = f"{'workload_goes_on workload' if who == 'workload' else 'foreign_goes_on name'}={name} verdict={expected} "
    scenario.until(lambda: token in scenario.log(), f"{name} to go on", 120)


def quotes(verdict, source):
    return [item["quote"] for item in verdict["evidence"] if item["source"] == source]


def test_waiting_for_its_own_io_max(scenario, disk):
    run(scenario, "reads")
    payload = scenario.payload("reads")
    scenario.guest.write_file(f"{payload}/io.max", f"{disk} rbps={RBPS}")
    scenario.guest.spawn(READER, cgroup=payload)
    verdict, text = stalled(scenario, "reads", "STALLED_IO_THROTTLED",
                            limit=("/cgwarden.slice/reads.scope/payload", "io.max"))
    assert verdict["confidence"] == "proven", text
    assert verdict["limit"]["value"] == f"{disk} rbps={RBPS} wbps=max riops=max wiops=max"
    assert f"vda ({disk})" in verdict["answer"] and "lost waiting for I/O" in verdict["answer"], text
    assert quotes(verdict, "io.stat") and quotes(verdict, "io.pressure"), text
    # Without a limit it gets on, and nobody says that it still waits.
    scenario.guest.write_file(f"{payload}/io.max", f"{disk} rbps=max")
    goes_on(scenario, "reads", "STALLED_IO_THROTTLED")
    document = json.loads(scenario.cli("why", "reads", "--json", check=True).stdout)
    assert document["verdict"] is None, document
    assert document["earlier"][0]["over"] is True, document
    end(scenario, "reads")


def test_waiting_for_the_io_max_of_the_slice(scenario, disk):
    run(scenario, "below")
    scenario.guest.write_file(f"{SLICE}/io.max", f"{disk} riops=16")
    try:
        scenario.guest.spawn(READER, cgroup=scenario.payload("below"))
        verdict, text = stalled(scenario, "below", "STALLED_IO_THROTTLED", limit=("/cgwarden.slice", "io.max"))
        assert "riops=16" in verdict["answer"] and "above it" in verdict["answer"], text
    finally:
        scenario.guest.write_file(f"{SLICE}/io.max", f"{disk} riops=max")
    end(scenario, "below")


def test_throttled_by_the_cpu_max_of_the_slice(scenario):
    run(scenario, "spins", ["/bin/sh", "-c", "while :; do :; done"])
    run(scenario, "idles")
    pressure = f"{scenario.payload('idles')}/cpu.pressure"
    # Its start waits for a processor too.
    scenario.until(
        lambda: scenario.guest.run(f"a=$(head -1 {pressure} | sed 's/.*=//'); sleep 3; "
                                   f"[ $a = $(head -1 {pressure} | sed 's/.*=//') ]").returncode == 0,
        "it to be idle")
    scenario.guest.write_file(f"{SLICE}/cpu.max", "10000 100000")
    try:
        verdict, text = stalled(scenario, "spins", "THROTTLED", limit=("/cgwarden.slice", "cpu.max"))
        assert "is throttled by /cgwarden.slice above it" in verdict["answer"], text
        assert verdict["limit"]["value"] == "10000 100000"
        (advice,) = [line for line in verdict["advice"] if "would have sufficed" in line]
        enough = int(advice.split("cpu.max = ")[1].split()[0])
        assert enough > 10000 and "of /cgwarden.slice" in advice, text
        # Who does not want to run is not held back.
        assert "workload_stalled workload=idles" not in scenario.log()
    finally:
        scenario.guest.write_file(f"{SLICE}/cpu.max", "max 100000")
    goes_on(scenario, "spins", "THROTTLED")
    for name in ("spins", "idles"):
        end(scenario, name)


@pytest.mark.each_kernel
def test_forks_refused_by_the_pids_max_of_the_slice(scenario):
    run(scenario, "forks", ["/bin/sh", "-c",
                            "while [ ! -e /tmp/go ]; do sleep 0.2; done; "
                            "(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done); "
                            "exec /bin/busybox watch -n 1 'sleep 1 & :'"])
    # What the slice refused before the first look at a workload is told of the slice alone.
    before = scenario.ticks()
    scenario.until(lambda: scenario.ticks() > before + 1, "a look at it")
    current = int(scenario.guest.read_file(f"{SLICE}/pids.current"))
    scenario.guest.write_file(f"{SLICE}/pids.max", str(current + 4))
    try:
        scenario.guest.run(f"touch {scenario.rootfs}/tmp/go", check=True)
        verdict, text = stalled(scenario, "forks", "PIDS_LIMIT", limit=("/cgwarden.slice", "pids.max"))
        assert verdict["limit"]["value"] == str(current + 4), text
    finally:
        scenario.guest.write_file(f"{SLICE}/pids.max", "max")
    end(scenario, "forks")


@pytest.mark.each_kernel
def test_a_unit_below_a_slice_that_refuses_forks_is_told_and_its_neighbour_is_not(scenario):
    """From 6.12 the counter moves at the slice alone, and the kernel log names who wanted to fork."""
    guest = scenario.guest
    gate = f"{scenario.rootfs}/tmp/pool.go"
    jobs = []
    for name, command in (("pool-forks", ["/bin/sh", "-c", f"while [ ! -e {gate} ]; do sleep 0.2; done; "
                                          "(for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done); sleep 1000; :"]),
                          ("pool-waits", ["sleep", "1000"])):
        foreign_cgroups.make(guest, f"/pool.slice/{name}.service", {})
        jobs.append(guest.spawn(command, cgroup=f"{ROOT}/pool.slice/{name}.service"))
    try:
        guest.write_file(f"{ROOT}/pool.slice/pids.max", "6")
        scenario.until(lambda: {f"/pool.slice/{name}.service" for name in ("pool-forks", "pool-waits")} <= set(scenario.identities()),
                       "the units to be known")
        before = scenario.ticks()
        scenario.until(lambda: scenario.ticks() > before + 1, "a look at them")
        guest.run(f"touch {gate}", check=True)
        token = "foreign_stalled name=unit:/pool-forks.service verdict=PIDS_LIMIT "
        scenario.until(lambda: token in scenario.log(), "the unit to be told", 120)
        verdict, text = scenario.why("pool-forks.service")
        assert (verdict["class"], verdict["death"]) == ("PIDS_LIMIT", False), text
        assert (verdict["limit"]["cgroup"], verdict["limit"]["file"], verdict["limit"]["value"]) == ("/pool.slice", "pids.max", "6"), text
        assert text.startswith("pool-forks.service could not fork: /pool.slice above it"), text
        assert verdict["confidence"] in ("strong", "proven"), text
        before = scenario.ticks()
        scenario.until(lambda: scenario.ticks() > before + 3, "whatever else is told")
        assert "foreign_stalled name=unit:/pool-waits.service" not in scenario.log()
    finally:
        for name in ("pool-forks", "pool-waits"):
            guest.run(f"echo 1 > {ROOT}/pool.slice/{name}.service/cgroup.kill", check=True)
        for job in jobs:
            job.wait(60)
        guest.run(f"find {ROOT}/pool.slice -depth -type d -exec rmdir {{}} +")


def test_a_thaw_is_known_at_once(scenario):
    run(scenario, "ice")
    freeze = f"{scenario.payload('ice')}/cgroup.freeze"
    scenario.guest.write_file(freeze, "1")
    verdict, _ = stalled(scenario, "ice", "FROZEN",
                         limit=("/cgwarden.slice/ice.scope/payload", "cgroup.freeze"))
    assert verdict["limit"]["value"] == "1"
    # Before the agent can have noticed: the kernel is asked.
    told = scenario.guest.run(
        f"echo 0 > {freeze}; while grep -q 'frozen 1' {scenario.payload('ice')}/cgroup.events; do :; done; "
        f"exec {BUILD}/cli/cgwarden --runtime-dir {scenario.work}/run --state-dir {scenario.work}/state why ice --json",
        check=True)
    document = json.loads(told.stdout)
    assert document["verdict"] is None, document
    assert document["earlier"][0]["class"] == "FROZEN", document
    goes_on(scenario, "ice", "FROZEN")
    end(scenario, "ice")


def test_a_continued_process_is_not_told_as_stopped(scenario):
    pid = run(scenario, "still")
    scenario.guest.run(f"kill -STOP {pid}", check=True)
    token = "workload_stalled workload=still verdict=STOPPED_BY_SIGNAL "
    scenario.until(lambda: token in scenario.log(), "the stop to be told")
    told = scenario.guest.run(
        f"kill -CONT {pid}; while grep -q '^State:.*stopped' /proc/{pid}/status; do :; done; "
        f"exec {BUILD}/cli/cgwarden --runtime-dir {scenario.work}/run --state-dir {scenario.work}/state why still --json",
        check=True)
    assert json.loads(told.stdout)["verdict"] is None, told.text
    end(scenario, "still")


@pytest.mark.each_kernel
def test_a_plain_cgroup_is_held_back_at_memory_high(scenario):
    guest = scenario.guest
    path = "/lab/held"
    foreign_cgroups.make(guest, path, {"memory.high": "16M", "memory.max": "512M", "memory.swap.max": "0"})
    job = guest.spawn([LEAKER], cgroup=ROOT + path)
    try:
        verdict, text = stalled(scenario, path, "STALLED_MEMORY_HIGH", who="foreign", limit=(path, "memory.high"))
        assert verdict["confidence"] == "proven", text
        assert verdict["limit"]["value"] == str(16 << 20)
        # The first look at a task that is busy for a moment shows nothing; the best of the last seconds is told.
        scenario.until(
            lambda: any("mem_cgroup_handle_over_high" in quote for quote in quotes(scenario.why(path)[0], "/proc/PID/wchan")),
            "where it waits to be told", 120)
        assert quotes(verdict, "memory.stat") == ["pgscan +0"], text
        guest.write_file(f"{ROOT}{path}/memory.high", "max")
        goes_on(scenario, path, "STALLED_MEMORY_HIGH", who="foreign")
    finally:
        guest.run(f"echo 1 > {ROOT}{path}/cgroup.kill", check=True)
        job.wait(60)
        guest.run(f"find {ROOT}/lab -depth -type d -exec rmdir {{}} +")


def test_a_unit_is_held_back_and_another_cgroup_waits_for_io(scenario, disk):
    guest = scenario.guest
    limits = {"memory.high": "16M", "memory.max": "512M", "memory.swap.max": "0"}
    foreign_cgroups.make(guest, "/lab/reads", {"io.max": f"{disk} rbps={RBPS}"})
    reader = guest.spawn(READER, cgroup=f"{ROOT}/lab/reads")
    try:
        with foreign_cgroups.running(guest, ([LEAKER], limits), (["sleep", "1000"], {})):
            scenario.until(
                lambda: "foreign_stalled name=unit:/report.service verdict=STALLED_MEMORY_HIGH " in scenario.log(),
                "the unit to be told", 120)
            verdict, text = scenario.why("report.service")
            assert verdict["class"] == "STALLED_MEMORY_HIGH", text
            assert verdict["limit"]["cgroup"] == UNIT, text
            assert text.startswith("report.service is held back at memory.high"), text
        stalled(scenario, "/lab/reads", "STALLED_IO_THROTTLED", who="foreign", limit=("/lab/reads", "io.max"))
    finally:
        guest.run(f"echo 1 > {ROOT}/lab/reads/cgroup.kill", check=True)
        reader.wait(60)
        guest.run(f"find {ROOT}/lab -depth -type d -exec rmdir {{}} +")
