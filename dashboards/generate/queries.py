"""PromQL as the dashboards write it: every selector has the job and the instance."""

INTERVAL = "$__rate_interval"
TARGET = 'job=~"$job", instance=~"$instance"'
CGROUP = f'{TARGET}, cgroup=~"$cgroup"'
WORKLOAD = f'{TARGET}, workload=~"$workload"'
# The cgroups right below the root: their counters hold everything on the node and outlive what is below.
TOP_LEVEL = f'{TARGET}, cgroup=~"/[^/]+"'
ROOT = f'{TARGET}, cgroup="/"'


def select(metric, selector=CGROUP):
    return f"{metric}{{{selector}}}"


def rate(metric, selector=CGROUP, function="rate"):
    return f"{function}({select(metric, selector)}[{INTERVAL}])"


def increase(metric, selector=CGROUP):
    return rate(metric, selector, "increase")


def by(labels, expression, operator="sum"):
    """`expression` summed up, by job, instance and `labels` (a list)."""
    return f"{operator} by ({', '.join(('job', 'instance', *labels))}) ({expression})"


def by_cgroup(metric, *labels, selector=CGROUP, function="rate"):
    return by(("cgroup", *labels), rate(metric, selector, function))


def by_workload(metric, *labels, function="rate"):
    return by(("workload", *labels), rate(metric, WORKLOAD, function))


UNIT = ("unit", "uid")
CONTAINER = ("namespace", "pod", "container", "runtime", "uid")


def by_unit(metric, *labels, function="increase", selector=TARGET):
    return by((*UNIT, *labels), rate(metric, selector, function))


def by_container(metric, *labels, function="increase", selector=TARGET):
    return by((*CONTAINER, *labels), rate(metric, selector, function))


def top(expression, count=10):
    return f"topk({count}, {expression})"


def quantile(metric, share):
    return f"histogram_quantile({share}, {by(('le',), rate(metric + '_bucket', TARGET))})"
