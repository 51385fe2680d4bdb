"""The cache directory: built once, outside the source tree, shared by parallel users."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import HarnessError

_BUILDING = ".building-"


def directory() -> Path:
    base = os.environ.get("CGWARDEN_VM_CACHE")
    if base:
        path = Path(base)
    else:
        xdg = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        path = Path(xdg) / "cgwarden" / "vm"
    _make_directories(path)
    return path.resolve()


def _make_directories(path: Path) -> None:
    """As mkdir -p; what root makes through sudo belongs to the owner of the directory it is in.

    Otherwise the first run would take ~/.cache from the user, whose own tools write there.
    """
    if path.is_dir():
        return
    _make_directories(path.parent)
    path.mkdir(exist_ok=True)
    if os.geteuid() == 0 and "SUDO_UID" in os.environ:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


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
            _make_directories(target.parent)
            with tempfile.TemporaryDirectory(prefix=_BUILDING, dir=directory()) as scratch:
                with _held(Path(scratch)):
                    result = Path(scratch) / "result"
                    build(result)
                    result.rename(target)
    return target


@contextlib.contextmanager
def _held(scratch: Path) -> Iterator[None]:
    """Locks the directory itself, for sweep(): the lock ends with the process that builds."""
    fd = os.open(scratch, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


def sweep() -> None:
    """Removes what builds left that were killed."""
    with locked("sweep"):
        for scratch in directory().glob(f"{_BUILDING}*"):
            # A younger one may be between its making and its lock.
            with contextlib.suppress(OSError):
                if time.time() - scratch.stat().st_mtime > 3600:
                    with _held(scratch):
                        shutil.rmtree(scratch)


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
