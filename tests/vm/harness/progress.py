"""One line per step on stderr, with the time since the start of the program."""

import sys
import time

_START = time.monotonic()


def step(text: str) -> None:
    print(f"[{time.monotonic() - _START:6.1f} s] {text}", file=sys.stderr, flush=True)
