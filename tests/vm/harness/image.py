"""The guest's root file system: a lean Debian directory made by mmdebstrap.

It is shared read-only by all guests, each with its own overlay in memory.
"""

import re
import shutil
import subprocess
from pathlib import Path

from harness import cache
from harness.errors import HarnessError
from harness.progress import step

_PACKAGES = Path(__file__).resolve().parents[1] / "guest-packages"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# How the host reaches its mirror (proxies, certificates, methods, checks); everything else in its
# apt configuration is about the host.
_APT_OPTIONS = re.compile(r"Acquire::(?:https?|ftp|Check-\w[\w-]*|Retries|ForceIPv[46])\b.*")

# Documentation is never read in the guest.
_EXCLUDED = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"]

# Not of use in a guest which lives for seconds, and each costs boot time under emulation.
_MASKED_UNITS = [
    "apparmor.service",
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "containerd.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "docker.service",
    "docker.socket",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "getty@tty1.service",
    "kmod-static-nodes.service",
    "modprobe@.service",
    "podman-auto-update.service",
    "podman-auto-update.timer",
    "podman-restart.service",
    "podman.service",
    "podman.socket",
    "proc-sys-fs-binfmt_misc.automount",
    "prometheus-node-exporter.service",
    "prometheus.service",
    "remote-fs.target",
    "serial-getty@ttyS0.service",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-machine-id-commit.service",
    "systemd-modules-load.service",
    "systemd-oomd.service",
    "systemd-oomd.socket",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-sysusers.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
    "systemd-user-sessions.service",
]


def get() -> Path:
    key = cache.digest(_PACKAGES.read_bytes(), Path(__file__).read_bytes())
    return cache.built(f"images/{key}", _build)


def _build(result: Path) -> None:
    suite, sources = _debian_sources()
    packages = [line for line in _PACKAGES.read_text().splitlines() if line and line[0] != "#"]
    step(f"building the guest image from {len(packages)} packages and what they need")
    source_list = result.parent / "sources.list"
    source_list.write_text(sources)
    command = ["mmdebstrap", "--mode=root", "--variant=essential", "--format=directory"]
    command += [f"--include={','.join(packages)}"]
    command += [f"--aptopt={option}" for option in _host_apt_options()]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED]
    log = result.parent / "mmdebstrap.log"
    with open(log, "w") as output:
        status = subprocess.run(
            [*command, suite, result, source_list],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ).returncode
    if status != 0:
        lines = [line for line in log.read_text().splitlines() if line.startswith("E: ")]
        raise HarnessError(f"mmdebstrap failed: {'; '.join(lines) or f'exit code {status}'}")
    _configure(result)
    step("the guest image is ready")


def _debian_sources() -> tuple[str, str]:
    """The suite and the source lines of Debian's own archives, as apt on this host sees them.

    apt knows both .list and .sources files; other vendors' repositories are left out.
    """
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
         "Created-By: Packages"],
        capture_output=True,
        text=True,
    ).stdout  # fmt: skip
    lines = []
    suites = []
    for entry in listing.splitlines():
        origin, uri, suite, component = entry.split("|")
        if origin == "Debian" and "backports" not in suite:
            lines.append(f"deb [signed-by={_KEYRING}] {uri} {suite} {component}\n")
            suites.append(suite)
    if not lines:
        raise HarnessError("apt has no lists of Debian's archive: run `apt-get update`")
    return min(suites, key=len), "".join(dict.fromkeys(lines))


def _host_apt_options() -> list[str]:
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True).stdout
    options = [line.rstrip(";") for line in dump.splitlines() if _APT_OPTIONS.fullmatch(line)]
    return [option for option in options if not option.endswith('""')]


def _configure(root: Path) -> None:
    shutil.rmtree(root / "etc/apt", ignore_errors=True)
    # A fixed identity: systemd does not treat every boot as the first one.
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/hostname").write_text("guest\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost guest\n::1 localhost\n")
    (root / "etc/fstab").write_text("")
    units = root / "etc/systemd/system"
    for unit in _MASKED_UNITS:
        _mask(units / unit)
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    # There is no disk, no getty and no SysV script for which a generator could make a unit.
    for generator in (root / "lib/systemd/system-generators").iterdir():
        _mask(root / "etc/systemd/system-generators" / generator.name)
    # Shares may be mounted below /tmp: the boot must not sweep it.
    _mask(root / "etc/tmpfiles.d/tmp.conf")
    journal = root / "etc/systemd/journald.conf.d"
    journal.mkdir(parents=True, exist_ok=True)
    (journal / "guest.conf").write_text("[Journal]\nStorage=volatile\nRateLimitBurst=0\n")


def _mask(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/null")
