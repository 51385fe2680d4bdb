"""What an export group shows is what the files of a real kernel say, and only where there are such files."""

import re
from types import SimpleNamespace

import pytest
from agent_scenario import Scenario

pytestmark = pytest.mark.fast

ROOT = "/sys/fs/cgroup"
# All controllers, some of them, none of its own.
FULL, SOME, BARE = "/groups/full", "/groups/some/leaf", "/groups/bare/leaf"
GROUPS = ("cgroup", "cpu", "cpuset", "memory", "memory.stat", "memory.numa_stat", "io", "pids", "hugetlb", "rdma", "misc")
CONFIG = (
    "apiVersion: cgwarden/v1\nkind: Agent\n"
    "intervals: {tick: 1s, medium: 1s, slow: 1s, limits: 1s}\n"
    "discovery: {include: [/, /groups/**]}\n"
    "listen: [127.0.0.1:9753]\n"
)
# Huge pages of a file stay charged to who made it: two are there, and four more are refused.
CHARGE = f"""
set -e
echo 8 > /proc/sys/vm/nr_hugepages
mkdir -p /run/huge && mount -t hugetlbfs none /run/huge
echo 4194304 > {ROOT}{FULL}/hugetlb.2MB.max
echo 8388608 > {ROOT}{FULL}/hugetlb.2MB.rsvd.max
sh -c 'echo $$ > {ROOT}{FULL}/cgroup.procs
       fallocate -l 4194304 /run/huge/two
       fallocate -l 8388608 /run/huge/four 2>/dev/null || :
       head -c 3000000 /dev/urandom > /run/charged'
"""
LIMITS = {
    "cpu.max.burst": "5000", "cpuset.cpus": "0", "cpuset.mems": "0", "memory.oom.group": "1",
    "memory.swap.high": "4194304", "cgroup.max.depth": "3", "cgroup.max.descendants": "7",
}


@pytest.fixture(scope="module")
def groups(machine_slot):
    """Cgroups whose values do not change any more, and an agent that shows all groups."""
    guest = machine_slot.guest()
    run = guest.run
    run(f"for c in $(cat {ROOT}/cgroup.controllers); do echo +$c > {ROOT}/cgroup.subtree_control; done; "
        f"mkdir -p {ROOT}{FULL} {ROOT}{SOME} {ROOT}{BARE}; cd {ROOT}/groups; "
        "for c in $(cat cgroup.controllers); do echo +$c > cgroup.subtree_control; done; "
        "echo '+memory +pids' > some/cgroup.subtree_control", check=True)
    run(CHARGE, check=True)
    for file, value in LIMITS.items():
        guest.write_file(f"{ROOT}{FULL}/{file}", value)
    with Scenario(guest) as scenario:
        guest.write_file(f"{scenario.work}/agent.yaml", CONFIG + f"export: {{groups: [{', '.join(GROUPS)}]}}\n")
        scenario.start_agent("--config", f"{scenario.work}/agent.yaml", listen=None)
        yield SimpleNamespace(scenario=scenario, guest=guest)
    run("umount /run/huge; rm -f /run/charged; echo 0 > /proc/sys/vm/nr_hugepages; "
        f"cd {ROOT}/groups && rmdir full some/leaf some bare/leaf bare && cd .. && rmdir groups", check=True)


def read_files(guest, cgroup):
    """File name -> text of every readable file of a cgroup."""
    names = guest.run(["find", ROOT + cgroup, "-maxdepth", "1", "-type", "f", "-perm", "-u+r", "-printf", "%f\n"],
                      check=True).text.split()
    text = guest.run(["sh", "-c", f"cd {ROOT}{cgroup} && for f in {' '.join(names)}; do echo \"@$f\"; cat $f; done"],
                     check=True).text
    files = {}
    for line in text.splitlines():
        if line.startswith("@"):
            files[line[1:]] = current = []
        else:
            current.append(line)
    return files


def flat(lines):
    return {key: int(value) for key, value in (line.split() for line in lines)}


def ids(text):
    pairs = [part.split("-") for part in text.split(",") if part]
    return sum(int(pair[-1]) - int(pair[0]) + 1 for pair in pairs)


STAT_BYTES = re.compile(
    "^(anon|file|kernel|kernel_stack|.*pagetables|percpu|sock|vmalloc|shmem|zswap|zswapped|file_.*|shmem_thp|"
    "anon_thp|swapcached|hugetlb|(in)?active_.*|unevictable|slab.*)$")


