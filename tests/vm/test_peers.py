"""How benchmarks/watch/peers reads what the other agents print; needs no guest."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "watch"))

import peers_coverage as coverage  # noqa: E402

CGWARDEN = """\
# TYPE cgwarden_cgroup_info gauge
cgwarden_cgroup_info{cgroup="/load/a",inode="7"} 1
cgwarden_cgroup_cpu_usage_seconds_total{cgroup="/load/a"} 1.5
cgwarden_cgroup_io_read_bytes_total{cgroup="/load/a",device="8:0"} 4096
cgwarden_cgroup_cpu_usage_seconds_total{cgroup="/load/b \\"x\\""} 2
cgwarden_cgroup_cpu_usage_seconds_total{cgroup="/loaded/c"} 2
cgwarden_cgroup_cpu_usage_seconds_total{cgroup="/load"} 2
cgwarden_agent_up 1
"""

NETDATA = """\
netdata_info{instance="guest",version="v1.37.1"} 1 1795691382264
netdata_cgroup_cpu_total{chart="cgroup_load_a-scope.cpu",family="cpu",dimension="user"} 0 1795691371631
netdata_cgroup_cpu_total{chart="cgroup_load_a-scope.cpu",family="cpu",dimension="system"} 64694 1795691371631
netdata_cgroup_cpu_total{chart="cgroup_load_b-scope.cpu",family="cpu",dimension="user"} 1 1795691371631
netdata_cgroup_cpu_total{chart="cgroup_other.cpu",family="cpu",dimension="user"} 1 1795691371631
"""

PCP = """\

cgroup.cpu.stat.user
    inst [0 or "/"] value 70036000
    inst [1 or "/load"] value 3160302
    inst [2 or "/load/a"] value 0

cgroup.io.stat.rbytes
    inst [9 or "/load/a::vda"] value 5
    inst [7 or "/load/b::vda"] value 5

cgroup.blkio.all.time
No value(s) available!
"""


def test_the_agents_series_count_by_cgroup():
    assert coverage.of_cgwarden(CGWARDEN, "/load") == {"/load/a": 2, '/load/b \\"x\\"': 1}


def test_netdatas_dimensions_count_by_cgroup():
    assert coverage.of_netdata(NETDATA, "/load") == {"load_a-scope": 2, "load_b-scope": 1}


def test_pcps_instances_count_with_those_of_their_devices():
    assert coverage.of_pcp(PCP, "/load") == {"/load/a": 2, "/load/b": 1}


OURS = """\
cgwarden_cgroup_cpu_usage_seconds_total{cgroup="/load/docker-0007.scope"} 1.5
cgwarden_cgroup_memory_current_bytes{cgroup="/load/docker-0007.scope"} 8192
cgwarden_cgroup_cpu_usage_seconds_total{cgroup="/load/docker-0010.scope"} 0
cgwarden_cgroup_memory_current_bytes{cgroup="/load/docker-0010.scope"} 4096
cgwarden_cgroup_memory_current_bytes{cgroup="/other/docker-0011.scope"} 4096
"""

THEIRS = """\
netdata_cgroup_cpu_total{chart="cgroup_load_docker-0007-scope.cpu",family="cpu",dimension="user"} 500000 1795691371631
netdata_cgroup_cpu_total{chart="cgroup_load_docker-0007-scope.cpu",family="cpu",dimension="system"} 700000 1795691371631
netdata_cgroup_mem_usage{chart="cgroup_load_docker-0007-scope.mem_usage",family="mem",dimension="ram"} 4096 1795691371631
netdata_cgroup_mem_usage{chart="cgroup_load_docker-0007-scope.mem_usage",family="mem",dimension="swap"} 9 1795691371631
netdata_cgroup_mem_usage{chart="cgroup_load_docker-0012-scope.mem_usage",family="mem",dimension="ram"} 4 1795691371631
"""


def test_values_of_the_same_cgroup_are_compared():
    ours, theirs = coverage.values_of_cgwarden(OURS, "/load"), coverage.values_of_netdata(THEIRS, "/load")
    assert ours == {7: coverage.Values(1.5e6, 8192), 10: coverage.Values(0, 4096)}
    assert theirs == {7: coverage.Values(1.2e6, 4096), 12: coverage.Values(0, 4)}
    assert coverage.difference(ours, theirs) == coverage.Values(0.2, 0.5)
    assert coverage.difference(ours, {12: coverage.Values()}) is None


def test_the_median_is_of_the_cgroups():
    assert coverage.median({}) == 0
    assert coverage.median({"a": 1, "b": 40, "c": 40}) == 40
