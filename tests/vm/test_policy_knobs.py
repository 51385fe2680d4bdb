"""Every knob of a policy end to end, where its policies come from, and what keeps the agent from writing."""

import json
from types import SimpleNamespace

import pytest
from agent_scenario import BUILD, PORT, Scenario
from policy_lab import HEAD, ROOT, Lab, agent_beside

pytestmark = pytest.mark.fast

LAB = "/knobs"
LEAKER = f"{BUILD}/examples/leaker"
CONTROLLERS = ("cpuset", "io", "hugetlb")


@pytest.fixture(scope="module")
def scenario(machine_slot):
    """One agent and one guest for all: each case has a cgroup and a policy of its own."""
    guest = machine_slot.guest()
    with agent_beside(guest, LAB) as made:
        for controller in CONTROLLERS:
            guest.run(f"grep -qw {controller} {ROOT}/cgroup.controllers && echo +{controller} > {ROOT}/cgroup.subtree_control && "
                      f"echo +{controller} > {ROOT}{LAB}/cgroup.subtree_control")
        yield made


@pytest.fixture
def lab(scenario, request):
    return Lab(scenario, LAB, request)


def disk(scenario):
    return scenario.guest.run("cat /sys/block/vda/dev", check=True).text.strip()


# name: the lines of the policy, and {file: what the kernel then has}
KNOBS = {
    "cpuset": ("cpuset: {cpus: 0, mems: 0}\n", {"cpuset.cpus": "0", "cpuset.mems": "0"}),
    "freeze": ("cgroup: {freeze: true}\n", {"cgroup.freeze": "1"}),
    "oom-group": ("memory: {oom.group: true}\n", {"memory.oom.group": "1"}),
    "swap": ("memory: {swap.max: 8MiB, swap.high: 4MiB}\n",
             {"memory.swap.max": str(8 << 20), "memory.swap.high": str(4 << 20)}),
    "zswap": ("memory: {zswap.max: 4MiB}\n", {"memory.zswap.max": str(4 << 20)}),
    "protection": ("memory: {min: 1MiB, low: 2MiB}\n", {"memory.min": str(1 << 20), "memory.low": str(2 << 20)}),
    "hugetlb": ("hugetlb: {2MB.max: 4MiB}\n", {"hugetlb.2MB.max": str(4 << 20)}),
    "io-weight": ("io: {weight: 50}\n", {"io.weight": "default 50"}),
    "io-max": ("io: {max: {/dev/vda: {wbps: 1MiB, riops: 70}}}\n", {"io.max": "{disk} rbps=max wbps=1048576 riops=70 wiops=max"}),
    "io-latency": ("io: {latency: {vda: 20ms}}\n", {"io.latency": "{disk} target=20000"}),
    "cpu": ("cpu: {weight: 70, max: 300m, burst: 20ms}\npids: {max: 9}\n",
            {"cpu.weight": "70", "cpu.max": "30000 100000", "cpu.max.burst": "20000", "pids.max": "9"}),
    "kubernetes": ("requests: {cpu: 500m, memory: 8Mi}\nlimits: {cpu: 1, memory: 16Mi}\n",
                   {"cpu.weight": "59", "cpu.max": "100000 100000", "memory.max": str(16 << 20)}),
}


@pytest.mark.parametrize("knob", KNOBS)
def test_a_knob_is_written_and_given_back(scenario, knob):
    """Or skipped with the reason, on a kernel that has no such file."""
    guest = scenario.guest
    lab = Lab(scenario, LAB, SimpleNamespace(node=SimpleNamespace(name=f"test_knob_{knob}")))
    lines, wanted = KNOBS[knob]
    there = [file for file in wanted if guest.run(["test", "-e", f"{ROOT}{lab.path}/{file}"]).returncode == 0]
    before = {file: lab.read(file) for file in there}
    lab.wants(lines)
    for file, value in wanted.items():
        if file in there:
            lab.becomes(file, value.replace("{disk}", disk(scenario)))
        else:
            lab.said("policy_skipped", f"file={file} ")
    explained = json.loads(scenario.cli("policy", "explain", lab.path, "--json", check=True).stdout)
    shown = {entry["file"]: entry for entry in explained["knobs"]}
    for file in there:
        assert shown[file]["set_by"] == "agent", shown[file]
    lab.wants_nothing()
    for file, value in before.items():
        lab.becomes(file, value)


