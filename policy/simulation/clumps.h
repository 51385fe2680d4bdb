#pragma once

#include <span>
#include <vector>

#include "policy/simulation/demand.h"

namespace cgwarden::policy::simulation {

// How much runs at once, in microseconds of CPU, by amount of work: from how much the usage of one
// second differs from that of the next. What comes evenly differs by nothing; what comes in pieces
// of a size, at any time, by as much as there are few of them (index of dispersion of a compound
// Poisson process). 0: nothing ran, or there are fewer than two seconds.
[[nodiscard]] double clump_usec(std::span<const UsageSample> samples);

// The usage as pieces of such a size (lognormal), each somewhere in the second that it ran in and
// never on more CPUs than the samples show at once. Throttled periods of a second are bursts that
// follow each other, as many and as large as make the setting in force lose the time again that it
// lost. The same samples give the same pieces.
[[nodiscard]] std::vector<Demand> in_clumps(std::span<const UsageSample> samples);

}  // namespace cgwarden::policy::simulation
