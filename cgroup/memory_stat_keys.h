#pragma once

#include <array>

#include "cgroup/field_table.h"
#include "cgroup/grouped_files.h"

// The keys of memory.stat in the kernel's order; those of memory.numa_stat are some of them.
namespace cgwarden::cgroup {

// mm/memcontrol.c memory_stats[] and memcg_vm_event_stat[].
inline constexpr std::array kMemoryStat{
    CountField<MemoryStat>{"anon", &MemoryStat::anon},
    CountField<MemoryStat>{"file", &MemoryStat::file},
    CountField<MemoryStat>{"kernel", &MemoryStat::kernel},
    CountField<MemoryStat>{"kernel_stack", &MemoryStat::kernel_stack},
    CountField<MemoryStat>{"pagetables", &MemoryStat::pagetables},
    CountField<MemoryStat>{"percpu", &MemoryStat::percpu},
    CountField<MemoryStat>{"sock", &MemoryStat::sock},
    CountField<MemoryStat>{"shmem", &MemoryStat::shmem},
    CountField<MemoryStat>{"zswap", &MemoryStat::zswap},
    CountField<MemoryStat>{"zswapped", &MemoryStat::zswapped},
    CountField<MemoryStat>{"file_mapped", &MemoryStat::file_mapped},
    CountField<MemoryStat>{"file_dirty", &MemoryStat::file_dirty},
    CountField<MemoryStat>{"file_writeback", &MemoryStat::file_writeback},
    CountField<MemoryStat>{"swapcached", &MemoryStat::swapcached},
    CountField<MemoryStat>{"inactive_anon", &MemoryStat::inactive_anon},
    CountField<MemoryStat>{"active_anon", &MemoryStat::active_anon},
    CountField<MemoryStat>{"inactive_file", &MemoryStat::inactive_file},
    CountField<MemoryStat>{"active_file", &MemoryStat::active_file},
    CountField<MemoryStat>{"unevictable", &MemoryStat::unevictable},
    CountField<MemoryStat>{"slab_reclaimable", &MemoryStat::slab_reclaimable},
    CountField<MemoryStat>{"slab_unreclaimable", &MemoryStat::slab_unreclaimable},
    CountField<MemoryStat>{"slab", &MemoryStat::slab},
    CountField<MemoryStat>{"workingset_refault_anon", &MemoryStat::workingset_refault_anon},
    CountField<MemoryStat>{"workingset_refault_file", &MemoryStat::workingset_refault_file},
    CountField<MemoryStat>{"pgscan", &MemoryStat::pgscan},
    CountField<MemoryStat>{"pgsteal", &MemoryStat::pgsteal},
    CountField<MemoryStat>{"pgfault", &MemoryStat::pgfault},
    CountField<MemoryStat>{"pgmajfault", &MemoryStat::pgmajfault},
};

// Those that nobody but the export group memory.stat asks for.
inline constexpr std::array kMemoryStatMore{
    CountField<MemoryStatMore>{"sec_pagetables", &MemoryStatMore::sec_pagetables},
    CountField<MemoryStatMore>{"vmalloc", &MemoryStatMore::vmalloc},
    CountField<MemoryStatMore>{"hugetlb", &MemoryStatMore::hugetlb},
    CountField<MemoryStatMore>{"anon_thp", &MemoryStatMore::anon_thp},
    CountField<MemoryStatMore>{"file_thp", &MemoryStatMore::file_thp},
    CountField<MemoryStatMore>{"shmem_thp", &MemoryStatMore::shmem_thp},
    CountField<MemoryStatMore>{"workingset_activate_anon",
                               &MemoryStatMore::workingset_activate_anon},
    CountField<MemoryStatMore>{"workingset_activate_file",
                               &MemoryStatMore::workingset_activate_file},
    CountField<MemoryStatMore>{"workingset_restore_anon", &MemoryStatMore::workingset_restore_anon},
    CountField<MemoryStatMore>{"workingset_restore_file", &MemoryStatMore::workingset_restore_file},
    CountField<MemoryStatMore>{"workingset_nodereclaim", &MemoryStatMore::workingset_nodereclaim},
    CountField<MemoryStatMore>{"pgdemote_kswapd", &MemoryStatMore::pgdemote_kswapd},
    CountField<MemoryStatMore>{"pgdemote_direct", &MemoryStatMore::pgdemote_direct},
    CountField<MemoryStatMore>{"pgdemote_khugepaged", &MemoryStatMore::pgdemote_khugepaged},
    CountField<MemoryStatMore>{"pgpromote_success", &MemoryStatMore::pgpromote_success},
    CountField<MemoryStatMore>{"pgscan_kswapd", &MemoryStatMore::pgscan_kswapd},
    CountField<MemoryStatMore>{"pgscan_direct", &MemoryStatMore::pgscan_direct},
    CountField<MemoryStatMore>{"pgscan_khugepaged", &MemoryStatMore::pgscan_khugepaged},
    CountField<MemoryStatMore>{"pgsteal_kswapd", &MemoryStatMore::pgsteal_kswapd},
    CountField<MemoryStatMore>{"pgsteal_direct", &MemoryStatMore::pgsteal_direct},
    CountField<MemoryStatMore>{"pgsteal_khugepaged", &MemoryStatMore::pgsteal_khugepaged},
    CountField<MemoryStatMore>{"pgrefill", &MemoryStatMore::pgrefill},
    CountField<MemoryStatMore>{"pgactivate", &MemoryStatMore::pgactivate},
    CountField<MemoryStatMore>{"pgdeactivate", &MemoryStatMore::pgdeactivate},
    CountField<MemoryStatMore>{"pglazyfree", &MemoryStatMore::pglazyfree},
    CountField<MemoryStatMore>{"pglazyfreed", &MemoryStatMore::pglazyfreed},
    CountField<MemoryStatMore>{"swpin_zero", &MemoryStatMore::swpin_zero},
    CountField<MemoryStatMore>{"swpout_zero", &MemoryStatMore::swpout_zero},
    CountField<MemoryStatMore>{"zswpin", &MemoryStatMore::zswpin},
    CountField<MemoryStatMore>{"zswpout", &MemoryStatMore::zswpout},
    CountField<MemoryStatMore>{"zswpwb", &MemoryStatMore::zswpwb},
    CountField<MemoryStatMore>{"thp_fault_alloc", &MemoryStatMore::thp_fault_alloc},
    CountField<MemoryStatMore>{"thp_collapse_alloc", &MemoryStatMore::thp_collapse_alloc},
    CountField<MemoryStatMore>{"thp_swpout", &MemoryStatMore::thp_swpout},
    CountField<MemoryStatMore>{"thp_swpout_fallback", &MemoryStatMore::thp_swpout_fallback},
    CountField<MemoryStatMore>{"numa_pages_migrated", &MemoryStatMore::numa_pages_migrated},
    CountField<MemoryStatMore>{"numa_pte_updates", &MemoryStatMore::numa_pte_updates},
    CountField<MemoryStatMore>{"numa_hint_faults", &MemoryStatMore::numa_hint_faults},
};

}  // namespace cgwarden::cgroup
