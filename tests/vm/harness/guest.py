"""The API of the tests: a booted guest and the commands in it."""

import contextlib
import dataclasses
import os
import shutil
import signal as signals
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness import cache
from harness.channel import Channel, FrameType, pack_string, pack_strings
from harness.errors import BootError, CommandFailed, CommandTimeout, GuestLost
from harness.machine import MEMORY_MIB, Machine, Share

# Emulation on a loaded machine is slow; a boot which takes longer than this will not end.
BOOT_TIMEOUT = float(os.environ.get("CGWARDEN_VM_BOOT_TIMEOUT", "180"))
# A living guest answers in milliseconds.
ANSWER_TIMEOUT = 120.0
DEFAULT_TIMEOUT = 240.0

# One directory per failure: enough to look back over some runs, not enough to fill a disk.
_KEPT_LOGS = 50

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}

Command = str | Sequence[str | os.PathLike[str]]


@dataclasses.dataclass(frozen=True)
class Completed:
    """How a command ended: `returncode` is None exactly when `signal` ended it."""

    args: list[str]
    stdout: bytes
    stderr: bytes
    returncode: int | None
    signal: int | None

    @property
    def text(self) -> str:
        return self.stdout.decode()

    def ended(self) -> str:
        if self.signal is not None:
            return f"was ended by {signals.Signals(self.signal).name}"
        return f"ended with exit code {self.returncode}"


class _Request:
    """Collects the answers to one request; the reader thread fills it, a caller waits on it."""

    def __init__(self, guest: "Guest") -> None:
        self._guest = guest
        self.changed = guest._changed
        self.pieces: dict[FrameType, list[bytes]] = {}
        self.id = guest._channel.open(self._on_frame)

    def _on_frame(self, kind: FrameType, payload: bytes) -> None:
        with self.changed:
            self.pieces.setdefault(kind, []).append(payload)
            self.changed.notify_all()

    def wait(self, *kinds: FrameType, timeout: float | None) -> FrameType | None:
        """The first of the kinds that has come; None after `timeout` seconds."""

        def arrived() -> FrameType | None:
            return next((kind for kind in kinds if kind in self.pieces), None)

        with self.changed:
            self.changed.wait_for(lambda: arrived() or self._guest._lost, timeout)
            kind = arrived()
        if kind is None and self._guest._lost:
            raise self._guest._lost_error()
        return kind

    def data(self, kind: FrameType) -> bytes:
        with self.changed:
            return b"".join(self.pieces.get(kind, []))

    def raise_error(self) -> None:
        payload = self.data(FrameType.ERROR)
        (number,) = struct.unpack_from("<i", payload)
        raise OSError(number, os.strerror(number), payload[4:].decode(errors="replace"))


