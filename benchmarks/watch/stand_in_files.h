#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "cgroup/control_files.h"

namespace cgwarden::benchmarks {

// The six files of every tick whose text is read; cgroup.events is polled.
inline constexpr std::array<std::string_view, 6> kTickNames{"cpu.stat",        "memory.current",
                                                            "memory.events",   "cpu.pressure",
                                                            "memory.pressure", "io.pressure"};

// The file that is read for one of kTickNames on a hierarchy without the memory controller: the
// hugetlb controller has a file of one number and one of events, too, which cost the kernel about
// the same.
[[nodiscard]] std::string_view stand_in(std::string_view file);

// Another last digit than the round before: the least that a text can change.
void change_text(std::span<char> text, std::uint64_t round);

// The files of the kernel as the sampler reads them, but those of kTickNames that this hierarchy
// lacks are read from their stand-ins, and their text may change at each reading.
class StandInFiles final : public cgroup::ControlFiles {
 public:
  explicit StandInFiles(bool stand_ins) : stand_ins_(stand_ins) {}
  // From now on each text is another one in each round; 0: as it is.
  void set_round(std::uint64_t round) { round_ = round; }

  [[nodiscard]] Result<UniqueFd> open_cgroup(const cgroup::Tree& tree,
                                             std::string_view path) override;
  [[nodiscard]] Result<cgroup::Listing> list(int directory) override;
  [[nodiscard]] Result<UniqueFd> open(int directory, std::string_view file) override;
  [[nodiscard]] Result<std::size_t> read(int fd, std::span<char> buffer,
                                         std::string_view file) override;

 private:
  cgroup::KernelFiles kernel_;
  bool stand_ins_;
  std::uint64_t round_ = 0;
};

}  // namespace cgwarden::benchmarks