def stat_series(key, prefix=""):
    return f"memory_{prefix}{key}_{'bytes' if STAT_BYTES.match(key) else 'total'}"


# File -> series (without prefix and the label `cgroup`) and value of a file with one number.
SINGLE = {
    "cgroup.max.depth": "max_depth", "cgroup.max.descendants": "max_descendants", "cgroup.freeze": "freeze",
    "cpu.idle": "cpu_idle", "memory.oom.group": "memory_oom_group", "memory.swap.peak": "memory_swap_peak_bytes",
    "memory.swap.high": "memory_swap_high_bytes", "memory.zswap.current": "memory_zswap_current_bytes",
    "memory.zswap.max": "memory_zswap_max_bytes", "memory.zswap.writeback": "memory_zswap_writeback",
}
LISTS = ("cpuset.cpus", "cpuset.cpus.effective", "cpuset.cpus.exclusive", "cpuset.cpus.exclusive.effective",
         "cpuset.cpus.isolated", "cpuset.mems", "cpuset.mems.effective")


def expected(files):
    """Series -> value, read from the text of the files by other rules than the agent's."""
    series = {}
    for file, name in SINGLE.items():
        if file in files and files[file] != ["max"]:
            series[name] = int(files[file][0])
    for file in LISTS:
        if file in files:
            text = files[file][0]
            if text or "effective" in file or "isolated" in file:
                series[f'{file.replace(".", "_")}{{list="{text}"}}'] = ids(text)
    for key, value in flat(files.get("memory.stat", [])).items():
        series[stat_series(key)] = value
    for line in files.get("memory.numa_stat", []):
        key, *nodes = line.split()
        for node in nodes:
            number, value = node[1:].split("=")
            series[f'{stat_series(key, "numa_")}{{node="{number}"}}'] = int(value)
    for key, value in flat(files.get("cgroup.stat", [])).items():
        name, _, controller = key.partition("subsys_")
        series[f'stat_{name}subsys{{subsys="{controller}"}}' if controller else f"stat_{key}"] = value
    for key, value in flat(files.get("memory.swap.events", [])).items():
        series[f'memory_swap_events_total{{event="{key}"}}'] = value
    for key, value in flat(files.get("pids.events.local", [])).items():
        series[f"pids_events_local_{key}_total"] = value
    for file, lines in files.items():
        huge = re.fullmatch(r"hugetlb\.(\w+)\.((?:rsvd\.)?(?:current|max)|events(?:\.local)?)", file)
        if huge and lines != ["max"]:
            kind = huge[2].replace(".", "_")
            suffix = "_max_total" if kind.startswith("events") else "_bytes"
            series[f'hugetlb_{kind}{suffix}{{pagesize="{huge[1]}"}}'] = int(lines[0].split()[-1])
    for line in files.get("io.weight", []):
        device, value = line.split()
        series[f'io_weight{{device="{device}"}}'] = int(value)
    for word, file in (("type", "cgroup.type"), ("cpuset_cpus_partition", "cpuset.cpus.partition")):
        if file in files:
            series[f'{word}{{{word.rpartition("_")[2]}="{files[file][0]}"}}'] = 1
    for file in ("cgroup.controllers", "cgroup.subtree_control"):
        for controller in " ".join(files[file]).split():
            series[f'{file.partition(".")[2]}{{controller="{controller}"}}'] = 1
    if "cpu.max.burst" in files:
        series["cpu_max_burst_seconds"] = int(files["cpu.max.burst"][0]) / 1e6
    stat = flat(files["cpu.stat"])
    for key, name in (("nice_usec", "nice"), ("core_sched.force_idle_usec", "core_sched_force_idle")):
        if key in stat:
            series[f"cpu_{name}_seconds_total"] = stat[key] / 1e6
    return series


def shown(metrics, cgroup):
    """The same of /metrics: of a cgroup, and only what groups add."""
    found = {}
    for series, value in metrics.items():
        name, _, labels = series.partition("{")
        if f'cgroup="{cgroup}"' not in labels:
            continue
        labels = labels.rstrip("}").replace(f'cgroup="{cgroup}"', "", 1).lstrip(",")
        name = name.removeprefix("cgwarden_cgroup_")
        found[f"{name}{{{labels}}}" if labels else name] = value
    return found


