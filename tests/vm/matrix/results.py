"""What a run found, as a file for the report."""

import json
import os
from pathlib import Path

from matrix.peers import PEERS

REPORT = Path(__file__).resolve().parents[3] / "docs" / "verdict-matrix.md"
DIRECTORY = os.environ.get("CGWARDEN_MATRIX_RESULTS")


def write(kernel, found):
    if not DIRECTORY:
        return
    rows = {}
    for one in found:
        verdict = one.verdict or {}
        rows[one.case.name] = {
            "verdict": verdict.get("class", "none"),
            "confidence": verdict.get("confidence", "none"),
            "right": not one.faults(),
            "faults": one.faults(),
            "text": one.text,
            "peers": {name: rule(one.case, one) for name, rule in PEERS.items()},
        }
    Path(DIRECTORY).mkdir(parents=True, exist_ok=True)
    (Path(DIRECTORY) / f"{kernel}.json").write_text(json.dumps(rows, indent=1))
