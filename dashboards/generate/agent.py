"""Agent: whether cgwarden itself keeps up, and what it could not see."""

import frame
import queries as q
from panels import Panel, events, happenings, stat, table, timeline

FILE = "cgwarden-agent.json"
TICK = "cgwarden_agent_tick_duration_seconds"
SCRAPE = "cgwarden_agent_scrape_duration_seconds"


def gauge(name):
    return q.select(f"cgwarden_agent_{name}", q.TARGET)


def counter(name, *labels, function="rate"):
    return q.by(labels, q.rate(f"cgwarden_agent_{name}", q.TARGET, function))


def glance():
    return [
        stat(
            "Agents",
            "Agents that Prometheus reaches.",
            "none",
            f"count({q.select('cgwarden_build_info', q.TARGET)})",
            "alerts.md#agentdown",
        ),
        stat("Cgroups", "Cgroups read in the last tick.", "none", f"sum({gauge('cgroups')})", "metrics.md#the-agent"),
        stat(
            "Workloads",
            "Workloads that the agents supervise now.",
            "none",
            f"sum({gauge('workloads_running')})",
            "metrics.md#the-agent",
        ),
        stat(
            "Left out",
            "Cgroups left out of the last tick because of a limit.",
            "none",
            f"sum({gauge('cgroups_left_out')})",
            "metrics.md#the-agent",
        ),
        stat(
            "Unreadable",
            "Control files that exist but could not be read or parsed in the last tick.",
            "none",
            f"sum({gauge('unreadable_files')})",
            "metrics.md#the-agent",
        ),
        stat(
            "Ticks a second",
            "Ticks per second of the slowest agent; below one in the sampling interval it does not"
            " keep up.",
            "short",
            f"min({q.rate(TICK + '_count', q.TARGET)})",
            "metrics.md#the-agent",
        ),
    ]


def duration(title, description, metric):
    return Panel(
        title,
        description,
        "s",
        (
            (q.quantile(metric, 0.5), "{{instance}} p50"),
            (q.quantile(metric, 0.99), "{{instance}} p99"),
            (
                q.by((), q.rate(metric + "_sum", q.TARGET))
                + " / "
                + q.by((), q.rate(metric + "_count", q.TARGET)),
                "{{instance}} mean",
            ),
        ),
        "metrics.md#the-agent",
    )


def cost():
    return [
        duration("Time of a tick", "Time to read all cgroups and act on them.", TICK),
        duration(
            "Time of a scrape", "Time to answer a scrape of /metrics, compression included.", SCRAPE
        ),
        Panel(
            "Time spent",
            "Share of one CPU's time in ticks and in scrapes: the mean cost.",
            "percentunit",
            (
                (q.by((), q.rate(TICK + "_sum", q.TARGET)), "{{instance}} ticks"),
                (q.by((), q.rate(SCRAPE + "_sum", q.TARGET)), "{{instance}} scrapes"),
            ),
            "metrics.md#the-agent",
        ),
        Panel(
            "Bytes sent",
            "Bytes per second of /metrics, after compression.",
            "Bps",
            ((counter("scrape_bytes_total"), "{{instance}}"),),
            "metrics.md#the-agent",
        ),
        Panel(
            "Time by collector",
            "Share of one CPU's time spent by each collector: the tiers of control files, discovery of"
            " cgroups, last reads of emptied ones, and what is made of a tick.",
            "percentunit",
            ((counter("collector_duration_seconds_total", "collector"), "{{instance}} {{collector}}"),),
            "metrics.md#the-agent",
        ),
        Panel(
            "Sampling interval",
            "The interval in force. It is longer than the configured one while ticks take over half of it.",
            "s",
            ((gauge("sampling_interval_seconds"), "{{instance}}"),),
            "metrics.md#the-agent",
        ),
    ]


def evidence():
    lost = (
        ("store_errors_total", "store errors"),
        ("kmsg_lost_records_total", "kmsg records"),
        ("oom_trace_lost_events_total", "OOM events"),
        ("oom_trace_malformed_lines_total", "unreadable OOM events"),
        ("events_dropped_total", "events not kept"),
    )
    nameless = (
        ("identity_errors_total", "files with names"),
        ("subjects_dropped_total", "units and containers"),
    )
    return [
        happenings(
            "Lost evidence",
            "Failed writes to the store, records of the kernel log and its OOM events that were overwritten"
            " before the agent read them or that it cannot parse, and events that the store could not keep."
            " Verdicts are less certain, OOM kills without a cgroup.",
            tuple((counter(m, function="increase"), f"{{{{instance}}}} {name}") for m, name in lost),
            "alerts.md#diagnosisevidencelost",
        ),
        events(
            "Events told of",
            "Kept in the store, sent over D-Bus and logged, by kind; `cgwarden events` shows them.",
            counter("events_total", "kind", function="increase"),
            "{{instance}} {{kind}}",
            "metrics.md#the-agent",
        ),
        timeline(
            "OOM events of the kernel read",
            "Red: tracefs cannot be used (the log says why), and only workloads' OOM kills are counted.",
            gauge("oom_trace_working"),
            "{{instance}}",
            "alerts.md#diagnosisevidencelost",
        ),
        timeline(
            "Units of systemd watched",
            "Red: systemd tells the agent nothing (there is none, or no D-Bus), and deaths and restarts of units"
            " are not counted.",
            gauge("unit_watch_working"),
            "{{instance}}",
            "metrics.md#units-and-containers",
        ),
        happenings(
            "Without a name or a counter",
            "Files with names of containers, pods and users that are damaged or unreadable, and units and"
            " containers that got no counters of their own because there are too many.",
            tuple((counter(m, function="increase"), f"{{{{instance}}}} {name}") for m, name in nameless),
            "metrics.md#the-agent",
        ),
    ]


