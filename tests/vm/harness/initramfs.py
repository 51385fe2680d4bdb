"""The initramfs: a static init, the guest agent, and the few modules needed to find the root."""

import lzma
import subprocess
from pathlib import Path

from harness import cache
from harness.kernels import Kernel
from harness.progress import step

_GUEST = Path(__file__).resolve().parents[1] / "guest"
_PROGRAMS = {
    "init": ["init.cpp"],
    "vm_guest_agent": ["agent.cpp", "frame.cpp", "job.cpp"],
}
_COMPILE = ["g++", "-std=c++23", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s"]
_MODULES = ["virtio_pci", "virtio_console", "virtio_blk", "virtiofs", "ext4", "overlay"]


def get(kernel: Kernel) -> Path:
    programs = _guest_programs()
    unit = _GUEST / "vm-agent.service"
    key = cache.digest(programs.name, unit.read_bytes(), Path(__file__).read_bytes())

    def build(result: Path) -> None:
        step(f"building the initramfs for {kernel.release}")
        tree = result.parent / "initramfs"
        (tree / "modules").mkdir(parents=True)
        listed = []
        for number, module in enumerate(_in_load_order(kernel)):
            target = f"/modules/{number:02}-{module.name.split('.')[0]}.ko"
            (tree / target[1:]).write_bytes(_plain(module))
            listed.append(target)
        (tree / "modules.list").write_text("".join(f"{line}\n" for line in listed))
        for source in (programs / "init", programs / "vm_guest_agent", unit):
            (tree / source.name).write_bytes(source.read_bytes())
            (tree / source.name).chmod(source.stat().st_mode & 0o777)
        # The kernel gives PID 1 this console; without the node its messages are lost.
        subprocess.run(["mknod", tree / "console", "c", "5", "1"], check=True)
        (tree / "dev").mkdir()
        (tree / "console").rename(tree / "dev/console")
        names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
        with open(result, "wb") as archive:
            subprocess.run(
                ["cpio", "--quiet", "-o", "-H", "newc", "--owner=0:0"],
                cwd=tree,
                input=names.encode(),
                stdout=archive,
                check=True,
            )

    return cache.built(f"initramfs/{kernel.release}-{key}.cpio", build)


def _guest_programs() -> Path:
    sources = sorted(_GUEST.glob("*.cpp")) + sorted(_GUEST.glob("*.h"))
    key = cache.digest(" ".join(_COMPILE), *(source.read_bytes() for source in sources))

    def build(result: Path) -> None:
        step("compiling the guest programs")
        result.mkdir()
        for program, files in _PROGRAMS.items():
            subprocess.run(
                [*_COMPILE, "-o", result / program, *(_GUEST / file for file in files)], check=True
            )

    return cache.built(f"guest/{key}", build)


def _in_load_order(kernel: Kernel) -> list[Path]:
    """The files of _MODULES and what they depend on, from depmod's modules.dep."""
    dependencies: dict[str, tuple[str, list[str]]] = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        path, _, needed = line.partition(":")
        dependencies[_module_name(path)] = (path, needed.split())
    ordered: dict[str, None] = {}
    for module in _MODULES:
        if module in dependencies:  # otherwise it is built into this kernel
            path, needed = dependencies[module]
            # modules.dep names the deepest dependency last
            ordered.update(dict.fromkeys([*reversed(needed), path]))
    return [kernel.modules / path for path in ordered]


def _module_name(path: str) -> str:
    return Path(path).name.split(".")[0].replace("-", "_")


def _plain(module: Path) -> bytes:
    data = module.read_bytes()
    return lzma.decompress(data) if module.name.endswith(".xz") else data
