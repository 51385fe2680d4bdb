"""What policies do to cgroups of somebody else: originals and giving them back, drift, lower memory limits."""

import json

import pytest
from agent_scenario import BUILD, Scenario
from policy_lab import HEAD, ROOT, Lab, agent_beside

pytestmark = pytest.mark.fast

LAB = "/enforced"
LEAKER = f"{BUILD}/examples/leaker"


@pytest.fixture(scope="module")
def scenario(machine_slot):
    """One agent and one guest for all: each case has a cgroup and a policy of its own."""
    with agent_beside(machine_slot.guest(), LAB) as made:
        yield made


@pytest.fixture
def lab(scenario, request):
    return Lab(scenario, LAB, request)


def journal(scenario):
    """The living entries of the journal of originals, by cgroup and file."""
    entries = {}
    for line in scenario.guest.read_file(f"{scenario.work}/state/originals.jsonl").decode().splitlines()[1:]:
        entry = json.loads(line)
        key = entry["id"], entry["file"]
        if entry.get("forget"):
            entries.pop(key, None)
        else:
            entries[key] = entry
    return {(entry["cgroup"], entry["file"]): entry for entry in entries.values()}


def test_originals_are_given_back_after_a_kill_of_the_agent(scenario, lab):
    lab.write("cpu.weight", "300")
    lab.write("pids.max", "500")
    lab.write("memory.high", str(200 << 20))
    lab.wants("cpu: {idle: true, max: 0.5, burst: 50ms}\nmemory: {high: 100MiB}\npids: {max: 50}\n")
    lab.becomes("pids.max", "50")
    lab.becomes("cpu.max.burst", "50000")
    lab.becomes("cpu.idle", "1")
    entry = journal(scenario)[lab.path, "pids.max"]
    assert (entry["original"], entry["ours"], entry["policy"]) == ("500", "50", lab.name), entry
    # A new value of the policy is not a new original.
    lab.wants("cpu: {idle: true, max: 0.5, burst: 50ms}\nmemory: {high: 100MiB}\npids: {max: 60}\n")
    lab.becomes("pids.max", "60")
    scenario.kill_agent()
    lab.wants_nothing()
    # Somebody has changed this one since: it is theirs.
    lab.write("memory.high", str(77 << 20))
    explained = json.loads(scenario.cli("policy", "explain", lab.path, "--policy-dir", f"{scenario.work}/policies",
                                        "--json", check=True).stdout)
    knobs = {knob["file"]: knob for knob in explained["knobs"]}
    assert knobs["pids.max"]["set_by"] == "agent" and knobs["pids.max"]["original"]["value"] == "500", knobs
    assert knobs["memory.high"]["set_by"] == "other", knobs
    scenario.start_agent()
    lab.becomes("pids.max", "500")
    lab.becomes("cpu.max", "max 100000")
    assert lab.read("cpu.max.burst") == "0"
    assert lab.read("cpu.idle") == "0"
    # The kernel had forgotten it.
    lab.becomes("cpu.weight", "300")
    lab.said("original_not_restored", "file=memory.high ")
    assert lab.read("memory.high") == str(77 << 20)
    scenario.until(lambda: not [key for key in journal(scenario) if key[0] == lab.path], "an empty journal")
    assert len(lab.lines("policy_restored")) == 5, lab.lines("policy_restored")


def test_a_knob_that_no_policy_had_before_is_read_from_then_on(scenario, lab):
    """The agent does not read memory.swap.high before a policy asks for it."""
    lab.write("memory.swap.high", str(90 << 20))
    lab.wants("memory: {swap.high: 64MiB}\n")
    lab.becomes("memory.swap.high", str(64 << 20))
    lab.wants_nothing()
    lab.becomes("memory.swap.high", str(90 << 20))


def test_policy_revert_gives_back_what_apply_wrote(scenario, lab):
    path = f"{scenario.work}/{lab.name}.yaml"
    scenario.guest.write_file(path, HEAD % (lab.name, lab.path) + "pids: {max: 40}\ncpu: {weight: 50, max: 0.2}\n")
    assert scenario.cli("policy", "plan", path).returncode == 2
    scenario.cli("policy", "apply", path, check=True)
    assert scenario.cli("policy", "plan", path).returncode == 0
    # The agent, which does not know this policy, leaves it alone.
    before = scenario.ticks()
    scenario.until(lambda: scenario.ticks() > before + 2, "three ticks")
    assert (lab.read("pids.max"), lab.read("cpu.weight")) == ("40", "50")
    lab.write("cpu.weight", "60")
    dry = scenario.cli("policy", "revert", "--dry-run", lab.name, check=True).text
    assert "2 would be restored, 1 left to somebody else" in dry, dry
    assert lab.read("pids.max") == "40"
    reverted = scenario.cli("policy", "revert", lab.name, check=True).text
    assert f"restored   {lab.path} pids.max 40 -> max" in reverted, reverted
    assert f"left       {lab.path} cpu.weight 60" in reverted, reverted
    assert (lab.read("pids.max"), lab.read("cpu.weight"), lab.read("cpu.max")) == ("max", "60", "max 100000")
    assert "0 restored" in scenario.cli("policy", "revert", "--all", check=True).text


def test_what_the_agent_keeps_is_not_reverted_beside_it(scenario, lab):
    lab.wants("pids: {max: 30}\n")
    lab.becomes("pids.max", "30")
    refused = scenario.cli("policy", "revert", lab.name)
    assert refused.returncode == 1 and "the agent keeps it" in refused.stderr.decode(), refused
    assert lab.read("pids.max") == "30"
    lab.wants_nothing()
    lab.becomes("pids.max", "max")


def test_drift_is_repaired_or_reported_and_its_writer_named(scenario, lab):
    lab.wants("pids: {max: 30}\n")
    lab.becomes("pids.max", "30")
    shell = scenario.guest.run(f"echo 77 > {ROOT}{lab.path}/pids.max; echo $$", check=True).text.strip()
    (line,) = lab.said("policy_drift", "file=pids.max ")
    assert "ours=30 theirs=77 " in line and f"pid {shell}" in line, line
    lab.becomes("pids.max", "30")
    events = scenario.cli("events", "--kind", "policy_drift", check=True)
    scenario.until(lambda: lab.path in scenario.cli("events", "--kind", "policy_drift", check=True).text, "the event")
    # Reported: told once, and left alone until the policy wants another value.
    lab.wants("drift: report\npids: {max: 30}\n")
    scenario.until(lambda: scenario.log().count(" policies_loaded ") >= 2, "the reload")
    before = scenario.ticks()
    scenario.until(lambda: scenario.ticks() > before + 1, "a tick")
    lab.write("pids.max", "78")
    lab.said("policy_drift", "theirs=78 ", "left as it is")
    before = scenario.ticks()
    scenario.until(lambda: scenario.ticks() > before + 2, "three ticks")
    assert lab.read("pids.max") == "78"
    assert len(lab.lines("policy_drift")) == 2, lab.lines("policy_drift")
    lab.wants("drift: report\npids: {max: 29}\n")
    lab.becomes("pids.max", "29")
    lab.wants_nothing()
    lab.becomes("pids.max", "max")
    assert events.returncode == 0


def test_a_new_cgroup_is_limited_before_the_next_tick(scenario):
    """With long ticks. What its maker writes after that is no drift, and is given back in the end."""
    guest = scenario.guest

    def limits(name):
        return [guest.read_file(f"{ROOT}{LAB}/{name}/{file}").decode().strip() for file in ("memory.max", "pids.max")]

    with Scenario(guest) as slow:
        config = f"{slow.work}/agent.yaml"
        guest.write_file(config, "apiVersion: cgwarden/v1\nkind: Agent\nlisten: 127.0.0.1:9755\nintervals: {tick: 20s}\n")
        guest.write_file(f"{slow.work}/policies/new.yaml",
                         HEAD % ("new", f"['{LAB}/arrives*']") + "memory: {max: 64MiB}\npids: {max: 12}\n")
        slow.start_agent("--config", config, listen=None)
        assert " policy_write " not in slow.log()
        for name in ("arrives", "arrives/below", "arrives-too"):
            guest.run(f"mkdir {ROOT}{LAB}/{name}", check=True)
        for name in ("arrives", "arrives-too"):
            slow.until(lambda name=name: limits(name) == ["67108864", "12"], f"the limits of {name}", 18)
        guest.write_file(f"{ROOT}{LAB}/arrives/memory.max", "33554432")
        slow.until(lambda: limits("arrives") == ["67108864", "12"], "what the policy says, at the tick", 120)
        assert " policy_drift " not in slow.log()
        guest.write_file(f"{ROOT}{LAB}/arrives/memory.max", "16777216")
        slow.until(lambda: " policy_drift " in slow.log(), "the drift, at the tick", 120)
        guest.run(["rm", f"{slow.work}/policies/new.yaml"], check=True)
        slow.until(lambda: limits("arrives") == ["33554432", "max"], "what its maker wrote", 120)
        slow.until(lambda: limits("arrives-too") == ["max", "max"], "what it had", 120)
        slow.stop_agent()


