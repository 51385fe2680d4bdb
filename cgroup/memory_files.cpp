#include "cgroup/field_table.h"
#include "cgroup/scan.h"

namespace cgwarden::cgroup {
namespace {

// mm/memcontrol.c memory_stats[] and memcg_vm_event_stat[].
constexpr std::array kMemoryStat{
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

// mm/memcontrol.c __memory_events_show, for memory.events and memory.events.local.
constexpr std::array kMemoryEvents{
    CountField<MemoryEvents>{"low", &MemoryEvents::low},
    CountField<MemoryEvents>{"high", &MemoryEvents::high},
    CountField<MemoryEvents>{"max", &MemoryEvents::max},
    CountField<MemoryEvents>{"oom", &MemoryEvents::oom},
    CountField<MemoryEvents>{"oom_kill", &MemoryEvents::oom_kill},
    CountField<MemoryEvents>{"oom_group_kill", &MemoryEvents::oom_group_kill},
};

// mm/memcontrol.c swap_events_show.
constexpr std::array kSwapEvents{
    CountField<SwapEvents>{"high", &SwapEvents::high},
    CountField<SwapEvents>{"max", &SwapEvents::max},
    CountField<SwapEvents>{"fail", &SwapEvents::fail},
};

}  // namespace

std::span<const CountField<MemoryStat>> memory_stat_fields() { return kMemoryStat; }
std::span<const CountField<MemoryEvents>> memory_events_fields() { return kMemoryEvents; }
std::span<const CountField<SwapEvents>> swap_events_fields() { return kSwapEvents; }

Result<MemoryStat> parse_memory_stat(std::string_view text) {
  return parse_counts(text, "memory.stat", kMemoryStat);
}

Result<MemoryEvents> parse_memory_events(std::string_view text, std::string_view where) {
  return parse_counts(text, where, kMemoryEvents);
}

bool scan_memory_events(std::string_view text, MemoryEvents& out) {
  return scan_counts(text, kMemoryEvents, out);
}

Result<SwapEvents> parse_swap_events(std::string_view text) {
  return parse_counts(text, "memory.swap.events", kSwapEvents);
}

}  // namespace cgwarden::cgroup
