"""`cgwarden top` on a real load: its numbers against the control files, and on a terminal."""

import json

import pytest
from agent_scenario import CGWARDEN, Scenario

pytestmark = pytest.mark.fast

ROOT = "/sys/fs/cgroup"
TOP = f"{ROOT}/top-test"
BUSY = f"{TOP}/busy"
NOTHING = ["--state-dir", "/nonexistent", "--runtime-dir", "/nonexistent"]


@pytest.fixture(scope="module")
def load(machine_slot):
    """A loop at a quota of a fifth of a core, below a cgroup with a memory limit."""
    guest = machine_slot.guest()
    guest.run(
        f"set -e; echo '+cpu +memory +pids +io' > {ROOT}/cgroup.subtree_control; mkdir -p {TOP}; "
        f"echo '+cpu +memory +pids +io' > {TOP}/cgroup.subtree_control; mkdir -p {BUSY}; "
        f"echo '20000 100000' > {BUSY}/cpu.max; echo 64M > {TOP}/memory.max",
        check=True,
    )
    process = guest.spawn("while :; do :; done", cgroup=BUSY)
    yield guest
    process.kill(9)
    process.wait(30)
    guest.run(f"rmdir {BUSY} {TOP}", check=True)


def top(guest, *words):
    return guest.run([CGWARDEN, "top", *NOTHING, *words], timeout=180)


def rows(document):
    return {row["path"]: row for row in document["cgroups"]}


def test_its_numbers_are_those_of_the_files(load):
    answer = top(load, "--json", "-n", "2", "-d", "1", "/top-test")
    assert answer.returncode == 0, answer.stderr
    documents = [json.loads(line) for line in answer.text.splitlines()]
    assert len(documents) == 2
    assert documents[0]["time"] < documents[1]["time"]
    for document in documents:
        assert document["live"] is True
        assert document["interval_seconds"] >= 0.9
        assert set(rows(document)) == {"/top-test", "/top-test/busy"}
        busy = rows(document)["/top-test/busy"]
        assert busy["throttled_share"] > 0.5
        assert 0.05 < busy["cpu_cores"] < 0.6
        assert busy["throttled_seconds_per_second"] > 0
        assert busy["pids"] == int(load.read_file(f"{BUSY}/pids.current"))
        assert busy["memory_limit_bytes"] == 64 << 20
        assert busy["memory_limit_of"] == "/top-test"
        assert busy["oom_kills"] == 0
        assert 0 < busy["memory_bytes"] < 64 << 20
        assert busy["memory_share"] == pytest.approx(busy["memory_bytes"] / (64 << 20))
        assert 0 <= busy["cpu_some_share"] <= 1
        assert busy["last_verdict"] is None
        # The parent has no quota: no period passes, which is not a share of 0.
        assert rows(document)["/top-test"]["throttled_share"] is None


def test_lines_for_a_pipe(load):
    answer = top(load, "--batch", "-n", "1", "-d", "0.5", "--sort", "throttled", "--filter", "*/[b]usy")
    assert answer.returncode == 0, answer.stderr
    head, titles, row = answer.text.splitlines()
    assert head.startswith("live ")
    assert titles.split()[-1] == "NAME"
    assert row.split()[-1] == "/top-test/busy"


def test_nobody_of_that_name(load):
    answer = top(load, "-n", "1", "no-such-thing")
    assert answer.returncode == 3
    assert "called 'no-such-thing'" in answer.stderr.decode()


def test_on_a_terminal(load):
    process = load.spawn(
        [CGWARDEN, "top", *NOTHING, "-d", "0.5"],
        stdin=b"", pty=(24, 80), env={"TERM": "linux", "LC_ALL": "C.UTF-8"},
    )
    try:
        process.wait_for_output(b" LIVE ", 60)
        process.wait_for_output(b"busy", 60)
        process.write(b"[")
        process.wait_for_output(b"/nonexistent", 60)  # there is no recording to go back to
        process.resize(50, 200)
        process.wait_for_output(b"LAST VERDICT", 60)
        process.write(b"q")
        assert process.wait(60).returncode == 0
    finally:
        if process.running:
            process.kill(9)
            process.wait(30)


def test_the_past_as_the_agent_recorded_it_with_it_and_without(load):
    with Scenario(load) as scenario:
        scenario.start_agent()

        def recorded(time="now"):
            answer = scenario.cli("replay", "-t", time, "--json", "/top-test/busy")
            if answer.returncode != 0:
                return None
            document = json.loads(answer.stdout)
            return document if document["cgroups"][0]["throttled_share"] is not None else None

        document = scenario.until(recorded, "a recorded tick with rates")
        scenario.kill_agent()
        # To the second: the tick is at or before it.
        for shown in (document, recorded(f"@{document['time'] // 1_000_000 + 1}")):
            assert shown["live"] is False
            assert abs(shown["time"] - document["time"]) < 5_000_000
            (busy,) = shown["cgroups"]
            assert busy["throttled_share"] > 0.5
            assert 0.05 < busy["cpu_cores"] < 0.6
            assert busy["memory_limit_bytes"] == 64 << 20
            assert busy["memory_limit_of"] == "/top-test"
            assert busy["pids"] == 1
        process = load.spawn(
            [CGWARDEN, "top", "--state-dir", f"{scenario.work}/state", "--runtime-dir", f"{scenario.work}/run"],
            stdin=b"", pty=(24, 80), env={"TERM": "linux", "LC_ALL": "C.UTF-8"},
        )
        try:
            process.wait_for_output(b" LIVE ", 60)
            process.write(b"[")
            process.wait_for_output(b" PAST ", 60)
            process.write(b"q")
            assert process.wait(60).returncode == 0
        finally:
            if process.running:
                process.kill(9)
                process.wait(30)
