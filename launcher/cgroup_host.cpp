#include "launcher/cgroup_host.h"

#include <unistd.h>

#include <cstdint>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::launcher {
namespace {

constexpr const char* kMountPoint = "/sys/fs/cgroup";

// user_namespaces(7): the initial namespace maps every id to itself.
bool in_user_namespace() {
  const auto map = read_file("/proc/self/uid_map", limits::kControlFileBytes);
  if (!map) return false;  // a kernel without user namespaces
  std::string numbers;
  for (const char c : *map) {
    if (c != ' ' && c != '\t') {
      numbers += c;
    } else if (!numbers.empty() && numbers.back() != ' ') {
      numbers += ' ';
    }
  }
  return trim(numbers) != "0 0 4294967295";
}

}  // namespace

Result<std::optional<cgroup::Tree>> host_tree() {
  auto tree = cgroup::Tree::open(kMountPoint);
  if (tree) return std::optional(std::move(*tree));
  const ErrorKind kind = tree.error().kind;
  if (kind == ErrorKind::not_supported || kind == ErrorKind::vanished) {
    return std::optional<cgroup::Tree>();
  }
  return fail(std::move(tree).error());
}

bool is_rootless() { return ::geteuid() != 0 || in_user_namespace(); }

Result<std::string> unified_path(std::string_view text) {
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with("0::/")) return std::string(line.substr(3));
  }
  return fail(Error::malformed("read", "/proc/self/cgroup", "it has no line of cgroup v2 (0::)"));
}

Result<std::string> own_cgroup() {
  CGW_ASSIGN(const std::string text, read_file("/proc/self/cgroup", limits::kControlFileBytes));
  return unified_path(text);
}

}  // namespace cgwarden::launcher
