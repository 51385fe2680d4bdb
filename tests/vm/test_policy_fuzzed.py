"""Policies that something broke, in the directory of a running agent: no crash, nothing of them in force, the old ones hold.

CGWARDEN_FUZZED=500 breaks so many, CGWARDEN_FUZZED_SEED=7 others.
"""

import json
import os
import random

import pytest
from policy_lab import HEAD, Lab, agent_beside

pytestmark = pytest.mark.fast

LAB = "/fuzzed"
COUNT = int(os.environ.get("CGWARDEN_FUZZED", "15"))
SEED = int(os.environ.get("CGWARDEN_FUZZED_SEED", "1"))
FILES = ("cpu.weight", "cpu.max", "memory.high", "memory.max", "pids.max")
GOOD = ("cpu: {weight: 300, max: 50ms/100ms}\nmemory: {high: 64MiB, max: 128MiB}\npids: {max: 40}\n",
        ("40", "50000 100000", "300", str(64 << 20), str(128 << 20)))
# What a broken one would have written, had it been taken in part.
OTHER = "cpu: {weight: 77, max: 20ms/100ms}\nmemory: {high: 32MiB, max: 48MiB}\npids: {max: 17}\n"
TOKENS = ("\t", "\n", " ", ":", "{", "}", "[", "]", "&a ", "*a ", "!!binary ", "|", "- ", "---\n", "'", '"', "#", "0", "-1", "%",
          "9" * 30, "\x00", "\x1b[2J", "\u202e", "max", "null", "~", "cpu: {}\n", "match: {}\n", "kind: Policy\n")


def broken(chance, text):
    """One to four changes; what comes out may be a good policy by chance."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        lines = text.splitlines(keepends=True)
        line = chance.randrange(len(lines)) if lines else 0
        text = chance.choice((
            lambda: text[:at] + chance.choice(TOKENS) + text[at:],
            lambda: text[:at],
            lambda: text[:at] + text[at + chance.randint(1, 12):],
            lambda: "".join(lines[:line] + lines[line + 1:]),
            lambda: "".join(lines[:line + 1] + lines[line:]),
            lambda: "".join(chance.sample(lines, len(lines))),
            lambda: text[:at] + chr(chance.randrange(1, 0x300)) + text[at:],
        ))()
    return text


@pytest.fixture(scope="module")
def scenario(machine_slot):
    with agent_beside(machine_slot.guest(), LAB) as made:
        yield made


def reloads(scenario):
    """How many loads succeeded and failed, and whether the last one succeeded."""
    metrics = scenario.metrics()
    name = "cgwarden_agent_policy_reloads_total"
    return (sum(value for key, value in metrics.items() if key.startswith(name)),
            metrics["cgwarden_agent_policy_last_reload_successful"] == 1)


def put(scenario, lab, text):
    """Writes the file in one step and waits for the load. Whether it was taken."""
    before, _ = reloads(scenario)
    scenario.guest.write_file(f"{scenario.work}/next", text.encode("utf-8", "surrogatepass"))
    scenario.guest.run(["mv", f"{scenario.work}/next", lab.policy], check=True)
    scenario.until(lambda: reloads(scenario)[0] > before, "the load of the file")
    return reloads(scenario)[1]


def test_what_is_broken_changes_nothing(scenario, request):
    lab = Lab(scenario, LAB, request)
    chance = random.Random(f"{SEED} {scenario.guest.kernel}")
    head = HEAD % (lab.name, lab.path)
    refused = 0

    def in_force():
        assert put(scenario, lab, head + GOOD[0]), scenario.log()
        for file, value in zip(("pids.max", "cpu.max", "cpu.weight", "memory.high", "memory.max"), GOOD[1], strict=True):
            lab.becomes(file, value)
        return [lab.read(file) for file in FILES]

    values = in_force()
    for number in range(COUNT):
        text = broken(chance, head + OTHER)
        taken = put(scenario, lab, text)
        assert scenario.agent.running, (number, text)
        check = scenario.cli("policy", "check", lab.policy)
        assert check.returncode in (0, 1), (number, text, check)
        assert taken == (check.returncode == 0), (number, text, check)
        if taken:
            in_force()
            continue
        refused += 1
        assert check.stdout or check.stderr, (number, text)
        # The agent has gone on with the old ones: it repairs what drifts from them.
        if refused % 5 == 0:
            lab.write("pids.max", "39")
            lab.becomes("pids.max", "40")
        assert [lab.read(file) for file in FILES] == values, (number, text)
    assert refused > COUNT / 2
    assert put(scenario, lab, head + "pids: {max: [}\n") is False
    lines = [line for line in scenario.log().splitlines() if " reload_failed " in line]
    assert len(lines) >= refused, lines
    told = json.loads(scenario.cli("doctor", "--json").stdout)
    assert lab.policy in json.dumps(told), told
    in_force()
