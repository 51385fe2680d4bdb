"""The scenario matrix: each death and each stall gets the verdict that it must get, and no other tool's rules do (matrix/)."""

import dataclasses
import os

import pytest
from agent_scenario import Scenario
from matrix import batches, results
from matrix.run import Run

pytestmark = pytest.mark.fast

# For work on some of them: names of batches and of scenarios.
WANTED = os.environ.get("CGWARDEN_MATRIX", "").split()


def chosen():
    for batch in batches.BATCHES:
        cases = [case for case in batch.cases if not WANTED or batch.name in WANTED or case.name in WANTED]
        if cases:
            yield dataclasses.replace(batch, cases=cases)


CHOSEN = list(chosen())
CASES = [case for batch in CHOSEN for case in batch.cases]


@pytest.fixture(scope="module")
def matrix(machine_slot):
    """What was found of each scenario, of one run of them all."""
    guest = machine_slot.guest()
    with Scenario(guest) as scenario:
        scenario.start_agent()
        run = Run(scenario)
        for batch in CHOSEN:
            run.batch(batch.cases, getattr(run, batch.around) if batch.around else None)
            results.write(guest.kernel, run.found.values())
        run.close()
    return run.found


@pytest.mark.matrix
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_right(matrix, case):
    found = matrix[case.name]
    assert not found.faults(), f"{found.faults()}\n{found.text}"


@pytest.mark.matrix
def test_nothing_false_is_proven(matrix):
    false = [found.case.name for found in matrix.values()
             if found.verdict and found.verdict["confidence"] == "proven" and found.verdict["class"] != found.case.expected]
    assert false == []


def test_the_report_has_every_scenario():
    assert len(CASES) >= 40 or WANTED
    report = results.REPORT.read_text()
    missing = [case.name for case in CASES if f"| `{case.name}` |" not in report]
    assert missing == [], "renew it: tests/vm/matrix/report"
