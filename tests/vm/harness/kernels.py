"""Debian's kernel packages, downloaded and unpacked but never installed."""

import dataclasses
import lzma
import re
import struct
import subprocess
from pathlib import Path

from harness import cache
from harness.errors import HarnessError
from harness.progress import step

# Signed packages only: no -unsigned, no -dbg. The part which varies is Debian's ABI number.
_PACKAGES = {
    "6.1": re.compile(r"linux-image-(6\.1\.0-\d+-cloud-amd64)"),
    "6.12": re.compile(r"linux-image-(6\.12\.\d+\+deb12-cloud-amd64)"),
}
KERNELS = tuple(_PACKAGES)


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str
    """6.1 or 6.12"""
    release: str
    """what uname -r says"""
    image: Path
    """the bootable file"""
    root: Path
    """directory with usr/lib/modules/<release>, a layer of the guest's root"""

    @property
    def modules(self) -> Path:
        return self.root / "usr/lib/modules" / self.release


def prepare(name: str) -> Kernel:
    """The newest kernel of the series which apt knows, or the newest cached one without apt."""
    releases = _known_to_apt(name)
    cached = _cached(name)
    if not releases and cached is None:
        raise HarnessError(f"apt knows no kernel package for {name}: run `apt-get update`")
    if releases and (cached is None or cached.release != releases[-1]):
        try:
            return _describe(name, cache.built(f"kernels/{releases[-1]}", _Unpacker(releases[-1])))
        except HarnessError as error:
            if cached is None:
                raise
            step(f"{error}; using the cached {cached.release}")
    assert cached is not None
    step(f"kernel {cached.release} is cached")
    return cached


def get(name: str) -> Kernel:
    """The newest cached kernel; apt is asked only when there is none."""
    return _cached(name) or prepare(name)


def _version_key(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release)]


def _known_to_apt(name: str) -> list[str]:
    listing = subprocess.run(
        ["apt-cache", "pkgnames", f"linux-image-{name}."], capture_output=True, text=True
    ).stdout.split()
    matches = filter(None, (_PACKAGES[name].fullmatch(package) for package in listing))
    return sorted((match[1] for match in matches), key=_version_key)


def _cached(name: str) -> Kernel | None:
    releases = [
        path.name
        for path in (cache.directory() / "kernels").glob("*")
        if _PACKAGES[name].fullmatch(f"linux-image-{path.name}")
    ]
    if not releases:
        return None
    newest = max(releases, key=_version_key)
    return _describe(name, cache.directory() / "kernels" / newest)


def _describe(name: str, path: Path) -> Kernel:
    return Kernel(name=name, release=path.name, image=path / "image", root=path / "root")


class _Unpacker:
    def __init__(self, release: str) -> None:
        self._release = release

    def __call__(self, result: Path) -> None:
        package = f"linux-image-{self._release}"
        step(f"downloading {package}")
        result.mkdir()
        download = subprocess.run(
            ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", package],
            cwd=result,
            capture_output=True,
            text=True,
        )
        archives = list(result.glob("*.deb"))
        if download.returncode != 0 or not archives:
            reason = (download.stderr.strip() or "no reason given").splitlines()[-1]
            raise HarnessError(f"cannot download {package} ({reason}): run `apt-get update`")
        step(f"unpacking {package}")
        unpacked = result / "unpacked"
        subprocess.run(["dpkg-deb", "-x", archives[0], unpacked], check=True)
        archives[0].unlink()
        # /lib is a link to usr/lib in the guest, so the modules move to where it points.
        (result / "root/usr/lib").mkdir(parents=True)
        (unpacked / "lib/modules").rename(result / "root/usr/lib/modules")
        subprocess.run(["depmod", "-b", result / "root/usr", self._release], check=True)
        compressed = (unpacked / "boot" / f"vmlinuz-{self._release}").read_bytes()
        (result / "image").write_bytes(_uncompressed(compressed))
        subprocess.run(["rm", "-rf", unpacked], check=True)


def _uncompressed(bzimage: bytes) -> bytes:
    """The ELF vmlinux inside of a bzImage, which QEMU starts directly (PVH).

    That saves the guest's slow decompression. An image in a format not known here boots as it is.
    Fields: Documentation/arch/x86/boot.rst.
    """
    setup_sectors = bzimage[0x1F1] or 4
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = bzimage[start : start + length - 4]  # the last four bytes are the size
    if payload.startswith(b"\x02\x21\x4c\x18"):
        return _piped(["lz4", "-dc"], payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return _piped(["zstd", "-dc"], payload)
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.decompress(payload)
    return bzimage


def _piped(command: list[str], data: bytes) -> bytes:
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout
