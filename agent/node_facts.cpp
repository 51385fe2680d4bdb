#include "agent/node_facts.h"

#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>

#include "base/file.h"
#include "base/text.h"
#include "cgroup/mount.h"

namespace cgwarden::agent {
namespace {

// A line of /proc or /sys is short.
constexpr std::size_t kFactBytes = 4096;

// "none [mq-deadline] kyber bfq": the chosen one is in brackets.
std::optional<bool> some_device_has_bfq() {
  std::error_code error;
  std::filesystem::directory_iterator devices("/sys/block", error);
  if (error) return std::nullopt;
  for (const auto end = std::filesystem::directory_iterator(); devices != end;
       devices.increment(error)) {
    const auto text = read_file((devices->path() / "queue/scheduler").string(), kFactBytes);
    if (text && text->find("[bfq]") != std::string::npos) return true;
  }
  if (error) return std::nullopt;
  return false;
}

// By /sys/class/block for the kernel's names, which have ! for /.
std::optional<std::string> number_of_device(const std::string& name) {
  if (name.starts_with("/dev/")) {
    struct stat status{};
    if (::stat(name.c_str(), &status) != 0 || !S_ISBLK(status.st_mode)) return std::nullopt;
    return std::to_string(major(status.st_rdev)) + ":" + std::to_string(minor(status.st_rdev));
  }
  if (name.find('/') != std::string::npos || name.starts_with('.')) return std::nullopt;
  const auto text = read_file("/sys/class/block/" + name + "/dev", kFactBytes);
  if (!text) return std::nullopt;
  return std::string(trim(*text));
}

// The directory of a partition is below that of its disk.
std::optional<std::string> disk_of_partition(const std::string& number) {
  std::error_code error;
  const std::filesystem::path entry = "/sys/dev/block/" + number;
  if (!std::filesystem::exists(entry / "partition", error)) return std::nullopt;
  const auto target = std::filesystem::read_symlink(entry, error);
  if (error) return std::nullopt;
  return target.parent_path().filename().string();
}

}  // namespace

policy::NodeFacts read_node_facts() {
  policy::NodeFacts facts;
  if (const long online = ::sysconf(_SC_NPROCESSORS_ONLN); online > 0) {
    facts.cpus = static_cast<std::uint64_t>(online);
  }
  struct sysinfo info{};
  if (::sysinfo(&info) == 0) {
    facts.memory = Bytes{std::uint64_t{info.totalram} * info.mem_unit};
    facts.swap = Bytes{std::uint64_t{info.totalswap} * info.mem_unit};
  }
  if (const auto text = read_file("/proc/sys/kernel/pid_max", kFactBytes)) {
    facts.pids_max = parse_integer<std::uint64_t>(trim(*text));
  }
  facts.device_number = number_of_device;
  facts.disk_of_partition = disk_of_partition;
  facts.bfq = some_device_has_bfq();
  if (const auto mounts = cgroup::detect_mounts(); mounts && !mounts->cgroup2_mount_point.empty()) {
    facts.recursive_protection = std::ranges::find(mounts->mount_options, "memory_recursiveprot") !=
                                 mounts->mount_options.end();
  }
  return facts;
}

}  // namespace cgwarden::agent
