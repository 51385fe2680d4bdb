"""cgwarden-oci with scopes of systemd, as engines use it by default."""

import pytest
from test_oci_runtime import Runtime, give_user_namespace, mount_cgroup, owners

pytestmark = pytest.mark.systemd


def test_delete_leaves_nobody_of_a_shared_pid_namespace(guest):
    """The first process is gone, and with it no namespace that would end the others."""
    with Runtime(guest) as box:
        linux = box.config["linux"]
        linux["cgroupsPath"] = "machine.slice:oci:box"
        linux["namespaces"] = [entry for entry in linux["namespaces"] if entry["type"] != "pid"]
        box.command("sh", "-c", "sleep 4321 & sleep 4321 & exec sleep 1234")
        box.must("--systemd-cgroup", "run", "--detach", "--bundle", box.work, "box")
        others = ["pgrep", "-f", "^sleep 4321"]
        both = "until [ $(pgrep -c -f '^sleep 4321') = 2 ]; do sleep 0.1; done"
        guest.run(both, check=True, timeout=180)
        guest.run(f"kill -9 {box.state()['pid']}", check=True)
        box.wait_stopped()
        assert len(guest.run(others).text.split()) == 2
        box.must("delete", "box")
        assert guest.run(others).text == ""
        assert guest.run("ls -d /sys/fs/cgroup/machine.slice/oci-box.scope").text == ""


def test_a_writable_scope_is_given_to_the_user_of_the_container(guest):
    with Runtime(guest) as box:
        box.config["linux"]["cgroupsPath"] = "machine.slice:oci:box"
        give_user_namespace(box)
        mount_cgroup(box)
        box.command("sleep", "1000")
        box.must("--systemd-cgroup", "run", "--detach", "--bundle", box.work, "box")
        owner = owners(guest, "/machine.slice/oci-box.scope")
        assert owner.pop("memory.max") == "0"
        assert len(owner) >= 4 and set(owner.values()) == {"100000"}, owner
        box.must("delete", "--force", "box")
