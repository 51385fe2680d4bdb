"""The loops of policies on units of systemd: a quota goes by way of systemd, whole percents and no burst; a kill
rule heeds ManagedOOMPreference=, and the end of its victim is told as what it was."""

import pytest
from agent_scenario import BUILD, Scenario

pytestmark = pytest.mark.systemd

UNIT = "cgw-adapted.service"
PATH = f"/system.slice/{UNIT}"
POLICY = f"""apiVersion: cgwarden/v1
kind: Policy
metadata: {{name: found}}
match: {{cgroups: {PATH}}}
adapt: {{cpu: {{floor: 20m, ceiling: 1.5}}}}
"""


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        yield made


def test_the_quota_of_a_unit_is_found_by_way_of_systemd(scenario):
    guest = scenario.guest

    def quota():
        return guest.read_file(f"/sys/fs/cgroup{PATH}/cpu.max").decode().strip()

    def property_of(name):
        return guest.run(["systemctl", "show", UNIT, "-p", name, "--value"], check=True).text.strip()

    guest.run(["systemd-run", f"--unit={UNIT}", "-p", "CPUQuota=2%", "-p", "MemoryAccounting=yes",
               "/bin/sh", "-c", "while :; do :; done"], check=True)
    try:
        scenario.until(lambda: quota() == "2000 100000", "the unit's own quota", 120)
        guest.write_file(f"{scenario.work}/policies/found.yaml", POLICY)
        scenario.start_agent("--bus", "auto")
        scenario.until(lambda: int(quota().split()[0]) > 2000, "a larger quota", 300)
        log = scenario.log()
        assert "policy_adapt" in log and "loop=cpu " in log, log
        # systemd knows it too, and a reload undoes nothing.
        scenario.until(lambda: property_of("CPUQuotaPerSecUSec") != "20ms", "systemd to know it", 120)
        guest.run(["systemctl", "daemon-reload"], check=True, timeout=120)
        assert int(quota().split()[0]) > 2000
        assert guest.read_file(f"/sys/fs/cgroup{PATH}/cpu.max.burst").decode().strip() == "0"
        assert "policy_write_failed" not in scenario.log() and "policy_drift" not in scenario.log(), scenario.log()
        guest.run(["rm", f"{scenario.work}/policies/found.yaml"], check=True)
        scenario.until(lambda: quota() == "2000 100000", "the unit's own quota again", 300)
    finally:
        guest.run(["systemctl", "stop", UNIT], timeout=120)


RULE = """apiVersion: cgwarden/v1
kind: Policy
metadata: {name: shed}
match: {cgroups: /cgwlab.slice}
adapt: {kill: {full: 0.5, lasting: 3s, budget: 1, budgetTime: 24h}}
"""


def test_a_kill_rule_spares_what_is_to_be_omitted_and_its_victim_says_who_it_was(scenario):
    guest = scenario.guest

    def start(name, high, *properties):
        guest.run(["systemd-run", f"--unit={name}.service", "--slice=cgwlab.slice", "-p", f"MemoryHigh={high}",
                   "-p", "MemorySwapMax=0", *properties, f"{BUILD}/examples/leaker"], check=True)

    def state(name):
        return guest.run(["systemctl", "is-active", f"{name}.service"]).text.strip()

    try:
        scenario.start_agent("--bus", "auto")
        start("cgw-kept", "48M", "-p", "ManagedOOMPreference=omit")
        start("cgw-shed", "24M")
        guest.write_file(f"{scenario.work}/policies/shed.yaml", RULE)
        scenario.until(lambda: state("cgw-shed") != "active", "the rule to kill it", 300)
        died = 'cgwarden_unit_deaths_total{unit="cgw-shed.service",verdict="KILLED_BY_POLICY"}'
        scenario.until(lambda: scenario.metrics().get(died, 0) >= 1, "the verdict", 120)
        verdict, text = scenario.why("cgw-shed.service")
        assert (verdict["class"], verdict["confidence"]) == ("KILLED_BY_POLICY", "proven"), text
        assert "cgwarden, the kill rule of policy shed" in text and "omitted" not in verdict["answer"].split(";")[0], text
        assert "cgw-kept.service (omitted)" in text, text
        assert state("cgw-kept") == "active"
    finally:
        guest.run("systemctl stop cgw-kept.service cgw-shed.service; systemctl reset-failed", timeout=120)
