"""Deaths of units and containers that are nobody's workload: a verdict under their own name."""

import foreign_cgroups
import pytest
from agent_scenario import BUILD, Scenario
from foreign_cgroups import CONTAINER, PODS, ROOT, UNIT

pytestmark = pytest.mark.fast

LEAKER = f"{BUILD}/examples/leaker"


@pytest.fixture(scope="module")
def scenario(machine_slot):
    with Scenario(machine_slot.guest()) as made:
        made.start_agent()
        assert "process_connector_off" not in made.log(), made.log()
        yield made


def told(scenario, name, expected, *, says=(), never=()):
    scenario.until(lambda: f"verdict={expected} " in scenario.log(), f"the death of {name}")
    verdict, text = scenario.why(name)
    assert verdict["class"] == expected, text
    for words in says:
        assert words in text, (words, text)
    for words in never:
        assert words not in text, (words, text)
    return verdict, text


def procs(scenario, path):
    return scenario.guest.run(f"cat {ROOT}{path}/cgroup.procs").text.split()


def test_a_unit_that_is_killed_and_a_container_that_runs_out_of_memory(scenario):
    guest = scenario.guest
    limits = {"memory.max": "32M", "memory.swap.max": "0"}
    with foreign_cgroups.running(
            guest, (["sleep", "1000"], {"memory.max": "64M"}), (["sh", "-c", f"sleep 6; exec {LEAKER}"], limits)):
        scenario.until(
            lambda: scenario.identities().get(CONTAINER, {}).get("container") == "cart"
            and UNIT in scenario.identities(), "both to be known")
        guest.run("sleep 2")
        (pid,) = procs(scenario, UNIT)
        killer = guest.run(f"echo $$; kill -9 {pid}; sleep 1", check=True).text.split()[0]
        verdict, text = told(scenario, "report.service", "KILLED_BY_USER", never=("own limit",))
        assert verdict["confidence"] == "proven" and verdict["actor"]["pid"] == int(killer), text
        verdict, text = told(scenario, "cart", "OOM_OWN_LIMIT", says=("memory.max",), never=("sent by",))
        assert verdict["limit"]["cgroup"] == CONTAINER, text
        assert verdict["confidence"] == "proven", text
        measured = [item for item in verdict["evidence"] if item["source"] == "statm"]
        assert any("leaker" in item["reference"] for item in measured), text


def test_a_units_child_that_was_oom_killed_before_does_not_explain_its_end(scenario):
    guest = scenario.guest
    limits = {"memory.max": "32M", "memory.swap.max": "0"}
    with foreign_cgroups.running(
            guest, (["sh", "-c", f"sleep 3; {LEAKER}; sleep 3; exit 7"], limits), (["sleep", "1000"], {})):
        verdict, text = told(scenario, "report.service", "EXITED", says=("exit code 7",))
        assert any("OOM killer was at work" in line for line in verdict["contributing"]), text


def test_doctor_knows_the_source(scenario):
    (line,) = [line for line in scenario.cli("doctor").text.splitlines() if "process ends" in line]
    assert line.startswith("good"), line


def test_a_limit_above_that_a_neighbour_reached_long_before_does_not_explain_its_end(scenario):
    guest = scenario.guest
    limits = {"memory.max": "32M", "memory.swap.max": "0"}
    go = "/run/foreign-deaths.go"
    waits = f"while [ ! -e {go} ]; do sleep 0.2; done; exec {LEAKER}"
    with foreign_cgroups.running(guest, (["sleep", "1000"], {}), (["sh", "-c", waits], limits)):
        scenario.until(lambda: scenario.identities().get(CONTAINER, {}).get("container") == "cart", "it to be known")
        ticks = scenario.ticks()
        scenario.until(lambda: scenario.ticks() >= ticks + 3, "three ticks")
        guest.write_file(f"{ROOT}{PODS}/memory.swap.max", "0")
        guest.write_file(f"{ROOT}{PODS}/memory.max", "40M")
        foreign_cgroups.make(guest, f"{PODS}/neighbour", {})
        guest.run(["sh", "-c", f"echo 1000 > /proc/self/oom_score_adj; exec {LEAKER}"], cgroup=f"{ROOT}{PODS}/neighbour")
        assert "\noom 0\n" not in guest.read_file(f"{ROOT}{PODS}/memory.events.local").decode()
        guest.write_file(f"{ROOT}{PODS}/memory.max", "max")
        # Local counters are read every ten seconds, and believed some seconds later.
        ticks = scenario.ticks()
        scenario.until(lambda: scenario.ticks() >= ticks + 20, "twenty ticks", 300)
        before = scenario.log().count("container_died")
        guest.run(f"touch {go}", check=True)
        scenario.until(lambda: scenario.log().count("container_died") > before, "its death", 300)
        verdict, text = scenario.why("cart")
        assert verdict["class"] == "OOM_OWN_LIMIT" and verdict["limit"]["cgroup"] == CONTAINER, text
        assert verdict["confidence"] == "proven", text
        assert "also hit its limit" not in text, text
        guest.run(f"rm {go}")
