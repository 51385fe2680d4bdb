#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "base/units.h"
#include "cgroup/control_files.h"
#include "cgroup/sampled_files.h"
#include "cgroup/shared_sample.h"
#include "cgroup/values_index.h"

namespace cgwarden::cgroup {

// What an unreadable file counts as. A file the kernel has switched off (psi=0) is none of these.
enum class ReadFault : std::uint8_t { vanished, not_permitted, malformed, io };
inline constexpr std::size_t kReadFaults = 4;
inline constexpr std::array<ReadFault, kReadFaults> kAllReadFaults{
    ReadFault::vanished, ReadFault::not_permitted, ReadFault::malformed, ReadFault::io};
[[nodiscard]] std::string_view to_string(ReadFault fault);

// By place in sampled_files(); the last row is the directory itself.
using ReadErrors = std::array<std::array<std::uint64_t, kReadFaults>, kSampledFiles + 1>;

// One cgroup that is sampled: its last values and the fds that are kept of it.
struct Watched {
  SharedSample sample;  // its id and path say which cgroup
  std::bitset<kSampledFiles> listed;
  std::array<UniqueFd, kTickFiles> kept;
  int polled = -1;       // the kept fd of cgroup.events that somebody polls
  bool told = false;     // poll(2) tells when it changes, so that it need not be read every tick
  bool changed = false;  // and it did
  // When to read a tier again, CLOCK_BOOTTIME.
  std::array<Usec, kTiers> due{};
  // The bound of kept fds was reached: its tick files are read by path with the medium tier.
  bool over_bound = false;
  std::string controllers;       // text of cgroup.controllers when the directory was listed
  bool pressure_hidden = false;  // cgroup.pressure is 0
  std::size_t place = 0;         // ValuesIndex::find
  bool valued = false;           // its cpu.stat came from there
  // By tier: the walk of the ValueSource after which its files were read last.
  std::array<std::uint64_t, kTiers> read_after_walk{};
};

// Reads the files of one cgroup at a time into its Sample: those of every tick through kept fds and
// pread(2), the others by openat(2). Nothing else may read the kept fds: each read re-arms poll(2).
class CgroupReader {
 public:
  // `most_kept`: fds kept in all. `groups`: what is read beside the files of no group.
  CgroupReader(const Tree& tree, ControlFiles& files, std::size_t most_kept,
               FileGroups groups = {});

  // From the next list() of each cgroup on.
  void set_groups(FileGroups groups) { groups_ = groups; }
  // Which of `names`, found in its directory, are read from now on.
  void list(Watched& watched, const std::vector<std::string>& names);
  // Reads the files of `tier`. A file that cannot be read or parsed is absent from the sample,
  // named in Sample::unreadable and counted. false when the cgroup itself is gone: the sample then
  // holds the last values. What `values` have of it is not read from files.
  [[nodiscard]] bool read(Watched& watched, Tier tier, ValuesIndex* values = nullptr);
  // Closes its fds.
  void release(Watched& watched);

  [[nodiscard]] bool has_room() const { return kept_ + kTickFiles <= most_kept_; }
  [[nodiscard]] std::size_t kept() const { return kept_; }
  [[nodiscard]] const ReadErrors& errors() const { return errors_; }
  void count_closed(const Error& error) { count(kSampledFiles, error); }

 private:
  enum class Outcome { done, lost };
  static bool take(const CgroupValues* values, Watched& watched, std::size_t file);
  bool read_row(Watched& watched, std::size_t file, std::string_view name, UniqueFd& directory);
  Outcome read_file(Watched& watched, std::size_t file, std::string_view name, UniqueFd& directory);
  Result<std::string_view> text_of(Watched& watched, std::size_t file, std::string_view name,
                                   UniqueFd& directory);
  Result<int> directory_of(const Watched& watched, UniqueFd& directory);
  bool still_there(Watched& watched);
  void keep(Watched& watched, std::size_t file, std::string_view name, std::string_view text);
  void refuse(Watched& watched, std::size_t file, std::string_view name, const Error& error);
  void close(Watched& watched, std::size_t file);
  void count(std::size_t file, const Error& error);

  const Tree& tree_;
  ControlFiles& files_;
  std::size_t most_kept_;
  std::size_t kept_ = 0;
  FileGroups groups_;
  std::vector<std::string> huge_sizes_;  // of huge pages, as the files are called: "2MB"
  std::vector<char> buffer_;
  ReadErrors errors_{};
};

}  // namespace cgwarden::cgroup
