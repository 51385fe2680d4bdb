#include "launcher/idmap.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "base/unique_fd.h"

namespace cgwarden::launcher {
namespace {

// The kernel takes a map in one write(2) only.
Step write_once(const std::string& path, const std::string& text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return failed("user", path + " cannot be opened");
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return failed("user", path + " refuses \"" + text + "\"");
  }
  return {};
}

std::string map_text(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const auto& mapping : mappings) {
    text += std::to_string(mapping.container_id) + " " + std::to_string(mapping.host_id) + " " +
            std::to_string(mapping.size) + "\n";
  }
  return text;
}

}  // namespace

Step write_id_maps(const Spec& spec, pid_t child) {
  if (spec.uid_mappings.empty() || spec.gid_mappings.empty()) {
    return refused("user", "a new user namespace needs uidMappings and gidMappings");
  }
  const std::string directory = "/proc/" + std::to_string(child) + "/";
  CGW_TRY(write_once(directory + "uid_map", map_text(spec.uid_mappings)));
  if (::geteuid() != 0) CGW_TRY(write_once(directory + "setgroups", "deny"));
  return write_once(directory + "gid_map", map_text(spec.gid_mappings));
}

}  // namespace cgwarden::launcher
