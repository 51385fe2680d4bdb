"""What the agents that are compared deliver of each cgroup, from their own texts.

Each function returns {cgroup: number of values}. Only cgroups below `prefix` ("/load") count, by the
name that the agent has for them.
"""

import collections
import re

_SAMPLE = re.compile(r'^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_PCP_INSTANCE = re.compile(r'^\s+inst \[\d+ or "(?P<name>[^"]*)"\] value ')


def samples(text):
    """(name, {label: value}) of each sample of a Prometheus text exposition."""
    for line in text.splitlines():
        found = _SAMPLE.match(line)
        if found:
            yield found["name"], dict(_LABEL.findall(found["labels"] or ""))


def of_cgwarden(text, prefix):
    """The series with a `cgroup` label; cgwarden_cgroup_info says whose it is and is no value."""
    counts = collections.Counter()
    for name, labels in samples(text):
        if labels.get("cgroup", "").startswith(prefix + "/") and name != "cgwarden_cgroup_info":
            counts[labels["cgroup"]] += 1
    return dict(counts)


def of_netdata(text, prefix):
    """`chart` is "cgroup_" with the path, slashes made underscores and dots dashes, and ".CHART"."""
    begin = "cgroup_" + prefix.strip("/").replace("/", "_") + "_"
    counts = collections.Counter()
    for _, labels in samples(text):
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
