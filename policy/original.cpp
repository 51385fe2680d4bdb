#include "policy/original.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.h"
#include "policy/write_order.h"

namespace cgwarden::policy {
namespace {

// Of a value as the kernel prints it: "max", "50000 100000", "default 100", "1". What is no number
// (a list of CPUs) has no order.
std::uint64_t printed_amount(std::string_view value) {
  if (value.starts_with("default ")) value.remove_prefix(8);
  value = value.substr(0, value.find(' '));
  if (value == "max") return std::numeric_limits<std::uint64_t>::max();
  return parse_integer<std::uint64_t>(value).value_or(0);
}

Through other(Through through) {
  return through == Through::systemd ? Through::cgroupfs : Through::systemd;
}

KnobKey key_of(Through through, CgroupId id, std::string_view cgroup, const std::string& file) {
  if (through == Through::systemd) return {CgroupId{}, file, unit_of_cgroup(cgroup)};
  return {id, file};
}

}  // namespace

std::string unit_of_cgroup(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.starts_with('_')) name.remove_prefix(1);
  return std::string(name);
}

KnobKey knob_key(const Write& write) {
  return key_of(write.through, write.id, write.cgroup, write.file);
}

KnobKey other_key(const Write& write) {
  return key_of(other(write.through), write.id, write.cgroup, write.file);
}

KnobKey Original::other_key() const { return key_of(other(through), id, cgroup, file); }

KnobKey Original::key() const { return key_of(through, id, cgroup, file); }

Original after_write(const Original* known, const Write& write, Keeper keeper, Usec now) {
  if (known == nullptr) {
    return {write.cgroup, write.id,     write.file, write.old_value, write.new_value,
            "",           write.policy, keeper,     write.through,   now};
  }
  Original entry = *known;
  entry.cgroup = write.cgroup;
  entry.id = write.id;
  entry.policy = write.policy;
  entry.through = write.through;
  if (entry.ours != write.new_value) {
    entry.previous = std::exchange(entry.ours, write.new_value);
  }
  if (keeper == Keeper::agent) entry.keeper = keeper;
  return entry;
}

void sort_for_restore(std::vector<Original>& originals) {
  std::vector<OrderedWrite> order;
  for (std::size_t i = 0; i < originals.size(); ++i) {
    const Original& entry = originals[i];
    OrderedWrite write;
    write.write.cgroup = entry.cgroup;
    write.write.id = CgroupId{i};  // to find it again
    write.write.file = entry.file;
    write.old_amount = printed_amount(entry.ours);
    write.new_amount = printed_amount(entry.original);
    order.push_back(std::move(write));
  }
  sort_by_kernel_order(order);
  std::ranges::stable_sort(order, {}, [](const OrderedWrite& write) { return write.write.cgroup; });
  std::vector<Original> sorted;
  for (const OrderedWrite& write : order) {
    sorted.push_back(std::move(originals[write.write.id.value]));
  }
  originals = std::move(sorted);
}

}  // namespace cgwarden::policy
