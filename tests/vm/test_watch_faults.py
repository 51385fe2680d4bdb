"""What goes wrong around a watching agent: events are lost, the disk is full, tracefs goes, it is killed."""

import json
import signal
from contextlib import contextmanager

import foreign_cgroups
import pytest
from agent_scenario import BUILD, Scenario

pytestmark = pytest.mark.fast

TOP = "/sys/fs/cgroup/watched"
STORM = BUILD / "tests" / "cgroup" / "oom_storm"
TRACING = "/sys/kernel/tracing"
STARTS = 'cgwarden_unit_starts_total{unit="report.service"}'
SAVE_ERRORS = "cgwarden_agent_store_errors_total"
MANY = 300


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        guest.run(f"echo +cpu +memory > /sys/fs/cgroup/cgroup.subtree_control; mkdir -p {TOP}", check=True)
        yield made
        guest.run(f"find {TOP} -depth -type d -exec rmdir {{}} +")


@contextmanager
def short_queues(guest):
    """So few events that a storm while nobody reads loses some; of the queues made inside."""
    files = [f"/proc/sys/fs/{kind}/max_queued_events" for kind in ("fanotify", "inotify")]
    before = [guest.read_file(file) for file in files]
    try:
        for file in files:
            guest.write_file(file, "64")
        yield
    finally:
        for file, value in zip(files, before):
            guest.write_file(file, value)


def new_unit(guest, starts):
    """The unit's cgroup as of another start, `starts` times."""
    path = f"/sys/fs/cgroup{foreign_cgroups.UNIT}"
    for _ in range(starts):
        guest.run(f"[ ! -d {path} ] || rmdir {path}; mkdir -p {path}", check=True)


def watched(metrics):
    return sum(1 for series in metrics if series.startswith("cgwarden_cgroup_info") and '"/watched/' in series)


def test_what_was_made_and_removed_while_events_were_lost_is_found(scenario):
    guest = scenario.guest
    with short_queues(guest):
        scenario.start_agent()
    for command, count in (
        (f"for i in $(seq {MANY}); do mkdir {TOP}/c$i; done", MANY),
        (f"for i in $(seq {MANY}); do rmdir {TOP}/c$i; done; mkdir -p {TOP}/last", 1),
    ):
        scenario.agent.kill(signal.SIGSTOP)
        guest.run(command, check=True)
        scenario.agent.kill(signal.SIGCONT)
        # The last values of those that went are shown to two scrapes.
        scenario.until(lambda: watched(scenario.metrics()) == count, f"{count} cgroups")
    metrics = scenario.metrics()
    assert metrics['cgwarden_agent_discovery{kind="polling"}'] == 0, "it went on with its watch"
    assert metrics['cgwarden_agent_collector_success{collector="discovery"}'] == 1
    scenario.stop_agent()


def test_a_full_disk_loses_no_counter_that_was_shown(scenario):
    guest, disk = scenario.guest, f"{scenario.work}/state"
    guest.run(f"mount -t tmpfs -o size=2m none {disk}", check=True)
    try:
        scenario.start_agent()
        new_unit(guest, 1)
        scenario.until(lambda: scenario.metrics().get(STARTS) == 1, "the first start")
        scenario.until(lambda: scenario.metrics()[SAVE_ERRORS] == 0, "no error")
        guest.run(f"dd if=/dev/zero of={disk}/filler bs=64k 2>/dev/null; sync; [ -s {disk}/filler ]", check=True)
        new_unit(guest, 2)
        scenario.until(lambda: scenario.metrics()[SAVE_ERRORS] > 0, "the error")
        assert "counters_not_stored" in scenario.log()
        shown = scenario.until(lambda: scenario.metrics().get(STARTS, 0) >= 2 and scenario.metrics()[STARTS], "it in memory")
        guest.run(f"rm {disk}/filler", check=True)
        errors = scenario.until(lambda: scenario.metrics()[SAVE_ERRORS], "the errors")
        # Tried again until it is done: after three ticks none more.
        def saved():
            nonlocal errors
            before, errors = errors, scenario.metrics()[SAVE_ERRORS]
            guest.run("sleep 3")
            return scenario.metrics()[SAVE_ERRORS] == errors == before
        scenario.until(saved, "the counters to be saved")
        scenario.kill_agent()
        scenario.start_agent()
        again = scenario.until(lambda: scenario.metrics().get(STARTS), "the counter")
        assert again >= shown
        scenario.stop_agent()
    finally:
        guest.run(f"umount -l {disk}")
        guest.run(f"rmdir -p --ignore-fail-on-non-empty /sys/fs/cgroup{foreign_cgroups.UNIT}")


