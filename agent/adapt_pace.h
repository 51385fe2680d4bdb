#pragma once

#include <cstddef>

#include "base/units.h"

// How the loops of policies (`adapt:`) keep time.
namespace cgwarden::agent::adapt_pace {

// What is wanted and not in force for so long is given up; the loop begins anew with what there is.
// Longer than the 10 s between two requests to systemd and a reclaim of 10 s.
inline constexpr Usec kGiveUp{30'000'000};
// Between two ticks a cpu loop looks so often: what was throttled for a second has missed it.
inline constexpr Usec kCpuLook{100'000};
// Of so many cgroups; the others look once per tick. All of them take 3 % of a processor of 1,000
// million instructions a second.
inline constexpr std::size_t kCpuLooks = 200;
// Looks that come closer than this (the loop was busy) tell nothing: throttled_usec grows at the
// end of a period by all of it.
inline constexpr Usec kLeastCpuLook{50'000};
// So much earlier than a whole period a look may come that is to see its end.
inline constexpr Usec kCpuLookJitter{5'000};
// A longer tick (suspend, an overloaded machine) tells nothing of a second.
inline constexpr Usec kLongest{10'000'000};
// In mode plan nothing that is decided happens, and the next second would decide the same again.
inline constexpr Usec kPlanned{10'000'000};
// A task at memory.high sleeps for up to 2 s at a time (mm/memcontrol.c,
// MEMCG_MAX_HIGH_DELAY_JIFFIES): memory.events high of a single second may not grow in a stall.
inline constexpr Usec kStallLook{3'000'000};

}  // namespace cgwarden::agent::adapt_pace
