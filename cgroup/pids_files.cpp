#include "cgroup/field_table.h"

namespace cgwarden::cgroup {
namespace {

// kernel/cgroup/pids.c pids_events_show and pids_events_local_show.
constexpr std::array kPidsEvents{
    CountField<PidsEvents>{"max", &PidsEvents::max},
};

}  // namespace

std::span<const CountField<PidsEvents>> pids_events_fields() { return kPidsEvents; }

Result<PidsEvents> parse_pids_events(std::string_view text, std::string_view where) {
  return parse_counts(text, where, kPidsEvents);
}

}  // namespace cgwarden::cgroup