class Process:
    """A command running in the guest."""

    def __init__(self, guest: "Guest", args: list[str], request: _Request, pid: int) -> None:
        self.args = args
        self.pid = pid
        self._guest = guest
        self._request = request

    @property
    def stdout(self) -> bytes:
        """What it has written so far."""
        return self._request.data(FrameType.STDOUT)

    @property
    def stderr(self) -> bytes:
        return self._request.data(FrameType.STDERR)

    @property
    def running(self) -> bool:
        return not self._request.data(FrameType.EXIT)

    def kill(self, sig: int = signals.SIGTERM) -> None:
        """Sends the signal to the process group of the command."""
        self._guest._send(FrameType.KILL, self._request.id, struct.pack("<I", sig))

    def write(self, data: bytes) -> None:
        """Writes to its stdin; the command must have been spawned with stdin=b""."""
        for start in range(0, len(data), 1 << 16):
            self._guest._send(FrameType.STDIN, self._request.id, data[start : start + (1 << 16)])

    def close_stdin(self) -> None:
        self._guest._send(FrameType.STDIN, self._request.id)

    def resize(self, rows: int, columns: int) -> None:
        self._guest._send(FrameType.RESIZE, self._request.id, struct.pack("<HH", rows, columns))

    def wait(self, timeout: float | None = DEFAULT_TIMEOUT) -> Completed:
        """Waits for its end; after `timeout` seconds kills it and raises CommandTimeout.

        Only a person at a terminal waits without a timeout (None).
        """
        if self._request.wait(FrameType.EXIT, timeout=timeout) is None:
            self.kill(signals.SIGKILL)
            if self._request.wait(FrameType.EXIT, timeout=ANSWER_TIMEOUT) is None:
                raise self._guest._hangs(f"it did not end {self.args!r} on SIGKILL")
            raise CommandTimeout(
                f"{self.args!r} ran longer than {timeout:g} s and was killed; "
                f"stdout so far: {self.stdout[-2000:]!r}, stderr: {self.stderr[-2000:]!r}"
            )
        code, sig = struct.unpack("<ii", self._request.data(FrameType.EXIT))
        return Completed(
            args=self.args,
            stdout=self.stdout,
            stderr=self.stderr,
            returncode=None if sig else code,
            signal=sig or None,
        )

    def wait_for_output(self, text: bytes, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Waits until stdout contains `text`."""
        with self._request.changed:
            self._request.changed.wait_for(
                lambda: text in b"".join(self._request.pieces.get(FrameType.STDOUT, []))
                or not self.running
                or self._guest._lost,
                timeout,
            )
        if text not in self.stdout:
            state = "runs" if self.running else "has ended"
            raise CommandTimeout(
                f"{self.args!r} {state} but did not write {text!r} within {timeout:g} s; "
                f"stdout: {self.stdout[-2000:]!r}, stderr: {self.stderr[-2000:]!r}"
            )


class Guest:
    """A booted machine. Use it as a context manager, or call close()."""

    def __init__(
        self, kernel: str, mode: str, shares: Sequence[Share] = (), deterministic: bool = False,
        memory_mib: int = MEMORY_MIB,
    ) -> None:
        self.kernel = kernel
        self.mode = mode
        self._changed = threading.Condition(threading.RLock())
        self._lost = False
        self._hang = ""
        started = time.monotonic()
        self._machine = Machine(kernel, mode, list(shares), deterministic, memory_mib)
        self._channel = Channel(self._machine.channel, self._on_lost)
        try:
            release = self._channel.wait_for_hello(BOOT_TIMEOUT)
            if release is None:
                reason = (
                    self._machine.last_words() if self._lost else f"silent for {BOOT_TIMEOUT:g} s"
                )
                logs = self.keep_logs("boot")
                raise BootError(f"{kernel} in {mode} mode did not boot: {reason} (logs: {logs})")
        except BaseException:
            self.close()
            raise
        self.release = release
        self.boot_seconds = time.monotonic() - started

    @classmethod
    def boot(
        cls, kernel: str, mode: str, shares: Sequence[Share] = (), deterministic: bool = False,
        memory_mib: int = MEMORY_MIB,
    ) -> "Guest":
        return cls(kernel, mode, shares, deterministic, memory_mib)

    def __enter__(self) -> "Guest":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._machine.stop()

    @property
    def alive(self) -> bool:
        return not self._lost and not self._hang

    def spawn(
        self,
        cmd: Command,
        *,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] = "/",
        cgroup: str | None = None,
        pty: tuple[int, int] | None = None,
        on_output: Callable[[FrameType, bytes], None] | None = None,
    ) -> Process:
        """Starts a command: a list is executed, a string goes to /bin/sh -c.

        Without `stdin` it reads from /dev/null, with it from a pipe which is left open. `env` adds
        to a minimal environment. `cgroup` is a directory in which the command starts. `pty` is
        (rows, columns). Raises OSError with the guest's errno when the command cannot be run.
        """
        args = ["/bin/sh", "-c", cmd] if isinstance(cmd, str) else [os.fspath(part) for part in cmd]
        argv = args
        if cgroup is not None:
            enter = 'echo 0 > "$0/cgroup.procs" && exec "$@"'
            argv = ["/bin/sh", "-c", enter, cgroup, *args]
        request = _Request(self)
        if on_output is not None:
            collect = request._on_frame

            def tee(kind: FrameType, payload: bytes) -> None:
                if kind in (FrameType.STDOUT, FrameType.STDERR):
                    on_output(kind, payload)
                else:
                    collect(kind, payload)

            self._channel._handlers[request.id] = tee
        flags = (1 if pty else 0) | (2 if stdin is not None else 0)
        environment = [f"{name}={value}" for name, value in {**_ENVIRONMENT, **(env or {})}.items()]
        payload = struct.pack("<BHH", flags, *(pty or (0, 0)))
        payload += pack_string(os.fspath(cwd)) + pack_strings(argv) + pack_strings(environment)
        self._send(FrameType.START, request.id, payload)
        answer = request.wait(FrameType.STARTED, FrameType.ERROR, timeout=ANSWER_TIMEOUT)
        if answer is None:
            raise self._hangs(f"it did not start {args!r}")
        if answer == FrameType.ERROR:
            request.raise_error()
        (pid,) = struct.unpack("<I", request.data(FrameType.STARTED))
        process = Process(self, args, request, pid)
        if stdin:
            process.write(stdin)
        return process

    def run(
        self,
        cmd: Command,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        check: bool = False,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] = "/",
        cgroup: str | None = None,
    ) -> Completed:
        """Runs a command to its end. With `check`, anything but exit code 0 raises."""
        process = self.spawn(cmd, stdin=stdin, env=env, cwd=cwd, cgroup=cgroup)
        if stdin is not None:
            process.close_stdin()
        completed = process.wait(timeout)
        if check and completed.returncode != 0:
            raise CommandFailed(
                f"{completed.args!r} {completed.ended()}; "
                f"stdout: {completed.stdout[-2000:]!r}, stderr: {completed.stderr[-2000:]!r}"
            )
        return completed

    def read_file(self, path: str | os.PathLike[str]) -> bytes:
        """The content of a file, of a control file too. Raises OSError with the guest's errno."""
        return self._ask(FrameType.READ_FILE, os.fspath(path).encode())

    def write_file(
        self, path: str | os.PathLike[str], data: bytes | str, mode: int = 0o644
    ) -> None:
        """Writes a file in one write(2). Raises OSError with the guest's errno."""
        content = data.encode() if isinstance(data, str) else data
        payload = struct.pack("<I", mode) + pack_string(os.fspath(path)) + content
        self._ask(FrameType.WRITE_FILE, payload)

    def dmesg(self) -> bytes:
        """The kernel's records in the format of /dev/kmsg."""
        return self.read_file("/dev/kmsg")

    def keep_logs(self, name: str) -> Path:
        """Saves the console and, of a living guest, the end of its kernel log; returns where."""
        logs = cache.directory() / "logs"
        stamp = time.strftime("%Y%m%d-%H%M%S")
        safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:80]
        target = logs / f"{stamp}-{self.kernel}-{self.mode}-{safe}-{os.getpid()}"
        target.mkdir(parents=True, exist_ok=True)
        (target / "console.log").write_text(self._machine.console())
        if hasattr(self, "release") and self.alive:
            with contextlib.suppress(OSError, GuestLost):
                lines = self.dmesg().splitlines(keepends=True)
                (target / "dmesg.txt").write_bytes(b"".join(lines[-400:]))
        for old in sorted(logs.iterdir())[:-_KEPT_LOGS]:
            shutil.rmtree(old, ignore_errors=True)
        return target

    def _ask(self, kind: FrameType, payload: bytes) -> bytes:
        request = _Request(self)
        try:
            self._send(kind, request.id, payload)
            answer = request.wait(FrameType.DONE, FrameType.ERROR, timeout=ANSWER_TIMEOUT)
            if answer is None:
                raise self._hangs(f"no answer to {kind.name}")
            if answer == FrameType.ERROR:
                request.raise_error()
            return request.data(FrameType.DATA)
        finally:
            self._channel.close(request.id)

    def _send(self, kind: FrameType, number: int, payload: bytes = b"") -> None:
        try:
            self._channel.send(kind, number, payload)
        except OSError:
            raise self._lost_error() from None

    def _on_lost(self) -> None:
        with self._changed:
            self._lost = True
            self._changed.notify_all()

    def _lost_error(self) -> GuestLost:
        reason = self._hang or self._machine.last_words()
        return GuestLost(f"the {self.kernel} guest in {self.mode} mode is gone: {reason}")

    def _hangs(self, sign: str) -> GuestLost:
        self._hang = f"{sign} for {ANSWER_TIMEOUT:g} s"
        return GuestLost(f"the {self.kernel} guest in {self.mode} mode hangs: {self._hang}")
