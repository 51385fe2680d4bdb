"""The agent with `sampling: {collector: bpf}` on a real kernel: the same metrics, told instead of read. What is told against what
the files print: tests/cgroup/kernel/values_test.cpp."""

import pytest
from agent_scenario import CGWARDEN, PORT, Scenario

pytestmark = pytest.mark.fast

TOP = "/sys/fs/cgroup/told"
CONFIG = "apiVersion: cgwarden/v1\nkind: Agent\nlisten: 127.0.0.1:{port}\nsampling: {{collector: bpf}}\n"

QUIET = f"""
echo "+cpu +memory +pids" > /sys/fs/cgroup/cgroup.subtree_control
mkdir -p {TOP}
echo "+cpu +memory" > {TOP}/cgroup.subtree_control
mkdir -p {TOP}/quiet
sh -c 'echo $$ > {TOP}/quiet/cgroup.procs; i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done'
while ! grep -q "populated 0" {TOP}/quiet/cgroup.events; do sleep 0.05; done
"""


@pytest.fixture
def scenario(guest):
    guest.run(QUIET, check=True)
    with Scenario(guest) as made:
        made.guest.write_file(f"{made.work}/agent.yaml", CONFIG.format(port=PORT))
        made.start_agent("--config", f"{made.work}/agent.yaml", listen=None)
        yield made
    guest.run(f"rmdir {TOP}/quiet {TOP}")


SUCCESS = 'cgwarden_agent_collector_success{collector="bpf"}'


def bpf(metrics, what):
    return metrics[f'cgwarden_agent_collector_{what}{{collector="bpf"}}']


def in_use(metrics):
    return {way: metrics[f'cgwarden_agent_collector_in_use{{collector="{way}"}}'] for way in ("bpf", "files")}


@pytest.mark.each_kernel
def test_ticks_are_told_and_show_what_the_files_print(scenario):
    scenario.until(lambda: bpf(scenario.metrics(), "runs_total") >= 3, "three ticks")
    text = scenario.guest.run(f"cat {TOP}/quiet/cpu.stat {TOP}/quiet/memory.current", check=True).text.split()
    metrics = scenario.metrics()
    assert metrics[SUCCESS] == 1
    assert in_use(metrics) == {"bpf": 1, "files": 0}
    label = '{cgroup="/told/quiet"}'
    assert metrics["cgwarden_cgroup_cpu_usage_seconds_total" + label] == pytest.approx(
        int(text[text.index("usage_usec") + 1]) / 1e6, abs=1e-9)
    assert metrics["cgwarden_cgroup_memory_current_bytes" + label] == int(text[-1])
    # The pids controller is off there: missing stays missing.
    assert not [series for series in metrics if "pids_current" in series and "/told/quiet" in series]
    assert "collector_by_files" not in scenario.log()


@pytest.mark.each_kernel
def test_a_cgroup_that_ends_leaves_its_last_values(scenario):
    scenario.guest.run(f"mkdir {TOP}/brief; sh -c 'echo $$ > {TOP}/brief/cgroup.procs; i=0; "
                       f"while [ $i -lt 5000 ]; do i=$((i+1)); done'; rmdir {TOP}/brief", check=True)
    series = 'cgwarden_cgroup_cpu_usage_seconds_total{cgroup="/told/brief"}'
    assert scenario.until(lambda: scenario.metrics().get(series), "the last values") > 0
    scenario.until(lambda: series not in scenario.metrics(), "the end of the series")


@pytest.mark.each_kernel
def test_an_agent_that_nobody_configured_has_it_after_a_while(guest):
    with Scenario(guest) as scenario:
        scenario.start_agent()
        metrics = scenario.metrics()
        assert bpf(metrics, "runs_total") == 0
        assert SUCCESS not in metrics
        assert in_use(metrics) == {"bpf": 0, "files": 1}
        scenario.until(lambda: "collector_by_bpf" in scenario.log(), "the program to be loaded", 300)
        # An emulated walk may take over 5 ms, after which files are read again.
        scenario.until(lambda: bpf(scenario.metrics(), "runs_total") >= 2, "two ticks", 300)
        scenario.stop_agent()


def test_an_agent_that_may_not_have_it_reads_files_and_misses_nothing(guest):
    with Scenario(guest) as scenario:
        scenario.agent = guest.spawn(["setpriv", "--bounding-set", "-bpf,-sys_admin", *scenario.agent_command()])
        scenario.until(lambda: "collector_by_files" in scenario.log(), "the load to fail", 300)
        line = next(line for line in scenario.log().splitlines() if "collector_by_files" in line)
        assert "CAP_BPF" in line and "tried_again=never" in line
        ticks = scenario.ticks()
        scenario.until(lambda: scenario.ticks() > ticks, "a tick")
        metrics = scenario.metrics()
        assert SUCCESS not in metrics
        assert in_use(metrics) == {"bpf": 0, "files": 1}


def test_doctor_says_whether_it_can_be_had(guest):
    assert "can be had; sampling.collector" in guest.run([CGWARDEN, "doctor"]).text
    refused = guest.run(["setpriv", "--reuid", "65534", "--clear-groups", CGWARDEN, "doctor"]).text
    assert "CAP_BPF" in refused
