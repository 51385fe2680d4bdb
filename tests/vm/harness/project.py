"""What a guest sees of the project: the source tree and the build, at their own paths."""

import os
from collections.abc import Iterable
from pathlib import Path

from harness.machine import Share

ROOT = Path(__file__).resolve().parents[3]


def shares(extra: Iterable[Share] = (), fixed: bool = False) -> list[Share]:
    """The tree, the directory of $CGWARDEN_BUILD_DIR when it lies elsewhere, and the extra ones.

    fixed: nobody builds or edits while the machine runs.
    """
    chosen = {ROOT: Share(ROOT, fixed=fixed)}
    build = os.environ.get("CGWARDEN_BUILD_DIR")
    if build and not Path(build).resolve().is_relative_to(ROOT):
        share = Share(Share.parse(build).path, fixed=fixed)
        chosen[share.path] = share
    for share in extra:
        chosen[share.path] = share
    # A share inside of another one is mounted after it.
    return [chosen[path] for path in sorted(chosen)]
