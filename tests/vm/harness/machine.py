"""One QEMU process with its virtiofsd processes: started, watched, and never left running."""

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path
from typing import BinaryIO

from harness import cache, disk, initramfs, kernels
from harness.errors import HarnessError

MODES = ("fast", "systemd")

_VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
_QEMU = "qemu-system-x86_64"

# Emulation works everywhere. The presence of /dev/kvm says nothing about its usefulness, so
# hardware acceleration is a decision of the person who sets CGWARDEN_VM_ACCEL=kvm.
# One thread for both processors: with one each, a processor may run into the breakpoint that another
# has just taken away while the kernel patches itself (static keys), and panics (int3 in
# __alloc_pages_noprof, three times in five runs of the tests on 6.12).
_ACCELERATOR = "tcg,thread=single"

# A killed child is gone in milliseconds; more only where nobody reaps orphans.
_REAPING_SECONDS = 10.0

# Without ERMS: a kernel that is told that `rep movsb` is fast copies and clears all memory with it,
# and emulation goes through it byte by byte (a start of a program takes twice as long).
_PROCESSOR = "max,-erms"

# norandmaps: translated code is found again by its address, so a library that lies elsewhere in
# every process is translated anew for each (a start of a program takes three times as long).
_COMMAND_LINE = (
    "console=ttyS0 quiet panic=-1 psi=1 cgroup_no_v1=all no_timer_check tsc=reliable "
    "random.trust_cpu=on mitigations=off norandmaps"
)

