"""What the tests of the container engines share: the runtime where an installation has it, an image, a user."""

import os
import shlex
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CGWARDEN_BUILD_DIR", ROOT / "build" / "release"))
EXAMPLES = ROOT / "packaging" / "engines"
RUNTIME = "/usr/local/bin/cgwarden-oci"
IMAGE_TREE = "/run/engines/box"
IMAGE_TAR = "/run/engines/box.tar"
# A command may take a while in an emulated machine that has to share its processors.
PATIENCE = 300

_IMAGE = f"""
set -e
mkdir -p {IMAGE_TREE} && cd {IMAGE_TREE}
mkdir bin dev etc proc sys tmp
cp /bin/busybox bin/
for applet in $(bin/busybox --list); do [ -e bin/$applet ] || ln -s busybox bin/$applet; done
printf 'root:x:0:0::/root:/bin/sh\\napp:x:77:88::/home/app:/bin/sh\\n' > etc/passwd
tar cf {IMAGE_TAR} .
"""


def install(guest):
    """Puts the runtime, its helper and the image of a static busybox into the guest, once."""
    if guest.run(["test", "-e", IMAGE_TAR]).returncode == 0:
        return
    launcher = shlex.quote(str(BUILD / "launcher"))
    guest.run(
        f"install -D {launcher}/cgwarden-oci {RUNTIME} && "
        f"install -D {launcher}/cgwarden-scope /usr/local/libexec/cgwarden/cgwarden-scope",
        check=True,
    )
    guest.run(_IMAGE, check=True)


def start_daemon(guest, unit, command, ready):
    """Starts a daemon as a unit of systemd and waits until the command `ready` succeeds."""
    guest.run(
        ["systemd-run", "--quiet", f"--unit={unit}", "--property=Delegate=yes",
         "--property=KillMode=mixed", *command],
        check=True,
    )  # fmt: skip
    until(guest, ready, f"{unit} to answer")


def stop_daemon(guest, unit):
    guest.run(["systemctl", "stop", unit], timeout=PATIENCE)
    guest.run(["systemctl", "reset-failed", unit])


def until(guest, command, what):
    """Repeats a shell command until it succeeds; its output."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = guest.run(command)
        if done.returncode == 0:
            return done.text
        assert time.monotonic() < deadline, f"waiting for {what}: {done}"
        time.sleep(0.2)
