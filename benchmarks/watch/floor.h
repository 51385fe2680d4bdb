#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cgwarden::benchmarks {

// The least that reading cgroups costs, as a small C program would do it: files opened once, one
// pread(2) each per tick, every number of the text parsed. No names, no checks, no snapshot.
class Floor {
 public:
  // Opens `files` of each of these directories; one that is not there is left out.
  Floor(const std::vector<std::string>& directories, const std::vector<std::string>& files);
  ~Floor();
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;

  // Reads all files; the sum of their numbers, so that nothing is optimised away. `round`: as of
  // change_text().
  std::uint64_t tick(std::uint64_t round = 0);
  [[nodiscard]] std::size_t files() const { return fds_.size(); }

 private:
  std::vector<int> fds_;
};

}  // namespace cgwarden::benchmarks
