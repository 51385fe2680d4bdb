#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/units.h"

namespace cgwarden::agent {

// What a directory and everything below it take up, as du(1) counts: blocks, not lengths, and a
// file with several names once.
struct DiskUse {
  Bytes bytes;
  std::uint64_t inodes = 0;
};

// nullopt when there is no such directory, or a part of it cannot be read. Walks everything: a
// million files take seconds. Changes the working directory while it is at work (fts(3)), which is
// how it goes deeper than PATH_MAX: not for a process with threads.
[[nodiscard]] std::optional<DiskUse> disk_use(const std::string& directory);

}  // namespace cgwarden::agent