def test_a_drop_in_changes_a_policy_and_a_bad_one_changes_nothing(scenario, lab):
    guest = scenario.guest
    header = "apiVersion: cgwarden/v1\nkind: Policy\n"
    directory = f"{scenario.work}/policies/{lab.name}.d"
    lab.wants("pids: {max: 40}\ncpu: {weight: 200}\n")
    lab.becomes("pids.max", "40")
    # A directory that comes later is watched too.
    guest.run(["mkdir", directory], check=True)
    guest.write_file(f"{directory}/20.yaml", header + "pids: {max: 42}\n")
    lab.becomes("pids.max", "42")
    assert lab.read("cpu.weight") == "200"
    guest.write_file(f"{directory}/10.yaml", header + "pids: {max: 41}\nunset: [cpu.weight]\n")
    lab.becomes("cpu.weight", "100")
    assert lab.read("pids.max") == "42"
    guest.write_file(f"{directory}/30.yaml", header + "pids: {max: 43}\ncpu: {max: 1ms/10s}\n")
    scenario.until(lambda: scenario.metrics()["cgwarden_agent_policy_last_reload_successful"] == 0, "the refusal", 300)
    assert "30.yaml:4:" in scenario.log() and "The old policies stay in force" in scenario.log()
    doctor = scenario.cli("doctor").text
    assert "30.yaml:4:" in doctor, doctor
    ticks = scenario.ticks()
    scenario.until(lambda: scenario.ticks() > ticks + 1, "two ticks", 300)
    assert lab.read("pids.max") == "42"
    # What is in force is what is explained and planned, not what the files say.
    assert "20.yaml" in scenario.cli("policy", "explain", lab.path, check=True).text
    assert scenario.cli("policy", "plan").returncode == 0
    listed = json.loads(scenario.cli("policy", "explain", "--json", check=True).stdout)["policies"]
    (entry,) = [entry for entry in listed if entry["name"] == lab.name]
    assert entry["cgroups"] == 1 and [name.rpartition("/")[2] for name in entry["drop_ins"]] == ["10.yaml", "20.yaml"], entry
    guest.run(["rm", f"{directory}/30.yaml"], check=True)
    scenario.until(lambda: scenario.metrics()["cgwarden_agent_policy_last_reload_successful"] == 1, "the good set", 300)
    guest.run(["rm", "-r", directory], check=True)
    lab.becomes("pids.max", "40")
    lab.becomes("cpu.weight", "200")
    lab.wants_nothing()
    lab.becomes("pids.max", "max")


def test_policies_select_workloads_by_name_and_label(scenario):
    guest, policies = scenario.guest, f"{scenario.work}/policies"

    def pids(name):
        return scenario.read_control_or_none(name, "pids.max")

    for name, tier in (("sel-gold", "gold"), ("sel-tin", "tin")):
        guest.write_file(f"{scenario.work}/workloads/{name}.yaml",
                         "apiVersion: cgwarden/v1\nkind: Workload\n"
                         f"metadata: {{name: {name}, labels: {{tier: {tier}}}}}\n"
                         f"command: [/bin/sleep, '1000']\nrootfs: {scenario.rootfs}\n")
    match = "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: %s}\nmatch: %s\n"
    guest.write_file(f"{policies}/labelled.yaml", match % ("labelled", "{labels: {tier: g*}}") + "pids: {max: 33}\n")
    guest.write_file(f"{policies}/named.yaml", match % ("named", "{workloads: 'sel-*'}") + "memory: {max: 64MiB}\n")
    scenario.until(lambda: pids("sel-gold") == "33", "the labelled one", 300)
    for name in ("sel-gold", "sel-tin"):
        scenario.until(lambda name=name: scenario.read_control_or_none(name, "memory.max") == str(64 << 20), name, 300)
    assert pids("sel-tin") == "max"
    plan = json.loads(scenario.cli("policy", "plan", policies, "--json").stdout)
    assert not plan["writes"], plan
    guest.run(f"rm {policies}/labelled.yaml {policies}/named.yaml", check=True)
    scenario.until(lambda: pids("sel-gold") == "max", "what it had", 300)


