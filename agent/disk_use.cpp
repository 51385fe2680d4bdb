#include "agent/disk_use.h"

#include <fts.h>
#include <sys/stat.h>

#include <array>
#include <memory>
#include <set>
#include <utility>

namespace cgwarden::agent {
namespace {

constexpr std::uint64_t kBlock = 512;  // of st_blocks, whatever the file system's own is

struct Closing {
  void operator()(FTS* walk) const { ::fts_close(walk); }
};

}  // namespace

std::optional<DiskUse> disk_use(const std::string& directory) {
  std::string root = directory;
  std::array<char*, 2> roots{root.data(), nullptr};
  const std::unique_ptr<FTS, Closing> walk(
      ::fts_open(roots.data(), FTS_PHYSICAL | FTS_XDEV, nullptr));
  if (!walk) return std::nullopt;
  DiskUse use;
  std::set<std::pair<dev_t, ino_t>> linked;
  while (const FTSENT* entry = ::fts_read(walk.get())) {
    switch (entry->fts_info) {
      case FTS_DP:
        continue;  // a directory for the second time
      case FTS_DNR:
      case FTS_ERR:
      case FTS_NS:
        return std::nullopt;
      default:
        break;
    }
    const struct stat& status = *entry->fts_statp;
    if (!S_ISDIR(status.st_mode) && status.st_nlink > 1 &&
        !linked.insert({status.st_dev, status.st_ino}).second) {
      continue;
    }
    use.bytes.value += static_cast<std::uint64_t>(status.st_blocks) * kBlock;
    ++use.inodes;
  }
  return use;
}

}  // namespace cgwarden::agent
