#include "cgroup/field_table.h"
#include "cgroup/grouped_format.h"
#include "cgroup/quote.h"
#include "cgroup/scan.h"

namespace cgwarden::cgroup {
namespace {

// kernel/cgroup/cgroup.c cgroup_stat_show. The nr_subsys_* and nr_dying_subsys_* keys of 6.12 name
// their controller: parse_subsystems reads them.
constexpr std::array kCgroupStat{
    CountField<CgroupStat>{"nr_descendants", &CgroupStat::nr_descendants},
    CountField<CgroupStat>{"nr_dying_descendants", &CgroupStat::nr_dying_descendants},
};

// One row of a flat keyed file of flags.
struct EventFlag {
  std::string_view key;
  std::optional<bool> CgroupEvents::* member;
};

// kernel/cgroup/cgroup.c cgroup_events_show.
constexpr std::array kEventFlags{
    EventFlag{"populated", &CgroupEvents::populated},
    EventFlag{"frozen", &CgroupEvents::frozen},
};

struct TypeName {
  std::string_view text;
  CgroupType type;
};

// kernel/cgroup/cgroup.c cgroup_type_show.
constexpr std::array kCgroupTypes{
    TypeName{"domain\n", CgroupType::domain},
    TypeName{"domain threaded\n", CgroupType::domain_threaded},
    TypeName{"domain invalid\n", CgroupType::domain_invalid},
    TypeName{"threaded\n", CgroupType::threaded},
};

}  // namespace

std::span<const CountField<CgroupStat>> cgroup_stat_fields() { return kCgroupStat; }

Result<CgroupStat> parse_cgroup_stat(std::string_view text) {
  return parse_counts(text, "cgroup.stat", kCgroupStat);
}

Result<std::vector<Subsystem>> parse_subsystems(std::string_view text) {
  static constexpr std::string_view kLive = "nr_subsys_";
  static constexpr std::string_view kDying = "nr_dying_subsys_";
  std::vector<Subsystem> all;
  CGW_TRY(parse_flat_keyed(text, "cgroup.stat", [&](std::string_view key, std::string_view value) {
    const bool live = key.starts_with(kLive);
    if (!live && !key.starts_with(kDying)) return true;
    const std::string_view name = key.substr(live ? kLive.size() : kDying.size());
    const auto number = parse_integer<std::uint64_t>(value);
    if (name.empty() || !number) return false;
    auto at = std::ranges::find(all, name, &Subsystem::name);
    if (at == all.end()) at = all.insert(all.end(), Subsystem{std::string(name), {}, {}});
    (live ? at->live : at->dying) = *number;
    return true;
  }));
  return all;
}

Result<CgroupEvents> parse_cgroup_events(std::string_view text) {
  CgroupEvents events;
  CGW_TRY(
      parse_flat_keyed(text, "cgroup.events", [&](std::string_view key, std::string_view value) {
        for (const EventFlag& row : kEventFlags) {
          if (row.key != key) continue;
          if (value != "0" && value != "1") return false;
          events.*row.member = value == "1";
        }
        return true;
      }));
  return events;
}

bool scan_cgroup_events(std::string_view text, CgroupEvents& out) {
  out = CgroupEvents{};
  UnknownKeys unknown;
  while (!text.empty()) {
    std::string_view key;
    std::string_view value;
    if (!take_pair(text, key, value)) return false;
    const auto* const row = std::find_if(kEventFlags.begin(), kEventFlags.end(),
                                         [&](const EventFlag& flag) { return flag.key == key; });
    if (row == kEventFlags.end()) {
      if (!unknown.add(key)) return false;
      continue;
    }
    if ((out.*row->member).has_value() || (value != "0" && value != "1")) return false;
    out.*row->member = value == "1";
  }
  return true;
}

Result<CgroupType> parse_cgroup_type(std::string_view text) {
  for (const TypeName& row : kCgroupTypes) {
    if (row.text == text) return row.type;
  }
  return fail(malformed("cgroup.type", quote(text) + " is not a type of cgroup"));
}

}  // namespace cgwarden::cgroup
