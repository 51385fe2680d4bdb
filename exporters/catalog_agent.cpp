#include "exporters/catalog.h"

namespace cgwarden::exporters {

using enum MetricType;

const std::vector<Metric>& agent_metrics() {
  static const std::vector<Metric> metrics{
      {"cgwarden_build_info", info, "", "Version of the agent and the compiler it was built with."},
      {"cgwarden_agent_tick_duration_seconds", histogram, "seconds",
       "Time to read all cgroups and act on them, once per sampling interval."},
      {"cgwarden_agent_cgroups", gauge, "", "Cgroups read in the last tick."},
      {"cgwarden_agent_cgroups_dropped", gauge, "",
       "Cgroups left out of the last tick because of a limit."},
      {"cgwarden_agent_unreadable_files", gauge, "",
       "Control files that exist but could not be read or parsed in the last tick."},
      {"cgwarden_agent_workloads_running", gauge, "", "Workloads the agent supervises now."},
      {"cgwarden_agent_policy_reloads_total", counter, "",
       "Loads of the policy directory, by result."},
      {"cgwarden_agent_policy_last_reload_successful", gauge, "",
       "1 if the last load of the policy directory succeeded; 0 means the policies before it "
       "hold."},
      {"cgwarden_agent_policy_writes_total", counter, "",
       "Writes to control files of the kernel, by result."},
      {"cgwarden_agent_store_errors_total", counter, "",
       "Failed writes to the store of verdicts and samples."},
      {"cgwarden_agent_kmsg_lost_records_total", counter, "",
       "Records of the kernel log overwritten before the agent read them."},
      {"cgwarden_node_oom_kills_total", counter, "",
       "OOM kills of the whole node, own workloads or not, since the agent's start. The kill of a "
       "group (memory.oom.group) is one, whatever it killed. attributed=\"no\": the cgroup is not "
       "known."},
      {"cgwarden_node_oom_victims_total", counter, "",
       "Processes that those OOM kills killed, where known."},
      {"cgwarden_agent_oom_trace_working", gauge, "",
       "1 if the kernel's OOM events are read; 0 means that cgwarden_node_oom_kills_total stands "
       "still and only workloads' OOM kills are counted."},
      {"cgwarden_agent_oom_trace_lost_events_total", counter, "",
       "OOM and cgroup events overwritten before the agent read them; the counters of the kernel "
       "then tell of their kills, without a cgroup."},
      {"cgwarden_agent_scrape_duration_seconds", histogram, "seconds",
       "Time to answer a scrape of /metrics, compression included."},
      {"cgwarden_agent_scrape_bytes_total", counter, "bytes",
       "Bytes of /metrics sent, after compression."},
  };
  return metrics;
}

}  // namespace cgwarden::exporters
