"""Images: imported from layouts and tarballs, shared, run and removed."""

import json
import shlex
import subprocess

import pytest
from agent_scenario import CGWARDEN, ROOT, Scenario

SERVER = "trap 'echo quit; exit 7' QUIT; id -u; id -G; pwd; echo $GREETING $EXTRA; echo $*; while :; do sleep 0.1; done"


BUILD_IMAGES = """
set -e
umoci init --layout lay,out && umoci new --image lay,out:base && umoci unpack --image lay,out:base b
mkdir -p b/rootfs/bin b/rootfs/etc b/rootfs/tmp b/rootfs/srv && chmod 1777 b/rootfs/tmp
cp /bin/busybox server b/rootfs/bin/
for a in sh sleep id cat ls; do ln -s busybox b/rootfs/bin/$a; done
echo 'web:x:101:102::/srv:/bin/sh' > b/rootfs/etc/passwd
echo 'log:x:50:web' > b/rootfs/etc/group
echo old > b/rootfs/etc/gone
umoci repack --image lay,out:base b && umoci unpack --image lay,out:base c
rm c/rootfs/etc/gone && echo new > c/rootfs/etc/version
umoci repack --image lay,out:web c
umoci config --image lay,out:web --config.user web --config.entrypoint /bin/server --config.cmd one --config.cmd two \\
  --config.env GREETING=hello --config.workingdir /srv --config.stopsignal SIGQUIT
skopeo --insecure-policy copy -q oci:lay,out:web docker-archive:web.tar:web:1 && gzip web.tar
skopeo --insecure-policy copy -q oci:lay,out:web oci-archive:oci.tar:web
tar -cf images.tar lay,out web.tar.gz oci.tar
"""


