foreach(name IN ITEMS cpu_stat cpu_stat_local cpu_max memory_stat memory_events swap_events io_stat io_max io_weight
                      pids_events cgroup_events cgroup_stat cgroup_type pressure number limit flag list mountinfo
                      control_value trace_line grouped_file cgroup_values event_format perf_record process_event)
  cgwarden_fuzz(${name} cgroup)
endforeach()
