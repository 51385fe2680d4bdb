"""Boots Debian kernels with a real cgroup v2 tree in QEMU and runs commands in them.

    from harness import Guest

    with Guest.boot("6.12", "fast") as guest:
        print(guest.run(["uname", "-r"], check=True).stdout)
"""

from harness.errors import BootError, CommandFailed, CommandTimeout, GuestLost, HarnessError
from harness.guest import Completed, Guest, Process
from harness.kernels import KERNELS
from harness.machine import MODES, Share

__all__ = [
    "KERNELS",
    "MODES",
    "BootError",
    "CommandFailed",
    "CommandTimeout",
    "Completed",
    "Guest",
    "GuestLost",
    "HarnessError",
    "Process",
    "Share",
]