@pytest.fixture(scope="module")
def images_tar(tmp_path_factory):
    """Made here, where it takes a second: a layout with two images, `base` and `web`, which adds a layer with a
    whiteout to it, and archives of `web` in both formats."""
    work = tmp_path_factory.mktemp("images")
    (work / "server").write_text(f"#!/bin/sh\n{SERVER}\n")
    (work / "server").chmod(0o755)
    built = subprocess.run(["sh", "-c", BUILD_IMAGES], cwd=work, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return (work / "images.tar").read_bytes()


@pytest.fixture
def scenario(guest, images_tar, request):
    with Scenario(guest, bus=request.node.get_closest_marker("systemd") is not None) as made:
        guest.write_file(f"{made.work}/images.tar", images_tar)
        guest.run(f"cd {made.work} && chmod 755 . && tar -xf images.tar && rm images.tar", check=True)
        yield made


def image_cli(scenario, *words):
    return scenario.cli("image", *words, timeout=120)


def images(scenario):
    return {
        name: image for image in json.loads(image_cli(scenario, "list", "--json").stdout)["images"]
        for name in image["names"]
    }


def add(scenario, name, text):
    scenario.guest.write_file(
        f"{scenario.work}/workloads/{name}.yaml",
        f"apiVersion: cgwarden/v1\nkind: Workload\nmetadata: {{name: {name}}}\n{text}")


def stdout(scenario, name):
    try:
        return scenario.guest.read_file(f"{scenario.work}/run/workloads/{name}/stdout.log").decode()
    except OSError:
        return ""


@pytest.mark.fast
def test_an_image_is_imported_shared_run_and_removed(scenario):
    work = scenario.work
    layout = f"{work}/lay,out"

    assert "more than one image" in image_cli(scenario, "import", layout).stderr.decode()
    imported = image_cli(scenario, "import", "--ref", "base", "--name", "base", layout)
    assert imported.returncode == 0, imported
    imported = image_cli(scenario, "import", f"{work}/web.tar.gz")
    assert imported.returncode == 0, imported
    assert imported.text.startswith("web is image ") and imported.text.endswith(" of 2 layers\n")
    before = images(scenario)
    assert set(before) == {"base", "web"}
    assert before["web"]["layers"][0] == before["base"]["layers"][0]
    # No mount of the storage library is left, and importing again changes nothing.
    assert work not in scenario.guest.run("cat /proc/self/mountinfo").text
    stamp = ["stat", "-c", "%i %Z", *before["web"]["layers"]]
    stamps = scenario.guest.run(stamp, check=True).text
    assert image_cli(scenario, "import", f"{work}/web.tar.gz").returncode == 0
    assert scenario.guest.run(stamp, check=True).text == stamps
    assert images(scenario) == before

    scenario.start_agent()
    add(scenario, "plain", "image: web\n")
    add(scenario, "own", f"image: {work}/web.tar.gz\nargs: [three]\nenv: {{EXTRA: more}}\nuser: {{uid: 5}}\ncwd: /tmp\n")
    add(scenario, "command", "image: web\ncommand: [/bin/sh, -c, ls /etc; exec sleep 1000]\n")
    expected = {"plain": "101\n102 50\n/srv\nhello\none two\n", "own": "5\n0\n/tmp\nhello more\nthree\n",
                "command": "group\npasswd\nversion\n"}
    for name, text in expected.items():
        scenario.until(lambda name=name, text=text: stdout(scenario, name) == text, f"{name} to write {text!r}")

    # In use, also by the path and by a workload that has ended.
    refused = image_cli(scenario, "rm", "web")
    assert refused.returncode == 1
    assert "the workload command has it; remove that first" in refused.stderr.decode()
    assert images(scenario) == before
    assert image_cli(scenario, "rm", "base").returncode == 0
    assert set(images(scenario)) == {"web"}
    assert scenario.guest.run(["test", "-e", f"{before['web']['layers'][0]}/bin/server"]).returncode == 0


@pytest.mark.fast
def test_run_takes_an_image_by_name_or_path(scenario):
    """Offline and without an agent: with another command, and with the image's own."""
    archive = f"{scenario.work}/web.tar.gz"
    by_path = scenario.cli("run", "--rm", "--image", archive, "--", "/bin/sh", "-c", "id -u; pwd; exit 5", timeout=120)
    assert (by_path.returncode, by_path.text) == (5, "101\n/srv\n"), by_path
    assert set(images(scenario)) == {"web"}
    plain = scenario.guest.spawn([CGWARDEN, "--runtime-dir", f"{scenario.work}/run", "--state-dir", f"{scenario.work}/state",
                                  "run", "--rm", "--name", "plain", "--image", "web"])
    scenario.until(lambda: plain.stdout == b"101\n102 50\n/srv\nhello\none two\n" or not plain.running, "the entrypoint")
    assert plain.running, (plain.stdout, plain.stderr)
    # The stop signal is the image's.
    assert scenario.cli("stop", "plain", timeout=120).returncode == 0
    assert plain.wait(60).returncode == 7
    assert b"quit" in plain.stdout
    missing = scenario.cli("run", "--rm", "--image", "none")
    assert missing.returncode != 0 and "none" in missing.stderr.decode(), missing


@pytest.mark.fast
def test_what_is_no_image_and_what_is_cut_short_leave_none(scenario):
    work = scenario.work
    scenario.guest.run(
        f"cd {work} && tar -cf plain.tar rootfs/bin/sh && cp -a 'lay,out' broken && head -c 300000 oci.tar > cut.tar && "
        "for f in broken/blobs/sha256/*; do [ $(stat -c %s $f) -gt 100000 ] && echo x >> $f; done; true",
        check=True, timeout=120)
    for source, words in {
        "rootfs/bin/busybox": "it is no directory and tar cannot read it",
        "plain.tar": "neither an oci-layout nor a manifest.json",
        "rootfs": "the directory has no oci-layout",
        "none": "No such file or directory",
        "/dev/null": "it is neither a directory nor a file",
    }.items():
        refused = image_cli(scenario, "import", source if source.startswith("/") else f"{work}/{source}")
        assert refused.returncode == 1 and words in refused.stderr.decode(), refused
        assert len(refused.stderr.decode().splitlines()) == 1
    assert image_cli(scenario, "import", f"{work}/cut.tar").returncode == 1
    damaged = image_cli(scenario, "import", "--ref", "web", f"{work}/broken")
    assert damaged.returncode == 1 and "skopeo says: " in damaged.stderr.decode()
    assert images(scenario) == {}

    # Killed at some points of its way, with all that it has started.
    for delay in ("0.1", "0.4", "0.8"):
        scenario.guest.run(
            f"timeout -s KILL {delay} setsid {CGWARDEN} --state-dir {work}/state --runtime-dir {work}/run "
            f"image import {work}/oci.tar; pkill -KILL -x skopeo; true", timeout=180)
        for image in images(scenario).values():
            for layer in image["layers"]:
                assert scenario.guest.run(["test", "-d", layer]).returncode == 0
    assert image_cli(scenario, "import", f"{work}/oci.tar").returncode == 0
    assert len(images(scenario)["oci"]["layers"]) == 2
    assert scenario.guest.run(f"ls {work}/state/images/scratch").returncode != 0

    add(scenario, "lost", "image: nobody\n")
    scenario.start_agent()
    scenario.until(lambda: "launch_failed workload=lost" in scenario.log(), "the refusal")
    assert "cannot find the image nobody: cgwarden image list shows those that there are" in scenario.log()


@pytest.mark.systemd
def test_run_imports_what_it_needs_and_stop_sends_the_images_signal(scenario):
    work = scenario.work
    scenario.guest.run(
        f"cp {shlex.quote(str(ROOT))}/packaging/dbus/io.github.cgwarden.conf /etc/dbus-1/system.d/ && "
        "busctl call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig", check=True)
    scenario.start_agent()
    scenario.until(lambda: scenario.guest.run(["busctl", "status", "io.github.cgwarden.Agent1"]).returncode == 0,
                   "the bus name")
    scenario.guest.write_file(
        f"{work}/web.yaml",
        "apiVersion: cgwarden/v1\nkind: Workload\nmetadata: {name: web}\nimage: ./web.tar.gz\n")
    ran = scenario.cli("run", f"{work}/web.yaml", timeout=120)
    assert ran.returncode == 0, ran
    assert set(images(scenario)) == {"web"}
    scenario.until(lambda: stdout(scenario, "web").endswith("one two\n"), "it to run")
    assert scenario.cli("stop", "web").returncode == 0
    assert stdout(scenario, "web").endswith("one two\nquit\n")
    assert scenario.state_file("web", "exit.json")["wait"] == {"code": 1, "status": 7}  # CLD_EXITED
    verdict, text = scenario.why("web")
    assert verdict["class"] == "STOPPED" and "SIGQUIT" in text, text
