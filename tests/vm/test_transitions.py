"""Random changes of policies against the real kernel: the cases are C++, in tests/agent/kernel."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CGWARDEN_BUILD_DIR", ROOT / "build" / "release"))
COUNT = os.environ.get("CGWARDEN_TRANSITIONS", "300")

pytestmark = pytest.mark.fast


def test_each_transition_is_taken_by_the_kernel_and_ends_as_wanted(guest):
    result = guest.run(["env", f"CGWARDEN_TRANSITIONS={COUNT}", BUILD / "tests" / "agent" / "agent_kernel_test"],
                       timeout=3600)
    assert result.returncode == 0, result.text + result.stderr.decode(errors="replace")
    assert "[  PASSED  ] 1 test" in result.text
