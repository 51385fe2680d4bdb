#include <array>

#include "exporters/catalog.h"

namespace cgwarden::exporters {
namespace {

using enum MetricType;

// Of what it does by itself.
constexpr std::array kOfItself{
    Metric{"cgwarden_build_info", info, "",
           "Version of the agent and the compiler it was built with.", "compiler,version"},
    Metric{"cgwarden_agent_tick_duration_seconds", histogram, "seconds",
           "Time to read all cgroups and act on them, once per sampling interval."},
    Metric{"cgwarden_agent_cgroups", gauge, "", "Cgroups read in the last tick."},
    Metric{"cgwarden_agent_cgroups_left_out", gauge, "",
           "Cgroups left out of the last tick because of a limit."},
    Metric{"cgwarden_agent_cgroups_dropped_total", counter, "",
           "Cgroups left out (cap, depth), read less often (kept_fds), or whose last values went "
           "before "
           "two scrapes (gone_hold), each counted when it happened.",
           "reason"},
    Metric{"cgwarden_agent_unreadable_files", gauge, "",
           "Control files that exist but could not be read or parsed in the last tick; what the "
           "kernel "
           "has switched off (psi=0) is not counted."},
    Metric{"cgwarden_agent_read_errors_total", counter, "",
           "Reads of control files that failed, by file and kind; vanished is what the end of a "
           "cgroup "
           "looks like.",
           "file,kind"},
    Metric{"cgwarden_agent_collector_duration_seconds_total", counter, "seconds",
           "Time spent by each collector: the tiers of control files, discovery of cgroups, last "
           "reads "
           "of emptied ones (events), what is made of a tick (snapshot), looks of the cpu loops of "
           "policies between two ticks (cpu_loops), and the BPF program that spares reads of files "
           "(bpf).",
           "collector"},
    Metric{"cgwarden_agent_collector_runs_total", counter, "",
           "Runs of each collector; a tick of many cgroups takes several.", "collector"},
    Metric{"cgwarden_agent_collector_success", gauge, "",
           "1 if nothing was unreadable in the last run of the collector; 0 for bpf also if it is "
           "configured and cannot be had. Absent for bpf where it is not configured, or "
           "sampling.collector is auto and reads files.",
           "collector"},
    Metric{"cgwarden_agent_collector_in_use", gauge, "",
           "1 for what told the values of the last tick: bpf, or files of each cgroup (files).",
           "collector"},
    Metric{
        "cgwarden_agent_sampling_interval_seconds", gauge, "seconds",
        "The sampling interval in force; longer than the configured one while ticks take over half "
        "of it."},
    Metric{"cgwarden_agent_kept_files", gauge, "",
           "Control files kept open; the kernel charges 4 KiB to the agent for each."},
    Metric{"cgwarden_agent_discovery", gauge, "",
           "1 for the way in which new cgroups are found: fanotify, inotify or polling.", "kind"},
    Metric{"cgwarden_agent_workloads_running", gauge, "", "Workloads the agent supervises now."},
    Metric{"cgwarden_agent_policy_reloads_total", counter, "",
           "Loads of the policy directory, by result.", "result"},
    Metric{"cgwarden_agent_policy_last_reload_successful", gauge, "",
           "1 if the last load of the policy directory succeeded; 0 means the policies before it "
           "hold."},
    Metric{"cgwarden_agent_policy_writes_total", counter, "",
           "Writes to control files of the kernel, by result.", "result"},
    Metric{
        "cgwarden_agent_policy_pending_writes", gauge, "",
        "Control files that are not as the policies want them after the last tick, by state: "
        "planned (only a policy of mode plan wants it), failed (the kernel refused it, or a policy "
        "only reports drift), skipped (not written for a reason that the log tells: another "
        "manager's cgroup, no controller), deferred (on its way: memory is reclaimed first, "
        "systemd "
        "is asked, or the limit of writes in a minute is reached).",
        "state"},
    Metric{"cgwarden_agent_policy_drift_found_total", counter, "",
           "Control files that had the value of their policy and were changed by somebody else."},
    Metric{"cgwarden_agent_policy_drift_repaired_total", counter, "",
           "Of them, those that were given the value of their policy again."},
    Metric{"cgwarden_agent_policy_adapt_decisions_total", counter, "",
           "Decisions of the loops of policies (adapt) that changed a limit, would have in mode "
           "plan, "
           "or could not for another reason than before; by loop and reason.",
           "loop,reason"},
    Metric{"cgwarden_agent_policy_kills_failed_total", counter, "",
           "Kills by policies (adapt.kill, adapt.stall) that the kernel refused, or after which "
           "processes of the cgroup lived on for 10 s."},
    Metric{"cgwarden_agent_policy_adapted_cgroups", gauge, "",
           "Cgroups on which a loop of a policy (adapt) runs."},
    Metric{
        "cgwarden_agent_policy_oom_forecasts", gauge, "",
        "Cgroups that a policy (adapt.timeToOom) warns of: they grow towards a memory.max. Which "
        "and why is event policy_adapt, and `cgwarden why`."},
    Metric{"cgwarden_agent_policy_oom_forecast_seconds", gauge, "seconds",
           "Time until the first of them hits its memory.max if it goes on so; +Inf: none."},
    Metric{"cgwarden_agent_store_errors_total", counter, "",
           "Failed writes to the store of verdicts and counters."},
    Metric{"cgwarden_agent_verdicts_waiting", gauge, "",
           "Verdicts that the store did not take (a full disk) and that are tried again."},
    Metric{"cgwarden_agent_verdicts_dropped_total", counter, "",
           "Verdicts that could not be stored and for which there was no more room to wait."},
    Metric{"cgwarden_agent_recorder_samples_total", counter, "",
           "Samples of cgroups stored by the recorder."},
    Metric{"cgwarden_agent_recorder_dropped_samples_total", counter, "",
           "Samples that are missing in the recording: of cgroups beyond its cap (cap), no room in "
           "the "
           "ring of the newest minute (ring), or a disk that is full or fails (disk).",
           "reason"},
    Metric{"cgwarden_agent_recorder_bytes", gauge, "bytes",
           "Size of the recording in the state directory."},
    Metric{"cgwarden_agent_kmsg_lost_records_total", counter, "",
           "Records of the kernel log overwritten before the agent read them."},
    Metric{"cgwarden_agent_kmsg_dropped_lines_total", counter, "",
           "Lines of the kernel log that were read and not stored, because they came as a flood."},
    Metric{
        "cgwarden_agent_identity_errors_total", counter, "",
        "Files with names of containers, pods and users that are there but unreadable or damaged."},
    Metric{"cgwarden_agent_subjects_dropped_total", counter, "",
           "Units and containers that got no counters of their own because there are too many."},
};

// Of what happens on the node.
constexpr std::array kEvents{
    Metric{"cgwarden_node_oom_kills_total", counter, "",
           "OOM kills of the whole node, own workloads or not, while an agent ran; it goes on over "
           "restarts of the agent and reboots. The kill of a group (memory.oom.group) is one, "
           "whatever "
           "it killed. attributed=\"no\": the cgroup is not "
           "known.",
           "attributed"},
    Metric{"cgwarden_node_oom_victims_total", counter, "",
           "Processes that those OOM kills killed, where known."},
    Metric{"cgwarden_agent_oom_trace_working", gauge, "",
           "1 if the kernel's OOM events are read; 0 means that OOM kills outside of workloads are "
           "counted by the counters of the cgroups below the root, without a cgroup."},
    Metric{
        "cgwarden_agent_oom_trace_lost_events_total", counter, "",
        "OOM and cgroup events overwritten before the agent read them; the counters of the kernel "
        "then tell of their kills, without a cgroup."},
    Metric{"cgwarden_agent_oom_trace_malformed_lines_total", counter, "",
           "Lines of the OOM trace that this version cannot read; the counters of the kernel then "
           "tell "
           "of their kills, without a cgroup."},
    Metric{"cgwarden_agent_events_total", counter, "",
           "Events told of: kept in the store, sent over D-Bus and logged (cgwarden events).",
           "kind"},
    Metric{"cgwarden_agent_events_dropped_total", counter, "",
           "Of them, events that could not be kept in the store."},
    Metric{"cgwarden_agent_pressure_triggers", gauge, "",
           "PSI triggers that are armed, of those that policies ask for (watch.pressure)."},
    Metric{"cgwarden_agent_pressure_fired_total", counter, "",
           "Times that a PSI trigger of a policy fired, at most once per window each.",
           "kind,resource"},
    Metric{
        "cgwarden_agent_unit_watch_working", gauge, "",
        "1 if systemd tells the agent of its units; 0 means that the deaths and restarts of units "
        "are not counted."},
    Metric{
        "cgwarden_agent_event_source_working", gauge, "",
        "1 if the source of events tells all that it should, or nobody asks for it; 0 if some or "
        "all of it is not told. cgwarden doctor says why and what that costs.",
        "source"},
    Metric{"cgwarden_agent_scrape_duration_seconds", histogram, "seconds",
           "Time to answer a scrape of /metrics, compression included."},
    Metric{"cgwarden_agent_scrape_bytes_total", counter, "bytes",
           "Bytes of /metrics sent, after compression."},
};

}  // namespace

const std::vector<Metric>& agent_metrics() {
  static const std::vector<Metric> metrics = [] {
    std::vector<Metric> all(kOfItself.begin(), kOfItself.end());
    all.insert(all.end(), kEvents.begin(), kEvents.end());
    return all;
  }();
  return metrics;
}

}  // namespace cgwarden::exporters
