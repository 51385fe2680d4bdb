#include "cgroup/field_table.h"
#include "cgroup/grouped_format.h"
#include "cgroup/memory_stat_keys.h"
#include "cgroup/scan.h"

namespace cgwarden::cgroup {
namespace {

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

template <typename Stat, std::size_t Size>
Count* find_count(const std::array<CountField<Stat>, Size>& table, std::string_view key,
                  Stat& stat) {
  const auto* const row = std::ranges::find(table, key, &CountField<Stat>::key);
  return row == table.end() ? nullptr : &(stat.*(row->member));
}

// mm/memcontrol.c memory_numa_stat_show: "anon N0=4096 N1=0". False when the number is none.
bool store_node(std::vector<MemoryNode>& nodes, std::string_view key, const NestedPair& pair) {
  if (!pair.key.starts_with('N')) return true;
  const auto number = parse_integer<std::uint32_t>(pair.key.substr(1));
  const auto value = parse_integer<std::uint64_t>(pair.value);
  // "N01" would be a second name of N1, past the check for duplicate keys.
  if (!number || !value || (pair.key.size() > 2 && pair.key.at(1) == '0')) return false;
  auto node = std::ranges::find(nodes, *number, &MemoryNode::node);
  if (node == nodes.end()) node = nodes.insert(nodes.end(), MemoryNode{*number, {}, {}});
  if (Count* const known = find_count(kMemoryStat, key, node->stat)) *known = value;
  if (Count* const known = find_count(kMemoryStatMore, key, node->more)) *known = value;
  return true;
}

}  // namespace

std::span<const CountField<MemoryStat>> memory_stat_fields() { return kMemoryStat; }
std::span<const CountField<MemoryEvents>> memory_events_fields() { return kMemoryEvents; }
std::span<const CountField<SwapEvents>> swap_events_fields() { return kSwapEvents; }

Result<MemoryStat> parse_memory_stat(std::string_view text) {
  return parse_counts(text, "memory.stat", kMemoryStat);
}

Result<MemoryStatMore> parse_memory_stat_more(std::string_view text) {
  return parse_counts(text, "memory.stat", kMemoryStatMore);
}

Result<std::vector<MemoryNode>> parse_memory_numa_stat(std::string_view text) {
  std::vector<MemoryNode> nodes;
  CGW_TRY(parse_nested_keyed(
      text, "memory.numa_stat", [&](std::string_view key, const std::vector<NestedPair>& pairs) {
        return std::ranges::all_of(
            pairs, [&](const NestedPair& pair) { return store_node(nodes, key, pair); });
      }));
  return nodes;
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
