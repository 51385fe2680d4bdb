"""Connects the terminal of a person with a pty in the guest."""

import contextlib
import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator

from harness.channel import FrameType
from harness.errors import GuestLost, HarnessError
from harness.guest import Command, Completed, Guest, Process


def run(guest: Guest, cmd: Command, cwd: str) -> Completed:
    """Runs the command on the terminal until it ends."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise HarnessError("this needs a terminal; without one, use `vm run -- CMD`")
    size = os.get_terminal_size()
    with _raw_terminal():
        process = guest.spawn(
            cmd,
            env={"TERM": os.environ.get("TERM", "linux")},
            cwd=cwd,
            pty=(size.lines, size.columns),
            on_output=_to_terminal,
        )
        with _resized_with_terminal(process):
            threading.Thread(target=_feed, args=(process,), daemon=True).start()
            return process.wait(timeout=None)


def _to_terminal(_: FrameType, data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _feed(process: Process) -> None:
    with contextlib.suppress(GuestLost):
        while data := os.read(sys.stdin.fileno(), 4096):
            process.write(data)


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    saved = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)


@contextlib.contextmanager
def _resized_with_terminal(process: Process) -> Iterator[None]:
    def resize(*_: object) -> None:
        size = os.get_terminal_size()
        process.resize(size.lines, size.columns)

    saved = signal.signal(signal.SIGWINCH, resize)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, saved)
