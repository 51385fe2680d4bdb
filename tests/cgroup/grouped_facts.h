#pragma once

#include <string>
#include <vector>

#include "cgroup/grouped_files.h"
#include "tests/cgroup/fact_text.h"

// Facts of what is read for export groups.
namespace cgwarden::cgroup::testing {

template <typename T>
Facts facts(const std::vector<Named<T>>& all) {
  Facts f;
  for (const Named<T>& one : all) f[one.name] = show(one.value);
  return f;
}

inline Facts facts(const IdList& list) { return {{"", list.text}}; }
inline Facts facts(const std::string& word) { return {{"", word}}; }
inline Facts facts(const LimitOf<Percent>& limit) { return {{"", show(limit)}}; }

inline Facts facts(const std::vector<Subsystem>& all) {
  Facts f;
  for (const Subsystem& one : all) {
    add(f, "nr_subsys_" + one.name, one.live);
    add(f, "nr_dying_subsys_" + one.name, one.dying);
  }
  return f;
}

inline Facts facts(const MemoryStatMore& s) {
  Facts f;
  add(f, "sec_pagetables", s.sec_pagetables);
  add(f, "vmalloc", s.vmalloc);
  add(f, "hugetlb", s.hugetlb);
  add(f, "anon_thp", s.anon_thp);
  add(f, "file_thp", s.file_thp);
  add(f, "shmem_thp", s.shmem_thp);
  add(f, "workingset_activate_anon", s.workingset_activate_anon);
  add(f, "workingset_activate_file", s.workingset_activate_file);
  add(f, "workingset_restore_anon", s.workingset_restore_anon);
  add(f, "workingset_restore_file", s.workingset_restore_file);
  add(f, "workingset_nodereclaim", s.workingset_nodereclaim);
  add(f, "pgdemote_kswapd", s.pgdemote_kswapd);
  add(f, "pgdemote_direct", s.pgdemote_direct);
  add(f, "pgdemote_khugepaged", s.pgdemote_khugepaged);
  add(f, "pgpromote_success", s.pgpromote_success);
  add(f, "pgscan_kswapd", s.pgscan_kswapd);
  add(f, "pgscan_direct", s.pgscan_direct);
  add(f, "pgscan_khugepaged", s.pgscan_khugepaged);
  add(f, "pgsteal_kswapd", s.pgsteal_kswapd);
  add(f, "pgsteal_direct", s.pgsteal_direct);
  add(f, "pgsteal_khugepaged", s.pgsteal_khugepaged);
  add(f, "pgrefill", s.pgrefill);
  add(f, "pgactivate", s.pgactivate);
  add(f, "pgdeactivate", s.pgdeactivate);
  add(f, "pglazyfree", s.pglazyfree);
  add(f, "pglazyfreed", s.pglazyfreed);
  add(f, "swpin_zero", s.swpin_zero);
  add(f, "swpout_zero", s.swpout_zero);
  add(f, "zswpin", s.zswpin);
  add(f, "zswpout", s.zswpout);
  add(f, "zswpwb", s.zswpwb);
  add(f, "thp_fault_alloc", s.thp_fault_alloc);
  add(f, "thp_collapse_alloc", s.thp_collapse_alloc);
  add(f, "thp_swpout", s.thp_swpout);
  add(f, "thp_swpout_fallback", s.thp_swpout_fallback);
  add(f, "numa_pages_migrated", s.numa_pages_migrated);
  add(f, "numa_pte_updates", s.numa_pte_updates);
  add(f, "numa_hint_faults", s.numa_hint_faults);
  return f;
}

inline Facts facts(const std::vector<IoCost>& devices) {
  Facts f;
  for (const IoCost& d : devices) {
    const std::string key = device_key(d);
    add(f, key + " cost.vrate", d.vrate);
    add(f, key + " cost.usage", d.usage_usec);
    add(f, key + " cost.wait", d.wait_usec);
    add(f, key + " cost.indebt", d.indebt_usec);
    add(f, key + " cost.indelay", d.indelay_usec);
  }
  return f;
}

inline Facts facts(const std::vector<IoLatency>& devices) {
  Facts f;
  for (const IoLatency& d : devices) {
    f[device_key(d)] = "";
    add(f, device_key(d) + " target", d.target_usec);
  }
  return f;
}

inline Facts facts(const std::vector<IoCostQos>& devices) {
  Facts f;
  for (const IoCostQos& d : devices) {
    const std::string key = device_key(d);
    f[key] = "";
    add(f, key + " enable", d.enable);
    add(f, key + " rpct", d.rpct);
    add(f, key + " rlat", d.rlat_usec);
    add(f, key + " wpct", d.wpct);
    add(f, key + " wlat", d.wlat_usec);
    add(f, key + " min", d.min);
    add(f, key + " max", d.max);
  }
  return f;
}

inline Facts facts(const std::vector<IoCostModel>& devices) {
  Facts f;
  for (const IoCostModel& d : devices) {
    const std::string key = device_key(d);
    f[key] = "";
    add(f, key + " rbps", d.rbps);
    add(f, key + " rseqiops", d.rseqiops);
    add(f, key + " rrandiops", d.rrandiops);
    add(f, key + " wbps", d.wbps);
    add(f, key + " wseqiops", d.wseqiops);
    add(f, key + " wrandiops", d.wrandiops);
  }
  return f;
}

inline Facts facts(const std::vector<RdmaDevice>& devices) {
  Facts f;
  for (const RdmaDevice& d : devices) {
    f[d.device] = "";
    add(f, d.device + " hca_handle", d.hca_handle);
    add(f, d.device + " hca_object", d.hca_object);
  }
  return f;
}

}  // namespace cgwarden::cgroup::testing