def test_a_killed_agent_takes_back_no_counter_that_was_shown(scenario):
    guest = scenario.guest
    shown = 0
    for wait in ("0", "0.3", "0.7"):
        scenario.start_agent("--interval", "0.2")
        new_unit(guest, 1)
        # At any point of a tick: before the save, between it and the page, after it.
        guest.run(f"sleep {wait}")
        page = guest.run(["curl", "-s", "http://127.0.0.1:9753/metrics"]).text
        scenario.kill_agent()
        found = [float(line.split()[-1]) for line in page.splitlines() if line.startswith(STARTS)]
        assert not found or found[0] >= shown
        shown = max([shown, *found])
    scenario.start_agent()
    assert scenario.until(lambda: scenario.metrics().get(STARTS), "the counter") >= shown
    scenario.stop_agent()
    guest.run(f"rmdir -p --ignore-fail-on-non-empty /sys/fs/cgroup{foreign_cgroups.UNIT}")


def test_kills_are_counted_when_tracefs_is_unmounted_under_the_agent(scenario):
    guest = scenario.guest
    guest.run(f"echo +memory > {TOP}/cgroup.subtree_control", check=True)
    scenario.start_agent()
    guest.run(f"umount -l {TRACING}", check=True)
    try:
        guest.run([STORM, "/watched", "1", "1"], check=True)
        attributed = 'cgwarden_node_oom_kills_total{attributed="yes"}'
        scenario.until(lambda: scenario.metrics()[attributed] == 2, "two incidents")
        assert scenario.metrics()["cgwarden_agent_oom_trace_working"] == 1
        scenario.stop_agent()
    finally:
        guest.run(f"mount -t tracefs tracefs {TRACING}", check=True)
    assert guest.run(f"ls {TRACING}/instances", check=True).text.split() == []


@contextmanager
def no_watches(guest):
    """Neither fanotify nor more than two inotify watches can be had."""
    limits = {"/proc/sys/fs/fanotify/max_user_groups": "0", "/proc/sys/fs/inotify/max_user_watches": "2"}
    before = {file: guest.read_file(file) for file in limits}
    try:
        for file, value in limits.items():
            guest.write_file(file, value)
        yield
    finally:
        for file, value in before.items():
            guest.write_file(file, value)


def heard(scenario):
    """What `cgwarden doctor` says of each source of events."""
    answer = json.loads(scenario.cli("doctor", "--json").stdout)
    return {finding["subject"].removeprefix("hears "): finding for finding in answer["findings"]
            if finding["subject"].startswith("hears ")}


def test_doctor_says_that_watches_ran_out_and_what_the_agent_hears(scenario):
    guest = scenario.guest
    with no_watches(guest):
        scenario.start_agent()
    guest.run(f"mkdir {TOP}/late", check=True)
    scenario.until(lambda: watched(scenario.metrics()) == 1, "the new cgroup, by polling", 120)
    tree = heard(scenario)["tree"]
    assert tree["level"] == "limited" and tree["detail"].startswith("off: ")
    assert "polling every 1" in tree["detail"] and "/proc/sys/fs/inotify/max_user_watches" in tree["detail"]
    assert "less than a tick" in tree["cost"]
    assert scenario.metrics()['cgwarden_agent_event_source_working{source="tree"}'] == 0
    text = scenario.cli("doctor").text
    assert "hears tree" in text and "max_user_watches" in text
    scenario.stop_agent()

    # What an agent that is gone has said is not repeated.
    assert heard(scenario) == {}

    scenario.start_agent()
    sources = heard(scenario)
    kind = next(kind for kind in ("fanotify", "inotify") if scenario.metrics()[f'cgwarden_agent_discovery{{kind="{kind}"}}'] == 1)
    assert sources["tree"]["detail"].endswith(f"by {kind}")
    live = {name for name, finding in sources.items() if finding["detail"].startswith("live: ")}
    assert live == {"tree", "emptied", "oom_marks", "kernel_log", "kernel_log_kept", "signals", "process_ends", "files",
                    "writers"}
    assert all(sources[name]["level"] == "good" and sources[name]["cost"] == "" for name in live)
    # No policy asks for a trigger, and no workload runs.
    assert all(sources[name]["detail"].startswith("unused: ") and sources[name]["level"] == "good"
               for name in ("pressure", "memory_events", "shims"))
    for name, why in (("units", "systemd"), ("oomd", "systemd"), ("bus", "bus: off"), ("journal", "not the journal")):
        assert sources[name]["level"] == "limited" and why in sources[name]["detail"] and sources[name]["cost"]
    scenario.add_workload("steady", ["/bin/sleep", "1000"])
    scenario.wait_running("steady")
    scenario.until(lambda: heard(scenario)["memory_events"]["detail"].startswith("live: "), "its memory.events")
    scenario.stop_agent()
    guest.run(f"rmdir {TOP}/late", check=True)
