#include "policy/original.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.h"
#include "policy/device_knobs.h"
#include "policy/knob.h"
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
    return {write.cgroup,    write.id, write.file,     write.old_value,
            write.new_value, "",       write.policy,   keeper,
            write.through,   now,      write.allow_oom};
  }
  Original entry = *known;
  entry.cgroup = write.cgroup;
  entry.id = write.id;
  entry.policy = write.policy;
  entry.through = write.through;
  entry.allow_oom = write.allow_oom;
  std::string ours = write.new_value;
  if (has_devices(entry.file)) {
    // What is named for the first time has what it had until now, before and after the last write.
    entry.original = laid_over(entry.original, unnamed(write.old_value, entry.original));
    entry.ours = laid_over(entry.original, entry.ours);
    if (!entry.previous.empty()) entry.previous = laid_over(entry.original, entry.previous);
    ours = laid_over(entry.ours, ours);
  }
  if (entry.ours != ours) entry.previous = std::exchange(entry.ours, std::move(ours));
  if (keeper == Keeper::agent) entry.keeper = keeper;
  return entry;
}

std::vector<Original> by_device(const Original& entry) {
  if (!has_devices(entry.file)) return {entry};
  std::vector<Original> parts;
  for (const std::string_view line : split(entry.original, '\n')) {
    Original& part = parts.emplace_back(entry);
    part.original = line;
    part.ours = as_wanted(entry.file, part.original, entry.ours);
    if (!entry.previous.empty()) {
      part.previous = as_wanted(entry.file, part.original, entry.previous);
    }
  }
  return parts;
}

bool is_ours(const Original& entry, const std::string& lines, const std::string& now) {
  return as_wanted(entry.file, lines, entry.ours) == now ||
         (!entry.previous.empty() && as_wanted(entry.file, lines, entry.previous) == now);
}

void give_back_devices(Plan& plan, const cgroup::Snapshot& snapshot,
                       const std::vector<Original>& entries) {
  for (const Original& entry : entries) {
    const cgroup::Sample* sample = snapshot.find(entry.cgroup);
    if (!has_devices(entry.file) || sample == nullptr) continue;
    if (sample->id != entry.id && entry.through == Through::cgroupfs) continue;
    const auto current = std::ranges::find(knobs(), entry.file, &Knob::file)->current(*sample);
    if (!current) continue;
    const auto is_of_knob = [&](const auto& one) {
      return one.id == sample->id && one.file == entry.file;
    };
    const auto write = std::ranges::find_if(plan.writes, [&](const Write& one) {
      return is_of_knob(one) && one.mode == Mode::enforce;
    });
    const auto held = std::ranges::find_if(plan.held, is_of_knob);
    const bool is_written = write != plan.writes.end();
    if (is_written) {
      // systemd cannot give one device back; the next plan does.
      if (write->through == Through::systemd || entry.through == Through::systemd) continue;
    } else if (held == plan.held.end()) {
      continue;
    }
    std::string owed;
    std::string now;
    const std::string& wanted = is_written ? write->new_value : held->value;
    const std::string dropped = unnamed(entry.original, wanted);
    for (const std::string_view given : split(dropped, '\n')) {
      const std::string line(given);
      const std::string is = as_wanted(entry.file, line, current->text);
      if (line.empty() || is == line || !is_ours(entry, line, is)) continue;
      owed += (owed.empty() ? "" : "\n") + line;
      now += (now.empty() ? "" : "\n") + is;
    }
    if (owed.empty()) continue;
    if (is_written) {
      write->old_value = laid_over(write->old_value, now);
      write->new_value = laid_over(write->new_value, owed);
      continue;
    }
    Write back;
    back.cgroup = sample->path;
    back.id = sample->id;
    back.file = entry.file;
    back.old_value = std::move(now);
    back.new_value = std::move(owed);
    back.policy = entry.policy;
    back.through = entry.through;
    plan.writes.push_back(std::move(back));
  }
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