# A read-only bind mount in a mount namespace of its own: the guest is root inside of its own
# machine and must not be able to write to the shared tree, whatever it mounts.
_READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"
"""


@dataclasses.dataclass(frozen=True)
class Share:
    """A directory of the host, at the same absolute path in the guest."""

    path: Path
    writable: bool = False
    fixed: bool = False
    """nobody changes it while the machine runs: the guest may keep what it has read"""

    @classmethod
    def parse(cls, text: str) -> "Share":
        """DIR or DIR:rw"""
        directory, writable = (text[:-3], True) if text.endswith(":rw") else (text, False)
        path = Path(directory).resolve()
        if not path.is_dir():
            raise HarnessError(f"{directory} is not a directory")
        return cls(path, writable)


# What tests need; the host gives only what the guest touches.
MEMORY_MIB = 1024


class Machine:
    """A running machine. `channel` is connected to the virtio-serial port of the guest agent.

    Start it from the main thread: the kernel ends the processes when the thread which started
    them ends, which is also how they die with a killed harness.
    """

    def __init__(
        self, kernel_name: str, mode: str, shares: list[Share], deterministic: bool = False,
        memory_mib: int = MEMORY_MIB,
    ) -> None:
        _require_tools()
        self.kernel = kernels.get(kernel_name)
        root = disk.get()
        archive = initramfs.get(self.kernel)
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, cache.open_in_use())
            self._console: BinaryIO = stack.enter_context(tempfile.TemporaryFile())
            # What QEMU and virtiofsd complain about; a file, because nobody empties a pipe.
            self._errors: BinaryIO = stack.enter_context(tempfile.TemporaryFile())
            self.channel, agent_end = socket.socketpair()
            stack.callback(self.channel.close)
            inherited = [agent_end]
            devices = ["-chardev", f"socket,id=agent,fd={agent_end.fileno()}"]
            devices += ["-device", "virtserialport,chardev=agent,name=cgwarden.vm"]
            devices += ["-drive", f"if=none,id=image,format=raw,read-only=on,file={root}"]
            devices += ["-device", "virtio-blk-pci,drive=image"]
            layers = [("kernel", Share(self.kernel.root, fixed=True))]
            extra = [(f"share{number}", share) for number, share in enumerate(shares)]
            for tag, share in layers + extra:
                end = _serve_directory(stack, share, self._errors)
                inherited.append(end)
                devices += ["-chardev", f"socket,id={tag},fd={end.fileno()}"]
                devices += ["-device", f"vhost-user-fs-pci,chardev={tag},tag={tag}"]
            words = [_COMMAND_LINE, f"vm.mode={mode}", *(_mount_word(t, s) for t, s in extra)]
            if mode == "systemd":
                words.append("systemd.unified_cgroup_hierarchy=1 systemd.show_status=0")
            command = [*_processor_options(deterministic, memory_mib), *devices]
            command += ["-serial", f"file:/proc/self/fd/{self._console.fileno()}"]
            command += ["-kernel", str(self.kernel.image), "-initrd", str(archive)]
            command += ["-append", " ".join(words)]
            descriptors = [end.fileno() for end in (*inherited, self._console)]
            self.process = _start(stack, [_QEMU, *command], descriptors, self._errors)
            for end in inherited:
                end.close()
            self._stack = stack.pop_all()

    def console(self) -> str:
        """What the kernel has said on the serial console so far."""
        fd = self._console.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")

    def last_words(self) -> str:
        """Why the machine ended, as far as the console and QEMU tell."""
        console = self.console()
        for pattern in (r"Kernel panic - [^\r\n]*", r"vm init: [^\r\n]*", r"vm agent: [^\r\n]*"):
            found = re.search(pattern, console)
            if found:
                return found[0]
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(timeout=1)
            self._errors.seek(0)
            text = self._errors.read().decode(errors="replace").strip()
            return text.splitlines()[-1] if text else f"QEMU ended with exit code {code}"
        return "the guest closed its port"

    def stop(self) -> None:
        self._stack.close()


def _require_tools() -> None:
    missing = [tool for tool in (_QEMU, _VIRTIOFSD, "mmdebstrap", "mke2fs", "cpio") if not shutil.which(tool)]
    if missing:
        raise HarnessError(
            f"{', '.join(missing)} not found: install qemu-system-x86 qemu-system-common "
            "mmdebstrap e2fsprogs cpio zstd lz4 kmod"
        )
    if os.geteuid() != 0:
        raise HarnessError("the VM shares directories through virtiofsd, which needs root")


def _processor_options(deterministic: bool, memory_mib: int) -> list[str]:
    if deterministic:
        # One virtual processor in virtual time: the scheduler's timing repeats.
        # An instruction takes 2^shift ns.
        shift = os.environ.get("CGWARDEN_VM_ICOUNT_SHIFT", "3")
        processor = ["-accel", "tcg,thread=single", "-icount", f"shift={shift},sleep=off", "-smp", "1"]
    else:
        accelerator = os.environ.get("CGWARDEN_VM_ACCEL", _ACCELERATOR)
        processor = ["-accel", accelerator, "-smp", "2"]
    return [
        "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        *processor, "-cpu", _PROCESSOR, "-m", str(memory_mib),
        "-machine", "q35,memory-backend=memory,usb=off,smbus=off,sata=off,hpet=off",
        "-object", f"memory-backend-memfd,id=memory,size={memory_mib}M,share=on",
        "-device", "virtio-serial-pci",
    ]  # fmt: skip


def _mount_word(tag: str, share: Share) -> str:
    key = "vm.share_rw" if share.writable else "vm.share"
    return f"{key}={tag}:{urllib.parse.quote(str(share.path))}"


def _serve_directory(
    stack: contextlib.ExitStack, share: Share, errors: BinaryIO
) -> socket.socket:
    """Starts virtiofsd for the directory; returns QEMU's end of the connection.

    The connection is made here, so that the socket's name can be removed at once.
    """
    # Not in $TMPDIR, which may be longer than the name of a socket.
    with tempfile.TemporaryDirectory(prefix="cgwarden-vm-", dir="/run") as directory:
        name = f"{directory}/socket"
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(name)
        except OSError as error:
            listener.close()
            raise HarnessError(f"no socket can be made at {name}: {error}") from None
        listener.listen(1)
        end = socket.socket(socket.AF_UNIX)
        end.connect(name)
    command = [_VIRTIOFSD, f"--fd={listener.fileno()}", "--rlimit-nofile=0"]
    command += ["-o", f"source={share.path}", "-o", "log_level=err"]
    command += ["-o", "cache=always" if share.fixed else "cache=auto"]
    if not share.writable:
        read_only = ["sh", "-ec", _READ_ONLY, "sh", str(share.path)]
        command = ["unshare", "--mount", "--propagation", "private", *read_only, *command]
    with listener:
        _start(stack, command, [listener.fileno()], errors)
    return end


def _start(
    stack: contextlib.ExitStack, command: list[str], descriptors: list[int], errors: BinaryIO
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        pass_fds=descriptors,
        start_new_session=True,  # Ctrl-C is for the harness, which then stops everything in order
    )
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and what it forked (virtiofsd serves from a child of its own)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # Whoever inherited its children reaps them in his own time.
    deadline = time.monotonic() + _REAPING_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.01)
