// Export groups memory.stat and memory.numa_stat: one table for both.
#include <array>
#include <deque>

#include "exporters/catalog_grouped_readers.h"
#include "exporters/catalog_tables.h"

namespace cgwarden::exporters {
namespace {

using cgroup::MemoryNode;
using cgroup::MemoryStat;
using cgroup::MemoryStatMore;
using readers::GroupedFiles;
using readers::Sample;

const MemoryStat* part(const Sample& sample, const cgroup::Count MemoryStat::*) {
  return sample.memory_stat ? &*sample.memory_stat : nullptr;
}
const MemoryStatMore* part(const Sample& sample, const cgroup::Count MemoryStatMore::*) {
  if (!sample.grouped || !sample.grouped->memory_stat) return nullptr;
  return &*sample.grouped->memory_stat;
}
const MemoryStat& part(const MemoryNode& node, const cgroup::Count MemoryStat::*) {
  return node.stat;
}
const MemoryStatMore& part(const MemoryNode& node, const cgroup::Count MemoryStatMore::*) {
  return node.more;
}

template <auto Key>
std::optional<Value> total_of(const Sample& sample) {
  const auto* const keys = part(sample, Key);
  return keys == nullptr ? std::nullopt : readers::value_of(keys->*Key);
}

template <auto Key>
void nodes(const Sample& sample, LineSink& sink) {
  constexpr auto kNodes = &GroupedFiles::memory_numa_stat;
  for (const MemoryNode& node : readers::grouped_rows<kNodes>(sample, limits::kExportedNodes)) {
    const auto value = readers::value_of(part(node, Key).*Key);
    if (value) sink.line(label("node", std::to_string(node.node)), *value);
  }
}

// In memory.stat alone, there and in memory.numa_stat, or shown without any group for the former.
enum class Where { total, both, numa };

struct StatKey {
  std::string_view key;
  bool bytes;
  Where where;
  std::string_view help;
  std::optional<Value> (*read)(const Sample& sample);
  void (*visit)(const Sample& sample, LineSink& sink);
};

template <auto Key>
constexpr StatKey bytes(std::string_view key, Where where, std::string_view help) {
  return {key, true, where, help, total_of<Key>, nodes<Key>};
}
template <auto Key>
constexpr StatKey events(std::string_view key, Where where, std::string_view help) {
  return {key, false, where, help, total_of<Key>, nodes<Key>};
}

using S = MemoryStat;
using M = MemoryStatMore;
using enum Where;

// mm/memcontrol.c: memory_stats[] (by node as far as they are node_stat_items), then
// memcg_vm_event_stat[].
constexpr std::array kKeys{
    bytes<&S::anon>("anon", numa, "Anonymous memory"),
    bytes<&S::file>("file", numa, "Page cache, tmpfs and shared memory included"),
    bytes<&S::kernel_stack>("kernel_stack", both, "Stacks of tasks in the kernel"),
    bytes<&S::pagetables>("pagetables", both, "Page tables"),
    bytes<&M::sec_pagetables>("sec_pagetables", both, "Secondary page tables, as of KVM"),
    bytes<&S::percpu>("percpu", total, "Per-CPU objects of the kernel"),
    bytes<&S::sock>("sock", total, "Buffers of sockets"),
    bytes<&M::vmalloc>("vmalloc", total, "vmalloc areas of the kernel"),
    bytes<&S::shmem>("shmem", numa, "tmpfs and shared memory"),
    bytes<&S::zswap>("zswap", total, "Compressed memory of zswap"),
    bytes<&S::zswapped>("zswapped", total, "Memory that zswap holds, before compression"),
    bytes<&S::file_mapped>("file_mapped", both, "Mapped page cache"),
    bytes<&S::file_dirty>("file_dirty", both, "Page cache still to be written"),
    bytes<&S::file_writeback>("file_writeback", both, "Page cache that is being written"),
    bytes<&S::swapcached>("swapcached", both, "Memory that is also in swap"),
    bytes<&M::hugetlb>("hugetlb", both, "hugetlb pages, where they are accounted as memory"),
    bytes<&M::anon_thp>("anon_thp", both, "Anonymous memory in transparent huge pages"),
    bytes<&M::file_thp>("file_thp", both, "Page cache in transparent huge pages"),
    bytes<&M::shmem_thp>("shmem_thp", both, "Shared memory in transparent huge pages"),
    bytes<&S::inactive_anon>("inactive_anon", both, "Anonymous memory on the inactive list"),
    bytes<&S::active_anon>("active_anon", both, "Anonymous memory on the active list"),
    bytes<&S::inactive_file>("inactive_file", both, "Page cache on the inactive list"),
    bytes<&S::active_file>("active_file", both, "Page cache on the active list"),
    bytes<&S::unevictable>("unevictable", both, "Memory that cannot be reclaimed"),
    bytes<&S::slab_reclaimable>("slab_reclaimable", both, "Slab memory that can be reclaimed"),
    bytes<&S::slab_unreclaimable>("slab_unreclaimable", both, "Slab memory that cannot"),
    events<&S::workingset_refault_anon>("workingset_refault_anon", both,
                                        "Refaults of evicted anonymous pages"),
    events<&S::workingset_refault_file>("workingset_refault_file", both,
                                        "Refaults of evicted page cache"),
    events<&M::workingset_activate_anon>("workingset_activate_anon", both,
                                         "Refaulted anonymous pages that became active at once"),
    events<&M::workingset_activate_file>("workingset_activate_file", both,
                                         "Refaulted file pages that became active at once"),
    events<&M::workingset_restore_anon>("workingset_restore_anon", both,
                                        "Refaulted anonymous pages that were in the working set"),
    events<&M::workingset_restore_file>("workingset_restore_file", both,
                                        "Refaulted file pages that were in the working set"),
    events<&M::workingset_nodereclaim>("workingset_nodereclaim", both, "Reclaims of shadow nodes"),
    events<&M::pgdemote_kswapd>("pgdemote_kswapd", both, "Pages demoted by kswapd"),
    events<&M::pgdemote_direct>("pgdemote_direct", both, "Pages demoted directly"),
    events<&M::pgdemote_khugepaged>("pgdemote_khugepaged", both, "Pages demoted by khugepaged"),
    events<&M::pgpromote_success>("pgpromote_success", both, "Pages promoted to a faster node"),
    events<&S::pgscan>("pgscan", total, "Pages scanned by reclaim"),
    events<&S::pgsteal>("pgsteal", total, "Pages reclaimed"),
    events<&M::pgscan_kswapd>("pgscan_kswapd", total, "Pages scanned by kswapd"),
    events<&M::pgscan_direct>("pgscan_direct", total, "Pages scanned by direct reclaim"),
    events<&M::pgscan_khugepaged>("pgscan_khugepaged", total, "Pages scanned by khugepaged"),
    events<&M::pgsteal_kswapd>("pgsteal_kswapd", total, "Pages reclaimed by kswapd"),
    events<&M::pgsteal_direct>("pgsteal_direct", total, "Pages reclaimed directly"),
    events<&M::pgsteal_khugepaged>("pgsteal_khugepaged", total, "Pages reclaimed by khugepaged"),
    events<&S::pgfault>("pgfault", total, "Page faults"),
    events<&S::pgmajfault>("pgmajfault", total, "Page faults that waited for I/O"),
    events<&M::pgrefill>("pgrefill", total, "Pages scanned on the active list"),
    events<&M::pgactivate>("pgactivate", total, "Pages moved to the active list"),
    events<&M::pgdeactivate>("pgdeactivate", total, "Pages moved to the inactive list"),
    events<&M::pglazyfree>("pglazyfree", total, "Pages marked to be freed lazily"),
    events<&M::pglazyfreed>("pglazyfreed", total, "Pages freed lazily"),
    events<&M::swpin_zero>("swpin_zero", total, "Pages of zeros taken back without swap"),
    events<&M::swpout_zero>("swpout_zero", total, "Pages of zeros put away without swap"),
    events<&M::zswpin>("zswpin", total, "Pages taken back from zswap"),
    events<&M::zswpout>("zswpout", total, "Pages put into zswap"),
    events<&M::zswpwb>("zswpwb", total, "Pages written from zswap to swap"),
    events<&M::thp_fault_alloc>("thp_fault_alloc", total, "Huge pages given at a fault"),
    events<&M::thp_collapse_alloc>("thp_collapse_alloc", total, "Huge pages made of small ones"),
    events<&M::thp_swpout>("thp_swpout", total, "Huge pages swapped out in one piece"),
    events<&M::thp_swpout_fallback>("thp_swpout_fallback", total,
                                    "Huge pages split before they were swapped out"),
    events<&M::numa_pages_migrated>("numa_pages_migrated", total,
                                    "Pages migrated by NUMA balancing"),
    events<&M::numa_pte_updates>("numa_pte_updates", total,
                                 "Page table entries changed by NUMA balancing"),
    events<&M::numa_hint_faults>("numa_hint_faults", total, "Hinting faults of NUMA balancing"),
};

// The text lives as long as the catalog does.
std::string_view kept(std::string text) {
  static std::deque<std::string> all;
  return all.emplace_back(std::move(text));
}

// `prefix`: between "memory_" and the kernel's key.
Metric metric_of(const StatKey& key, std::string_view prefix, std::string_view file) {
  Metric metric;
  metric.name = kept("cgwarden_cgroup_memory_" + std::string(prefix) + std::string(key.key) +
                     (key.bytes ? "_bytes" : "_total"));
  metric.type = key.bytes ? MetricType::gauge : MetricType::counter;
  metric.unit = key.bytes ? "bytes" : "";
  metric.help =
      kept(std::string(key.help) + " (" + std::string(file) + " " + std::string(key.key) + ").");
  return metric;
}

}  // namespace

CgroupMetrics memory_stat_group_metrics() {
  CgroupMetrics all;
  for (const StatKey& key : kKeys) {
    if (key.where == numa) continue;
    all.push_back({metric_of(key, "", "memory.stat"), {{"", key.read}}});
  }
  return all;
}

CgroupMetrics memory_numa_stat_group_metrics() {
  CgroupMetrics all;
  for (const StatKey& key : kKeys) {
    if (key.where == total) continue;
    all.push_back({metric_of(key, "numa_", "memory.numa_stat"), {}, "node", key.visit});
  }
  return all;
}

}  // namespace cgwarden::exporters
