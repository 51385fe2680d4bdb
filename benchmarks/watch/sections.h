#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/watch/made_cgroups.h"

namespace cgwarden::benchmarks {

// One line of the report. A bar is the largest value that is good enough.
struct Figure {
  std::string what;
  double value = 0;
  std::string unit;
  std::optional<double> bar = {};
};
using Figures = std::vector<Figure>;

// The sampler against the floor over the same six files, in turns; with texts that stay as they are
// and with texts that all change at each tick.
[[nodiscard]] Figures ratio(const PrivateMount& mount, std::size_t cgroups);

// The tick by the BPF collector beside the same tick by files, in turns. No figures, and a line
// that says why, where there is no BPF for us.
[[nodiscard]] Figures by_bpf(const PrivateMount& mount, std::size_t cgroups);

// `cgroups` at 1 Hz in real time for some seconds: processor share of the six files and of all
// tiers, and memory with two snapshots alive. In several processes when one may not have that many
// files open.
[[nodiscard]] Figures at_one_hertz(const PrivateMount& mount, std::size_t cgroups);

// Memory of `cgroups` that have every file of kernel 6.12, in which every text of the tick changes
// from one to the next and the snapshot before is still read. On files of a tmpfs.
[[nodiscard]] Figures memory_with_every_file(std::size_t cgroups);

// From mkdir(2) to the new cgroup being read, `rounds` times at any moment of a tick.
[[nodiscard]] Figures discovery(const PrivateMount& mount, std::size_t cgroups, std::size_t rounds);

// The most that `program`, started as the agent on `cgroups`, has resident with scrapes going on.
[[nodiscard]] Figures memory_of_agent(const PrivateMount& mount, std::size_t cgroups,
                                      const std::string& program);

}  // namespace cgwarden::benchmarks
