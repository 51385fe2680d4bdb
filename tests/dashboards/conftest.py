import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


class Promtool:
    """Debian's promtool: $PROMTOOL, or the one in PATH."""

    def __init__(self, path):
        self.path = path

    def run(self, *arguments, stdin=None):
        return subprocess.run(
            [self.path, *map(str, arguments)], input=stdin, capture_output=True, check=False
        )


@pytest.fixture(scope="session")
def promtool():
    path = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not path:
        pytest.fail("promtool is needed: install Debian's prometheus or set PROMTOOL to its path")
    return Promtool(path)
