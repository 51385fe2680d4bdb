#include "launcher/cgroup_path.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace cgwarden::launcher {
namespace {

std::unexpected<LaunchError> bad_path(const std::string& path, const std::string& rule) {
  return refused("cgroup", "linux.cgroupsPath is \"" + printable(path) + "\", but " + rule);
}

// UNIT_NAME_MAX of systemd, src/basic/unit-name.h.
constexpr std::size_t kUnitNameBytes = 255;

bool is_unit_name(std::string_view name) {
  constexpr std::string_view kSigns = ":-_.\\@";
  return !name.empty() && name.size() <= kUnitNameBytes && std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSigns.find(c) != std::string_view::npos;
  });
}

}  // namespace

StepResult<std::string> cgroupfs_path(const std::string& cgroups_path, const std::string& id,
                                      const std::string& base) {
  const std::string wanted = cgroups_path.empty() ? id : cgroups_path;
  std::string path;
  // Cleaned first, so that "a//b/" is no fault; ".." could lead out of a delegated cgroup.
  const auto append = [&](std::string_view text) {
    for (const std::string_view part : split(text, '/')) {
      if (!part.empty()) path += "/" + std::string(part);
    }
  };
  if (!wanted.starts_with('/')) append(base);
  append(wanted);
  for (const std::string_view part : split(path, '/')) {
    if (part == "." || part == "..") {
      return bad_path(wanted, "a path of a cgroup has no \".\" and \"..\"");
    }
  }
  if (wanted.find('\0') != std::string::npos) return bad_path(wanted, "it has a zero byte");
  if (path.empty()) return bad_path(wanted, "a container cannot have the root of the hierarchy");
  return path;
}

StepResult<ScopeName> scope_name(const std::string& cgroups_path, const std::string& id,
                                 bool rootless) {
  const std::string slice = rootless ? "user.slice" : "system.slice";
  if (cgroups_path.empty()) return ScopeName{slice, "cgwarden-" + id + ".scope"};
  const std::vector<std::string_view> parts = split(cgroups_path, ':');
  if (parts.size() != 3 || parts[2].empty()) {
    return bad_path(cgroups_path, "with the systemd cgroup driver its form is slice:prefix:name");
  }
  ScopeName name{parts[0].empty() ? slice : std::string(parts[0]), std::string(parts[2])};
  if (!name.slice.ends_with(".slice") || !is_unit_name(name.slice)) {
    return bad_path(cgroups_path, "a slice is named like machine.slice");
  }
  if (!parts[1].empty()) name.unit = std::string(parts[1]) + "-" + name.unit;
  name.unit += ".scope";
  if (!is_unit_name(name.unit)) {
    return bad_path(cgroups_path, "\"" + printable(name.unit) + "\" is not the name of a unit");
  }
  return name;
}

}  // namespace cgwarden::launcher
