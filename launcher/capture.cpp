#include "launcher/capture.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <map>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::launcher {
namespace {

// What diagnosis needs to tell an own limit from an ancestor's and throttling from slowness.
constexpr std::array<const char*, 18> kFiles{
    "memory.events",      "memory.events.local", "memory.max",        "memory.high",
    "memory.current",     "memory.peak",         "memory.swap.max",   "memory.swap.current",
    "memory.swap.events", "memory.oom.group",    "cpu.stat",          "cpu.max",
    "cpu.max.burst",      "pids.events",         "pids.events.local", "pids.max",
    "pids.current",       "cgroup.events"};
// Some 1.6 KiB of text: of the payload only.
constexpr const char* kPayloadFile = "memory.stat";

using Files = std::map<std::string, std::string>;

void read_into(int directory, const char* file, Files& files) {
  auto text = read_file_at(directory, file, limits::kControlFileBytes);
  if (text) files.emplace(file, std::move(*text));
}

Files read_files(int directory, bool payload) {
  Files files;
  for (const char* file : kFiles) read_into(directory, file, files);
  if (payload) read_into(directory, kPayloadFile, files);
  return files;
}

Result<CgroupId> id_of(int directory, const std::string& path) {
  struct stat status{};
  if (::fstat(directory, &status) != 0) return fail(Error::from_errno(errno, "stat", path));
  return CgroupId{status.st_ino};
}

}  // namespace

Result<std::vector<CgroupCapture>> capture_before(const cgroup::Tree& tree,
                                                  const std::string& path) {
  std::vector<CgroupCapture> captures;
  for (std::string_view at = path; !at.empty(); at = cgroup::parent_path(at)) {
    CGW_ASSIGN(const UniqueFd directory, tree.open_cgroup(at));
    CgroupCapture capture;
    capture.path = at;
    CGW_ASSIGN(capture.id, id_of(directory.get(), capture.path));
    capture.before = read_files(directory.get(), captures.empty());
    captures.push_back(std::move(capture));
  }
  return captures;
}

void capture_after(const cgroup::Tree& tree, std::vector<CgroupCapture>& captures) {
  for (auto& capture : captures) {
    const auto directory = tree.open_cgroup(capture.path);
    if (!directory) continue;
    const auto id = id_of(directory->get(), capture.path);
    if (!id || *id != capture.id) continue;
    capture.after = read_files(directory->get(), &capture == captures.data());
  }
}

}  // namespace cgwarden::launcher