def test_an_agent_killed_while_it_shrinks_gives_memory_high_back(scenario, lab):
    """Nothing can be reclaimed, so that it goes on for seconds."""
    lab.write("memory.swap.max", "0")
    lab.write("memory.high", str(100 << 20))
    job = scenario.guest.spawn([LEAKER], cgroup=f"{ROOT}{lab.path}")
    scenario.until(lambda: int(lab.read("memory.current")) > 40 << 20, "anonymous memory", 300)
    lab.write("memory.high", str(48 << 20))
    lab.wants("memory: {max: 16MiB}\n")
    scenario.until(lambda: lab.read("memory.high") == str(16 << 20), "the shrink to begin", 300)
    scenario.kill_agent()
    assert lab.read("memory.high") == str(16 << 20), "it was over before the agent was killed"
    lab.wants_nothing()
    scenario.start_agent()
    lab.becomes("memory.high", str(48 << 20))
    assert lab.read("memory.max") == "max"
    assert job.running and "oom_kill 0" in lab.read("memory.events"), lab.read("memory.events")
    scenario.guest.run(f"echo 1 > {ROOT}{lab.path}/cgroup.kill", check=True)
    job.wait(60)


def test_protected_cgroups_and_the_limit_of_writes(scenario, lab):
    """An agent of its own, whose configuration has both."""
    guest = scenario.guest
    for name in ("guarded", "eager"):
        guest.run(f"mkdir {ROOT}{lab.path}-{name}", check=True)
    with Scenario(guest) as other:
        config = f"{other.work}/agent.yaml"
        guest.write_file(config, "apiVersion: cgwarden/v1\nkind: Agent\nlisten: 127.0.0.1:9756\n"
                         f"enforcement: {{protected: [{lab.path}-guarded], cgroupWritesPerMinute: 2}}\n")
        guest.write_file(f"{other.work}/policies/p.yaml",
                         HEAD % ("p", f"['{lab.path}-*', /init.scope]") + "pids: {max: 30}\ncpu: {weight: 50, idle: false, max: 1}\n"
                         "memory: {high: 32MiB, max: 64MiB}\n")
        other.start_agent("--config", config, listen=None)

        def lines(event, name):
            return [line for line in other.log().splitlines() if f" {event} " in line and f"cgroup={lab.path}-{name} " in line]

        other.until(lambda: lines("policy_write_deferred", "eager"), "the limit", 300)
        assert len(lines("policy_write", "eager")) == 2, other.log()
        assert "the limit of writes in a minute" in lines("policy_write_deferred", "eager")[0]
        assert all("it is protected" in line for line in lines("policy_skipped", "guarded"))
        assert lines("policy_skipped", "guarded") and not lines("policy_write", "guarded")
        assert guest.read_file(f"{ROOT}{lab.path}-guarded/pids.max").strip() == b"max"
        # The others come when their time comes, and nothing is lost.
        other.until(lambda: guest.read_file(f"{ROOT}{lab.path}-eager/memory.max").strip() == str(64 << 20).encode(),
                    "the rest of the writes", 900)
        other.stop_agent()
    assert PORT != 9756


def test_commands_say_what_is_wrong_without_an_agent_or_policies(scenario):
    """As somebody would try them: no agent, no directory, nothing in it, not root."""
    guest = scenario.guest
    with Scenario(guest) as idle:
        assert idle.cli("policy", "explain", LAB, check=True).text.startswith(LAB)
        assert idle.cli("policy", "plan").returncode == 0
        gone = idle.cli("policy", "plan", f"{idle.work}/none")
        assert gone.returncode == 1 and f"{idle.work}/none" in gone.stderr.decode(), gone
        empty = idle.cli("policy", "check", f"{idle.work}/policies")
        assert empty.returncode == 1 and "no *.yaml or *.yml file" in empty.stderr.decode(), empty
        default = idle.cli("policy", "check")
        assert default.returncode == 1 and "/etc/cgwarden/policies.d" in default.stderr.decode(), default
        assert idle.cli("policy", "explain", "/no/such/cgroup").returncode == 3
        assert idle.cli("policy", "apply").returncode == 2
