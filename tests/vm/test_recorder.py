"""The recording over the lives of agents and cgroups, and on a full disk."""

import csv
import io
import json

import pytest
from agent_scenario import Scenario

pytestmark = pytest.mark.fast

FIELDS = "cpu.stat.usage_usec,memory.current,memory.max,cpu.stat.nr_periods"


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        yield made


def samples(scenario, name):
    """The rows of `dump -O csv` of what is called `name`."""
    answer = scenario.cli("dump", "-O", "csv", "--cgroup", name, "--fields", FIELDS)
    if answer.returncode == 3 or (answer.returncode == 1 and b"no agent has recorded" in answer.stderr):
        return []
    assert answer.returncode == 0, answer
    return list(csv.DictReader(io.StringIO(answer.text)))


def payload_samples(scenario, name):
    return [row for row in samples(scenario, name) if row["cgroup"].endswith("/payload")]


def segments(scenario):
    return scenario.guest.run(f"ls {scenario.work}/run/recorder").text.split()


def test_samples_outlive_the_agent_and_the_workload(scenario):
    scenario.add_workload(
        "spinner", ["/bin/sh", "-c", "while :; do :; done"], resources="{cpu: {max: 200m}, memory: {max: 64MiB}}"
    )
    scenario.start_agent()
    scenario.wait_running("spinner")
    first = scenario.until(
        lambda: len(rows := payload_samples(scenario, "spinner")) >= 4 and rows, "samples of the first agent"
    )
    assert first[-1]["memory.max"] == str(64 << 20)
    assert first[-1]["workload"] == "spinner"
    assert int(first[-1]["cpu.stat.nr_periods"]) > 0

    scenario.kill_agent()
    assert len(segments(scenario)) == 1
    # Without an agent, from the ring it left.
    left = payload_samples(scenario, "spinner")
    assert left[: len(first)] == first

    scenario.start_agent()
    scenario.until(lambda: len(payload_samples(scenario, "spinner")) >= len(left) + 3, "samples of the next agent")
    scenario.guest.run(f"kill -9 $(cat /sys/fs/cgroup/cgwarden.slice/spinner.scope/payload/cgroup.procs)", check=True)
    scenario.wait_died("spinner")
    scenario.stop_agent()
    assert segments(scenario) == []
    rows = payload_samples(scenario, "spinner")
    assert rows[: len(left)] == left, "what the killed agent had recorded, once"
    times = [float(row["time"]) for row in rows]
    assert times == sorted(set(times))
    usage = [int(row["cpu.stat.usage_usec"]) for row in rows if row["id"] == rows[0]["id"]]
    assert usage == sorted(usage) and usage[-1] > usage[0]

    text = scenario.cli("history", "spinner", check=True).text
    for label in ("cpu ", "throttled", "memory", "cpu pressure", "verdicts"):
        assert label in text, text
    assert "of 64.0 MiB" in text and "X" in text and "spinner.scope/payload" in text
    document = json.loads(scenario.cli("history", "spinner", "--json", check=True).stdout)
    throttled = next(row for row in document["rows"] if row["name"] == "throttled")
    assert throttled["max"] > 50
    assert len([one for one in document["verdicts"] if one["class"].startswith("KILLED")]) == 1

    # What Prometheus takes.
    exported = scenario.cli("dump", "-O", "openmetrics", check=True).text
    assert exported.endswith("# EOF\n")
    scenario.guest.write_file(f"{scenario.work}/dump.om", exported)
    # It reserves half a gigabyte, which a file system in a file with holes only notes.
    blocks = scenario.guest.run(
        f"cd {scenario.work} && modprobe -a loop ext4 && truncate -s 2G disk && mkfs.ext4 -q disk && "
        "mkdir mnt && mount -o loop disk mnt && "
        "{ (cd mnt && promtool tsdb create-blocks-from openmetrics ../dump.om blocks && ls blocks); umount mnt; }",
        check=True, timeout=120,
    )
    assert "BLOCK ULID" in blocks.text, blocks
    assert "cgwarden_recorded_cpu_stat_usage_seconds_total{" in exported
    everything = json.loads(scenario.cli("dump", check=True).stdout)
    assert {sample["cgroup"] for sample in everything["samples"]} >= {"/", "/cgwarden.slice"}

    assert scenario.cli("history", "nobody").returncode == 3
    assert scenario.cli("dump", "--cgroup", "nobody").returncode == 3
    assert scenario.cli("dump", "--fields", "no.such").returncode == 2
    assert scenario.cli("history", "spinner", "--since", "soon").returncode == 2


def test_a_full_disk_costs_samples_and_no_verdict(scenario):
    state = f"{scenario.work}/state"
    scenario.guest.run(f"mount -t tmpfs -o size=12m none {state}", check=True)
    try:
        scenario.guest.run(f"dd if=/dev/zero of={state}/ballast bs=1M count=6", check=True)
        scenario.add_workload("short", ["/bin/sh", "-c", "sleep 1; exit 3"])
        scenario.start_agent()
        scenario.wait_died("short")
        verdict, _ = scenario.why("short")
        assert verdict["class"] == "EXITED"
        ended = scenario.stop_agent()
        assert b"samples_dropped" in ended.stderr and b"are left to the verdicts" in ended.stderr
        assert scenario.guest.run(f"ls {state}/samples-*.db").returncode != 0

        # Room again, and a file that somebody else put in its place.
        scenario.guest.run(f"rm {state}/ballast; date -u +%Y-%m-%d", check=True)
        day = scenario.guest.run("date -u +%Y-%m-%d", check=True).text.strip()
        scenario.guest.write_file(f"{state}/samples-{day}.db", b"nothing of ours " * 100)
        scenario.start_agent()
        scenario.until(lambda: samples(scenario, "/"), "samples in the ring")
        ended = scenario.stop_agent()
        assert b"was not usable" in ended.stderr
        assert samples(scenario, "/")
        verdict, _ = scenario.why("short")
        assert verdict["class"] == "EXITED"
    finally:
        if scenario.agent.running:
            scenario.kill_agent()
        scenario.guest.run(f"umount -l {state}")
