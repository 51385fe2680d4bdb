"""The room cgroup/ against the real kernel: the cases are C++, in tests/cgroup/kernel."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CGWARDEN_BUILD_DIR", ROOT / "build" / "release"))

pytestmark = pytest.mark.fast


@pytest.mark.each_kernel
def test_cgroup_kernel_interface(guest):
    result = guest.run([BUILD / "tests" / "cgroup" / "cgroup_kernel_test"], timeout=300)
    assert result.returncode == 0, result.text + result.stderr.decode(errors="replace")
    assert "[  PASSED  ]" in result.text
