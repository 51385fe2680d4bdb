"""Cgroups that live much shorter than a tick: each leaves its last values, for only the event of its end has them read."""

import os
import re

import pytest
from agent_scenario import PORT, Scenario

pytestmark = pytest.mark.fast

TOP = "/sys/fs/cgroup/lasting"
COUNT = int(os.environ.get("CGWARDEN_LIVES", "20"))
INTERVAL = "20"
SERIES = re.compile(r'^cgwarden_cgroup_cpu_usage_seconds_total\{cgroup="/lasting/(brief\d+)"\}$')

# One after the other. A reload is done by the agent's loop, which has then seen to what was told before: it has read the
# cgroup before the work, and the next run of the collector "events" is of its end. Nothing waits for time to pass. Prints
# "NAME USAGE USAGE", before the end and after it: what a process uses while it ends may come after the agent's read.
LIVES = f"""
mkfifo $1/go $1/done
metric() {{ curl -sf http://127.0.0.1:{PORT}/metrics | sed -n "s/^cgwarden_agent_$1 //p"; }}
events='collector_runs_total{{collector="events"}}'
reloads='policy_reloads_total{{result="success"}}'
passes() {{ until [ "$(metric "$1")" -gt "$2" ]; do :; done; }}
used() {{ sed -n "s/^usage_usec //p" $cgroup/cpu.stat; }}
live() {{
  echo 0 > $cgroup/cgroup.procs
  read go < $1/go
  (i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done)
  echo > $1/done
  read go < $1/go
}}
for i in $(seq {COUNT}); do
  cgroup={TOP}/brief$i
  mkdir $cgroup
  (live $1) &
  until ls -l /proc/$2/fd | grep -q "/brief$i/cgroup.events" && grep -q "populated 1" $cgroup/cgroup.events; do :; done
  before=$(metric "$reloads")
  kill -HUP $2
  passes "$reloads" $before
  echo > $1/go
  read done < $1/done
  worked=$(used)
  before=$(metric "$events")
  echo > $1/go
  wait $!
  passes "$events" $before
  echo brief$i $worked $(used)
  rmdir $cgroup || exit 1
done
"""


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        guest.run(f"echo +cpu +memory > /sys/fs/cgroup/cgroup.subtree_control; mkdir -p {TOP}; "
                  f"echo +cpu +memory > {TOP}/cgroup.subtree_control", check=True)
        made.start_agent("--interval", INTERVAL)
        yield made
        guest.run(f"for c in {TOP}/*/; do echo 1 > $c/cgroup.kill; done; rmdir {TOP}/* {TOP}")


def shown(metrics):
    return {found[1]: value for series, value in metrics.items() if (found := SERIES.match(series))}


@pytest.mark.each_kernel
def test_short_lives_leave_their_last_values(scenario):
    lives = scenario.guest.spawn(["sh", "-c", LIVES, "sh", scenario.work, str(scenario.agent.pid)])
    exported = {}
    scenario.until(lambda: exported.update(shown(scenario.metrics())) or not lives.running, "the lives to end", 600)
    assert lives.wait(60).returncode == 0, lives.stderr
    truth = {name: tuple(map(int, used)) for name, *used in map(str.split, lives.stdout.decode().splitlines())}
    assert len(truth) == COUNT
    for values in scenario.last_shown(shown, "their series", 300):
        exported |= values
    assert exported.keys() == truth.keys()
    usec = {name: round(value * 1e6) for name, value in exported.items()}
    assert [name for name, (least, most) in truth.items() if not least <= usec[name] <= most] == []
    assert scenario.metrics()['cgwarden_agent_cgroups_dropped_total{reason="gone_hold"}'] == 0