def test_what_a_policy_wrote_before_a_death_is_told_with_it(scenario):
    guest, policy, limit = scenario.guest, f"{scenario.work}/policies/told.yaml", f"{ROOT}/cgwarden.slice/pids.max"
    scenario.add_workload("told", ["/bin/sleep", "1000"])
    pid = scenario.wait_running("told")["main_pid"]
    guest.write_file(policy, HEAD % ("told", "/cgwarden.slice") + "pids: {max: 400}\n")
    scenario.until(lambda: guest.read_file(limit) == b"400\n", "the limit of the policy", 300)
    guest.run(f"kill -9 {pid}", check=True)
    scenario.wait_died("told")
    verdict, text = scenario.why("told")
    assert verdict["class"] == "KILLED_BY_USER", text
    assert any("before: policy told wrote pids.max: max -> 400" in line for line in verdict["contributing"]), text
    guest.run(["rm", policy], check=True)
    scenario.until(lambda: guest.read_file(limit) == b"max\n", "what it had", 300)


def test_a_lower_memory_max_reclaims_first_and_kills_nobody(scenario, lab):
    guest = scenario.guest
    # 48 MiB of page cache, which can be reclaimed, and a process of the cgroup that must live.
    # Not on the root file system of the guest: a ramfs has no reclaim.
    reader = guest.spawn(["/bin/sh", "-c", "dd if=/dev/vda of=/dev/null bs=1M count=96 2>/dev/null; "
                          "echo read; exec sleep 1000"], cgroup=f"{ROOT}{lab.path}")
    scenario.until(lambda: b"read" in reader.stdout, "the cache to be filled", 120)
    assert int(lab.read("memory.current")) > 40 << 20
    lab.wants("memory: {max: 16MiB}\n")
    lab.becomes("memory.max", str(16 << 20))
    lab.becomes("memory.high", "max")
    assert int(lab.read("memory.current")) <= 16 << 20
    assert "oom_kill 0" in lab.read("memory.events"), lab.read("memory.events")
    assert reader.running
    lab.wants_nothing()
    lab.becomes("memory.max", "max")
    guest.run(f"echo 1 > {ROOT}{lab.path}/cgroup.kill", check=True)
    reader.wait(60)


def test_what_cannot_be_reclaimed_is_said_and_not_killed_for(scenario, lab):
    lab.write("memory.swap.max", "0")
    lab.write("memory.high", str(48 << 20))
    job = scenario.guest.spawn([LEAKER], cgroup=f"{ROOT}{lab.path}")
    scenario.until(lambda: int(lab.read("memory.current")) > 40 << 20, "anonymous memory", 120)
    lab.wants("memory: {max: 16MiB}\n")
    lab.said("policy_write_failed", "nothing was killed")
    assert lab.read("memory.max") == "max"
    assert lab.read("memory.high") == str(48 << 20)
    assert job.running and "oom_kill 0" in lab.read("memory.events"), lab.read("memory.events")
    # Unless somebody says that it may be.
    lab.wants("allowOom: true\nmemory: {max: 16MiB}\n")
    lab.becomes("memory.max", str(16 << 20))
    scenario.until(lambda: "oom_kill 0" not in lab.read("memory.events"), "the kernel to kill", 120)
    job.wait(60)
    lab.wants_nothing()
    lab.becomes("memory.max", "max")


def test_a_memory_max_that_comes_back_below_use_kills_nobody(scenario, lab):
    guest = scenario.guest
    lab.write("memory.max", str(16 << 20))
    lab.wants("memory: {max: 256MiB}\n")
    lab.becomes("memory.max", str(256 << 20))
    reader = guest.spawn(["/bin/sh", "-c", "dd if=/dev/vda of=/dev/null bs=1M count=96 2>/dev/null; "
                          "echo read; exec sleep 1000"], cgroup=f"{ROOT}{lab.path}")
    scenario.until(lambda: b"read" in reader.stdout, "the cache to be filled", 120)
    # What of it others have read before is charged to them.
    assert int(lab.read("memory.current")) > 32 << 20
    lab.wants_nothing()
    lab.becomes("memory.max", str(16 << 20))
    lab.becomes("memory.high", "max")
    assert reader.running and "oom_kill 0" in lab.read("memory.events"), lab.read("memory.events")
    scenario.until(lambda: not [key for key in journal(scenario) if key[0] == lab.path], "an empty journal")
    guest.run(f"echo 1 > {ROOT}{lab.path}/cgroup.kill", check=True)
    reader.wait(60)


