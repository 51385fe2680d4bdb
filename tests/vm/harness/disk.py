"""The guest image as a read-only disk: ext4 answers from the guest's own page cache.

Through virtiofs every open of a file is a round trip to another process, and a program with thirty
libraries makes thirty of them.
"""

import os
import subprocess
from pathlib import Path

from harness import cache, image
from harness.errors import HarnessError
from harness.progress import step

# Nothing is ever written: no journal, no reserved blocks, no room to grow. Checksums would only
# cost the emulated processor.
_OPTIONS = ["-q", "-t", "ext4", "-m", "0", "-O", "^has_journal,^metadata_csum,^resize_inode"]
_BLOCK = 4096


def get() -> Path:
    root = image.get()
    key = cache.digest(root.name, Path(__file__).read_bytes())

    def build(result: Path) -> None:
        step("making a disk of the guest image")
        blocks, inodes = _needs(root)
        command = ["mke2fs", *_OPTIONS, "-b", str(_BLOCK), "-N", str(inodes), "-d", root, result, str(blocks)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise HarnessError(f"mke2fs failed: {done.stderr.strip()}")

    return cache.built(f"disks/{key}.ext4", build)


def _needs(root: Path) -> tuple[int, int]:
    """Blocks and inodes, with room for what the file system itself takes."""
    blocks = inodes = 0
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            inodes += 1
            blocks += 1 + os.lstat(os.path.join(directory, name)).st_size // _BLOCK
    return blocks + blocks // 10 + inodes // 8 + 4096, inodes + 1024