def recorder():
    return [
        Panel(
            "Samples recorded",
            "Samples of cgroups per second that the recorder stores, for `cgwarden top` and `cgwarden replay`.",
            "short",
            ((counter("recorder_samples_total"), "{{instance}}"),),
            "recording.md",
        ),
        Panel(
            "Size of the recording",
            "Bytes of the recording in the state directory; the oldest day goes when its budget is used up.",
            "bytes",
            ((gauge("recorder_bytes"), "{{instance}}"),),
            "recording.md",
        ),
        events(
            "Samples missing in the recording",
            "Of cgroups beyond its cap (cap), without room in the ring of the newest minute (ring), or for a"
            " disk that is full or fails (disk).",
            counter("recorder_dropped_samples_total", "reason", function="increase"),
            "{{instance}} {{reason}}",
            "alerts.md#recordinggaps",
        ),
        Panel(
            "Mean time of a collector's run",
            "A tier of control files takes one run a tick, or several in a tick of many cgroups.",
            "s",
            (
                (
                    counter("collector_duration_seconds_total", "collector")
                    + " / "
                    + counter("collector_runs_total", "collector"),
                    "{{instance}} {{collector}}",
                ),
            ),
            "metrics.md#the-agent",
        ),
    ]


def sight():
    versions = f"count by (instance, version) ({q.select('cgwarden_build_info', q.TARGET)})"
    discovery = f"sum by (instance, kind) ({gauge('discovery')}) > 0"
    told_by = f"sum by (instance, collector) ({gauge('collector_in_use')}) > 0"
    return [
        Panel(
            "What the agent watches",
            "Cgroups and workloads watched, cgroups left out because of a limit, control files it could"
            " not read, and control files it keeps open (4 KiB of kernel memory each).",
            "short",
            (
                (gauge("cgroups"), "{{instance}} cgroups"),
                (gauge("workloads_running"), "{{instance}} workloads"),
                (gauge("cgroups_left_out"), "{{instance}} left out"),
                (gauge("unreadable_files"), "{{instance}} unreadable"),
                (gauge("kept_files"), "{{instance}} kept open"),
            ),
            "metrics.md#the-agent",
        ),
        timeline(
            "Collectors that read everything",
            "Green where nothing was unreadable in the last run of the collector. The panel of read errors names"
            " file and kind.",
            gauge("collector_success"),
            "{{instance}} {{collector}}",
            "metrics.md#the-agent",
        ),
        events(
            "Read errors by kind",
            "Reads of control files that failed. vanished is what the end of a cgroup looks like; any"
            " other kind leaves a gap in that cgroup's figures.",
            counter("read_errors_total", "file", "kind", function="increase"),
            "{{instance}} {{file}} {{kind}}",
            "metrics.md#the-agent",
        ),
        events(
            "Cgroups dropped by reason",
            "Left out for the most cgroups (cap) or their depth, read less often (kept_fds), or gone with"
            " their last values before two scrapes (gone_hold).",
            counter("cgroups_dropped_total", "reason", function="increase"),
            "{{instance}} {{reason}}",
            "metrics.md#the-agent",
        ),
        table(
            "Discovery",
            "How each agent finds new cgroups. With polling a cgroup that lives shorter than the sampling"
            " interval may not be seen.",
            ((discovery, "agents|none"),),
            "metrics.md#the-agent",
            width=8,
        ),
        table(
            "Values of a tick",
            "What told them: the BPF program (bpf) or files of each cgroup (files). With sampling.collector auto it"
            " may change while the agent runs; the values are the same.",
            ((told_by, "agents|none"),),
            "metrics.md#the-agent",
            width=8,
        ),
        table(
            "Versions",
            "Which version runs where.",
            ((versions, "agents|none"),),
            "metrics.md#the-agent",
            width=8,
        ),
    ]


def dashboard():
    rows = [
        ("At a glance", glance()),
        ("Cost", cost()),
        ("What it sees", sight()),
        ("Evidence", evidence()),
        ("Recorder", recorder()),
    ]
    return frame.dashboard(
        "cgwarden-agent",
        "Agent",
        "Cost of the agent's ticks and scrapes, what it watches and what it lost.",
        rows,
    )