def test_what_revert_cannot_shrink_is_said_and_not_killed_for(scenario, lab):
    lab.write("memory.swap.max", "0")
    lab.write("memory.max", str(16 << 20))
    path = f"{scenario.work}/{lab.name}.yaml"
    scenario.guest.write_file(path, HEAD % (lab.name, lab.path) + "memory: {max: 256MiB}\n")
    scenario.cli("policy", "apply", path, check=True)
    lab.write("memory.high", str(48 << 20))
    job = scenario.guest.spawn([LEAKER], cgroup=f"{ROOT}{lab.path}")
    scenario.until(lambda: int(lab.read("memory.current")) > 40 << 20, "anonymous memory", 120)
    refused = scenario.cli("policy", "revert", lab.name)
    assert refused.returncode == 1 and "nothing was killed" in refused.stderr.decode(), refused
    assert (lab.read("memory.max"), lab.read("memory.high")) == (str(256 << 20), str(48 << 20))
    assert job.running and "oom_kill 0" in lab.read("memory.events"), lab.read("memory.events")
    scenario.cli("policy", "revert", "--allow-oom", lab.name, check=True)
    assert lab.read("memory.max") == str(16 << 20)
    scenario.until(lambda: "oom_kill 0" not in lab.read("memory.events"), "the kernel to kill", 120)
    job.wait(60)
    assert "0 restored" in scenario.cli("policy", "revert", "--all", check=True).text


def test_an_idle_cgroup_of_apply_has_its_weight_again(scenario, lab):
    lab.write("cpu.weight", "300")
    path = f"{scenario.work}/{lab.name}.yaml"
    scenario.guest.write_file(path, HEAD % (lab.name, lab.path) + "cpu: {idle: true}\n")
    scenario.cli("policy", "apply", path, check=True)
    assert lab.read("cpu.idle") == "1"
    scenario.cli("policy", "revert", lab.name, check=True)
    assert (lab.read("cpu.idle"), lab.read("cpu.weight")) == ("0", "300")


def test_io_max_by_the_name_of_the_device(scenario, lab):
    guest = scenario.guest
    guest.run(f"echo +io > {ROOT}/cgroup.subtree_control && echo +io > {ROOT}{LAB}/cgroup.subtree_control", check=True)
    disk = guest.run("cat /sys/block/vda/dev", check=True).text.strip()
    path = f"{scenario.work}/{lab.name}.yaml"
    guest.write_file(path, HEAD % (lab.name, lab.path) + "io: {max: {/dev/vda: {rbps: 1MiB, wiops: 50}}}\n")
    planned = scenario.cli("policy", "plan", path)
    assert planned.returncode == 2 and f"{disk} rbps=max wiops=max -> {disk} rbps=1048576 wiops=50" in planned.text, planned
    scenario.cli("policy", "apply", path, check=True)
    assert lab.read("io.max") == f"{disk} rbps=1048576 wbps=max riops=max wiops=50"
    assert scenario.cli("policy", "plan", path).returncode == 0
    # What the policy no longer names is given back, the rest stays.
    guest.write_file(path, HEAD % (lab.name, lab.path) + "io: {max: {/dev/vda: {wiops: 50}}}\n")
    assert scenario.cli("policy", "plan", path).returncode == 2
    scenario.cli("policy", "apply", path, check=True)
    assert lab.read("io.max") == f"{disk} rbps=max wbps=max riops=max wiops=50"
    assert scenario.cli("policy", "plan", path).returncode == 0
    scenario.cli("policy", "revert", lab.name, check=True)
    assert lab.read("io.max") == ""
    # The agent reads what a policy sets that is there when it starts.
    lab.wants("io: {max: {vda: {rbps: 2MiB}}}\n")
    scenario.stop_agent()
    scenario.start_agent()
    lab.becomes("io.max", f"{disk} rbps=2097152 wbps=max riops=max wiops=max")
    lab.wants_nothing()
    lab.becomes("io.max", "")