def differences(groups, cgroup):
    files = read_files(groups.guest, cgroup)
    metrics = shown(groups.scenario.metrics(), cgroup)
    wanted = expected(files)
    missing = {name: value for name, value in wanted.items()
               if metrics.get(name) != pytest.approx(value, abs=1e-9)}
    families = {name.partition("{")[0] for name in wanted} | {"rdma_max_hca_handle", "misc_max", "misc_current"}
    alien = {name: value for name, value in metrics.items()
             if name.partition("{")[0] in families and name not in wanted}
    return {name: (value, metrics.get(name)) for name, value in missing.items()} | alien


@pytest.mark.each_kernel
@pytest.mark.parametrize(("cgroup", "least"), [(FULL, 100), (SOME, 60), (BARE, 4)], ids=["full", "some", "bare"])
def test_every_group_shows_what_the_files_say(groups, cgroup, least):
    assert len(expected(read_files(groups.guest, cgroup))) >= least
    left = {}

    def same():
        left.clear()
        left.update(differences(groups, cgroup))
        return not left

    try:
        groups.scenario.until(same, "the series to be what the files say")
    except AssertionError as late:
        raise AssertionError(f"{cgroup}: (file, metric) {left}") from late


def test_huge_pages_and_their_refusal(groups):
    metrics = groups.scenario.until(
        lambda: (found := shown(groups.scenario.metrics(), FULL)).get('hugetlb_current_bytes{pagesize="2MB"}') and found,
        "the huge pages", 30)
    assert metrics['hugetlb_current_bytes{pagesize="2MB"}'] == 4194304
    assert metrics['hugetlb_max_bytes{pagesize="2MB"}'] == 4194304
    assert metrics['hugetlb_rsvd_max_bytes{pagesize="2MB"}'] == 8388608
    assert metrics['hugetlb_events_max_total{pagesize="2MB"}'] >= 1
    assert metrics['hugetlb_events_local_max_total{pagesize="2MB"}'] >= 1
    # No limit is no line.
    assert 'hugetlb_max_bytes{pagesize="1GB"}' not in metrics
    text = groups.guest.run(["curl", "-sf", "http://127.0.0.1:9753/metrics/cadvisor"], check=True).text
    assert f'container_hugetlb_usage_bytes{{id="{FULL}",pagesize="2MB"}} 4194304\n' in text


def test_a_controller_that_is_not_enabled_has_no_series(groups):
    metrics = groups.scenario.metrics()
    some, bare = shown(metrics, SOME), shown(metrics, BARE)
    assert "memory_oom_group" in some and 'type{type="domain"}' in bare
    for name in some:
        assert not name.startswith(("hugetlb_", "cpuset_", "io_weight", "cpu_idle", "misc_", "rdma_")), name
    for name in bare:
        assert not name.startswith(("hugetlb_", "cpuset_", "io_", "memory_", "pids_", "misc_", "rdma_", "cpu_idle")), name
    # The guest has neither such hardware: the files are there and empty.
    full = read_files(groups.guest, FULL)
    for file in ("misc.current", "misc.max", "misc.events", "rdma.current", "rdma.max"):
        assert full[file] == []
    for name in shown(metrics, FULL):
        assert not name.startswith(("misc_", "rdma_")), name


@pytest.mark.each_kernel
def test_nothing_is_unreadable(groups):
    metrics = groups.scenario.metrics()
    assert metrics["cgwarden_agent_unreadable_files"] == 0
    assert metrics['cgwarden_agent_read_errors_total{file="hugetlb.*.max",kind="malformed"}'] == 0
    wrong = {name: value for name, value in metrics.items()
             if name.startswith("cgwarden_agent_read_errors_total") and value != 0}
    assert not wrong


def test_without_groups_there_is_none_of_it_and_no_file_is_opened(groups):
    scenario = groups.scenario
    scenario.stop_agent()
    groups.guest.write_file(f"{scenario.work}/agent.yaml", CONFIG)
    scenario.start_agent("--config", f"{scenario.work}/agent.yaml", listen=None)
    metrics = scenario.until(lambda: (found := scenario.metrics()) and shown(found, FULL) and found, "a tick")
    full = shown(metrics, FULL)
    assert "memory_current_bytes" in full
    assert len(full) <= 60
    for name in full:
        assert not name.startswith(("hugetlb_", "cpuset_", "memory_numa_", "io_weight", "stat_", "type")), name
    assert not [name for name in metrics if "read_errors" in name and "hugetlb" in name]
