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
    file = Path(DIRECTORY) / f"{kernel}.json"
    # Batches can be run one after the other.
    rows = json.loads(file.read_text()) if file.exists() else {}
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
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows, indent=1))
