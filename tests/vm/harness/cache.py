"""The cache directory: built once, outside the source tree, shared by parallel users."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import HarnessError


def directory() -> Path:
    base = os.environ.get("CGWARDEN_VM_CACHE")
    if base:
        path = Path(base)
    else:
        xdg = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        path = Path(xdg) / "cgwarden" / "vm"
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def digest(*parts: bytes | str) -> str:
    """A short key which changes when one of the parts does."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()[:16]


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    with open(directory() / f".lock-{name}", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def built(relative: str, build: Callable[[Path], None]) -> Path:
    """The cached path `relative`, made by build(temporary path) when it is missing.

    Whoever looks sees either nothing or the complete result; parallel callers build once.
    """
    target = directory() / relative
    if target.exists():
        return target
    with locked(relative.replace("/", "-")):
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".building-", dir=directory()) as scratch:
                result = Path(scratch) / "result"
                build(result)
                result.rename(target)
    return target


def open_in_use() -> int:
    """A descriptor to be held while a machine runs: clean() refuses to pull files from under it."""
    fd = os.open(directory() / ".in-use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(fd, fcntl.LOCK_SH)
    return fd


def clean() -> None:
    root = directory()
    with open(root / ".in-use", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HarnessError(f"a VM is running from {root}: stop it first") from None
        shutil.rmtree(root)
