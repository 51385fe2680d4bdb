"""What the agents that are compared deliver of each cgroup, from their own texts.

The functions named of_AGENT return {cgroup: number of values}. Only cgroups below `prefix` ("/load") count, by the
name that the agent has for them. Those named values_of_AGENT return {NUMBER of docker-NUMBER.scope: Values}.
"""

import collections
import dataclasses
import re

_SAMPLE = re.compile(r'^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_NUMBER = re.compile(r"docker-0*(\d+)")
_PCP_INSTANCE = re.compile(r'^\s+inst \[\d+ or "(?P<name>[^"]*)"\] value ')


def samples(text):
    """(name, {label: text}, value) of each sample of a Prometheus text exposition."""
    for line in text.splitlines():
        found = _SAMPLE.match(line)
        if found:
            yield found["name"], dict(_LABEL.findall(found["labels"] or "")), float(found["value"])


def of_cgwarden(text, prefix):
    """The series with a `cgroup` label; cgwarden_cgroup_info says whose it is and is no value."""
    counts = collections.Counter()
    for name, labels, _ in samples(text):
        if labels.get("cgroup", "").startswith(prefix + "/") and name != "cgwarden_cgroup_info":
            counts[labels["cgroup"]] += 1
    return dict(counts)


def of_netdata(text, prefix):
    """`chart` is "cgroup_" with the path, slashes made underscores and dots dashes, and ".CHART"."""
    begin = "cgroup_" + prefix.strip("/").replace("/", "_") + "_"
    counts = collections.Counter()
    for _, labels, _ in samples(text):
        cgroup, dot, _ = labels.get("chart", "").partition(".")
        if dot and cgroup.startswith(begin):
            counts[cgroup.removeprefix("cgroup_")] += 1
    return dict(counts)


def of_pcp(text, prefix):
    """The instances that `pminfo -f` prints; an instance of a device is "CGROUP::DEVICE"."""
    counts = collections.Counter()
    for line in text.splitlines():
        found = _PCP_INSTANCE.match(line)
        if found and found["name"].startswith(prefix + "/"):
            counts[found["name"].partition("::")[0]] += 1
    return dict(counts)


def median(counts):
    """Values per cgroup in the middle one; 0 without any."""
    ordered = sorted(counts.values())
    return ordered[len(ordered) // 2] if ordered else 0


@dataclasses.dataclass
class Values:
    """What two agents may be compared by."""

    cpu_usec: float = 0
    memory_bytes: float = 0


def values_of_cgwarden(text, prefix):
    values = collections.defaultdict(Values)
    for name, labels, value in samples(text):
        number = _NUMBER.match(labels.get("cgroup", "").removeprefix(prefix + "/"))
        if number and name == "cgwarden_cgroup_cpu_usage_seconds_total":
            values[int(number[1])].cpu_usec = value * 1e6
        if number and name == "cgwarden_cgroup_memory_current_bytes":
            values[int(number[1])].memory_bytes = value
    return dict(values)


def values_of_netdata(text, prefix):
    begin = "cgroup_" + prefix.strip("/").replace("/", "_") + "_"
    values = collections.defaultdict(Values)
    for name, labels, value in samples(text):
        number = _NUMBER.match(labels.get("chart", "").removeprefix(begin))
        if number and name == "netdata_cgroup_cpu_total":
            values[int(number[1])].cpu_usec += value  # of its dimensions user and system
        if number and name == "netdata_cgroup_mem_usage" and labels["dimension"] == "ram":
            values[int(number[1])].memory_bytes = value
    return dict(values)


def difference(one, other):
    """Values with the largest relative differences between two agents, over the cgroups that both know; None: there are none."""

    def largest(of):
        return max(abs(of(one[number]) - of(other[number])) / max(of(one[number]), of(other[number]), 1) for number in both)

    both = one.keys() & other.keys()
    return Values(largest(lambda v: v.cpu_usec), largest(lambda v: v.memory_bytes)) if both else None
