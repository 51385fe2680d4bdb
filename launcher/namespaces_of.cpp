#include "launcher/namespaces_of.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <utility>

#include "launcher/namespaces.h"

namespace cgwarden::launcher {
namespace {

bool is_own(NamespaceType type, int fd) {
  struct stat theirs{};
  struct stat ours{};
  const std::string path = std::string("/proc/self/ns/") + namespace_file(type);
  return ::fstat(fd, &theirs) == 0 && ::stat(path.c_str(), &ours) == 0 &&
         theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

}  // namespace

StepResult<OpenNamespaces> open_namespaces(pid_t pid) {
  OpenNamespaces result;
  for (const auto type : kNamespaceTypes) {
    const std::string path = "/proc/" + std::to_string(pid) + "/ns/" + namespace_file(type);
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) {
      if (errno == ENOENT && type == NamespaceType::time) continue;
      return failed("namespace", path);
    }
    // Without a mount namespace by path a process gets a root of its own.
    if (type != NamespaceType::mount && is_own(type, fd.get())) continue;
    result.entries.push_back({type, "/proc/self/fd/" + std::to_string(fd.get())});
    result.files.push_back(std::move(fd));
  }
  return result;
}

}  // namespace cgwarden::launcher
