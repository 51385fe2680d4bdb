"""`cgwarden audit` on a real kernel: a workload of ours, and a container without walls."""

import json

import pytest
from agent_scenario import CGWARDEN, Scenario

pytestmark = pytest.mark.fast


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        yield made


# /proc is still the one of the host's pid namespace, so the shell reads its pid there, not 1.
SAY_PID = "read -r pid rest < /proc/self/stat; echo $pid > {file}.new; mv {file}.new {file}; "


class Poor:
    """A container made by `unshare --pid --fork --mount` which runs `script`."""

    def __init__(self, scenario, script):
        self.file = f"{scenario.work}/poor.pid"
        self.scenario = scenario
        self.job = scenario.guest.spawn(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount", "sh", "-c",
             SAY_PID.format(file=self.file) + script])

    def __enter__(self):
        def written():
            assert self.job.running, self.job.stderr.decode()
            return self.scenario.guest.run(["cat", self.file]).text.strip()

        return self.scenario.until(written, "the container's pid")

    def __exit__(self, *_):
        if self.job.running:
            self.job.kill(9)
        self.job.wait(30)


@pytest.fixture
def poor(scenario):
    with Poor(scenario, "exec sleep 1000") as pid:
        yield pid


def findings(answer, index=0):
    container = json.loads(answer.stdout)["containers"][index]
    return {finding["id"]: finding["severity"] for finding in container["findings"]}, container


def start_web(scenario):
    scenario.start_agent()
    scenario.add_workload(
        "web", ["/bin/sleep", "1000"], resources="{memory: {max: 64MiB}, pids: {max: 9}}")
    return scenario.wait_running("web")["main_pid"]


def test_a_workload_of_ours_has_no_high_finding(scenario):
    pid = start_web(scenario)
    answer = scenario.cli("audit", "web", "--json")
    found, container = findings(answer)
    assert answer.returncode == 0, answer
    assert container["pid"] == pid
    assert container["not_checked"] == []
    assert not {"high", "critical"} & set(found.values()), found
    # Limits are set, and looked for on the way up.
    assert not {"no-pids-limit", "no-memory-limit"} & set(found)
    # The same process by its pid, and a severity that it does reach.
    assert findings(scenario.cli("audit", str(pid), "--json"))[0] == found
    assert scenario.cli("audit", "web", "--fail-on", "low").returncode == 1


def test_a_workload_without_limits_says_so(scenario):
    scenario.start_agent()
    scenario.add_workload("free", ["/bin/sleep", "1000"])
    scenario.wait_running("free")
    found, _ = findings(scenario.cli("audit", "free", "--json"))
    assert found["no-pids-limit"] == "medium"
    assert found["no-memory-limit"] == "medium"


def test_a_poor_container_is_critical(scenario, poor):
    answer = scenario.cli("audit", poor, "--json")
    found, container = findings(answer)
    assert answer.returncode == 1
    assert container["worst"] == "critical"
    for critical in ("privileged", "host-root-directory", "host-root-mounted", "writable-proc-sys"):
        assert found.get(critical) == "critical", found
    for high in ("host-network-namespace", "no-seccomp", "writable-sysfs", "host-block-device"):
        # A guest without a disk has no block device.
        if high != "host-block-device" or scenario.guest.run("ls /dev | grep -q '^[vs]da'").returncode == 0:
            assert found.get(high) == "high", found
    assert "host-pid-namespace" not in found
    assert "host-mount-namespace" not in found
    text = scenario.cli("audit", poor).text
    assert "Remedy:" in text and f"/proc/{poor}/status" in text
    assert scenario.cli("audit", poor, "--fail-on", "never").returncode == 0


def test_all_containers_of_the_node(scenario, poor):
    start_web(scenario)
    answer = scenario.cli("audit", "--all", "--json")
    document = json.loads(answer.stdout)
    assert answer.returncode == 1 and document["failed"] and document["processes_not_seen"] == 0
    by_name = {container["name"]: container for container in document["containers"]}
    assert by_name["web"]["runtime"] == "cgwarden"
    assert by_name["web"] == findings(scenario.cli("audit", "web", "--json"))[1]
    assert by_name[f"pid {poor}"]["worst"] == "critical"
    # Each once: the shim, the agent and the daemons of the host are no containers.
    assert len(document["containers"]) == 2, by_name.keys()
    table = scenario.cli("audit", "--all").text.splitlines()
    assert table[0].startswith("NAME") and any(line.startswith("web ") for line in table[1:3])


def test_a_directory_left_open_outside_the_root(scenario):
    """As in CVE-2024-21626: a descriptor of the host's, kept over the change of the root."""
    # In the new root there is busybox and nothing else.
    script = (
        f"cd {scenario.rootfs} && mount --bind . . && cd . && cd {scenario.rootfs} && mkdir -p old && "
        "exec 9</etc && pivot_root . old && "
        "exec /bin/busybox sh -c '/bin/busybox umount -l /old && exec /bin/busybox sleep 1000'")
    with Poor(scenario, script) as pid:
        scenario.until(
            lambda: scenario.guest.run(f"grep -qz '^1000$' /proc/{pid}/cmdline").returncode == 0,
            "the root to change")
        found, container = findings(scenario.cli("audit", pid, "--json"))
    assert found.get("directory-outside-root") == "critical", container
    assert "host-root-directory" not in found


def test_without_root_nothing_is_called_good(scenario, poor):
    answer = scenario.guest.run(
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
         CGWARDEN, "audit", poor, "--json"])
    _, container = findings(answer)
    assert answer.returncode == 1
    reasons = {skipped["check"]: skipped["reason"] for skipped in container["not_checked"]}
    assert f"/proc/{poor}/ns/pid" in reasons["pid namespace"]
    assert "run as root" in reasons["pid namespace"]
    assert {"open directories", "devices", "root directory"} <= reasons.keys()
    # Everybody may read status and mountinfo.
    assert not {"capabilities", "host mounts"} & reasons.keys()


def test_exit_codes_of_what_is_not_there(scenario, poor):
    for nobody in ("nobody", "4194304"):
        answer = scenario.cli("audit", nobody)
        lines = answer.stderr.decode().strip().splitlines()
        assert answer.returncode == 3 and len(lines) == 1 and nobody in lines[0], answer
    assert scenario.cli("audit").returncode == 2
    assert scenario.cli("audit", poor, "--all").returncode == 2
