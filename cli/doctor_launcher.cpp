#include "cli/doctor_launcher.h"

#include <unistd.h>

#include <array>
#include <optional>

#include "agent/packaged_tool.h"
#include "base/file.h"
#include "base/text.h"

namespace cgwarden::cli {
namespace {

using enum DoctorLevel;

// modules.dep of a full Debian kernel has 700 kB.
constexpr std::size_t kModuleListBytes = 16U << 20U;

std::string text_of(const std::string& path) {
  return read_file(path, kModuleListBytes).value_or(std::string());
}

// Loaded, built in, or a file that the kernel loads when it is first needed (kmod's lists).
bool has_module(const std::string& root, const std::string& release, const std::string& name) {
  if (::access((root + "/sys/module/" + name).c_str(), F_OK) == 0) return true;
  const std::string lists = root + "/lib/modules/" + release;
  for (const char* list : {"/modules.builtin", "/modules.dep"}) {
    if (text_of(lists + list).find("/" + name + ".ko") != std::string::npos) return true;
  }
  return false;
}

DoctorFinding overlayfs(const std::string& root, const std::string& release) {
  const bool there = text_of(root + "/proc/filesystems").find("\toverlay\n") != std::string::npos ||
                     has_module(root, release, "overlay");
  if (there) return {"overlayfs", good, "the kernel has it", ""};
  return {"overlayfs", limited, "neither in /proc/filesystems nor a module of this kernel",
          "no layers and no image for workloads, only a rootfs"};
}

DoctorFinding packet_filter(const std::string& root, const std::string& release) {
  if (has_module(root, release, "nf_tables")) {
    return {"nf_tables", good, "the kernel has it", ""};
  }
  return {"nf_tables", limited, "neither loaded nor a module of this kernel",
          "no network: bridge, so no published ports"};
}

DoctorFinding user_namespaces(const std::string& root) {
  const auto most =
      parse_integer<unsigned long>(trim(text_of(root + "/proc/sys/user/max_user_namespaces")));
  // Debian's own switch, for users who are not root.
  const bool denied = trim(text_of(root + "/proc/sys/kernel/unprivileged_userns_clone")) == "0";
  if (!most || *most == 0) {
    return {"user namespaces", limited,
            most ? "user.max_user_namespaces is 0" : "the kernel has none",
            "no user mapping, and nothing runs without root"};
  }
  if (denied) {
    return {"user namespaces", limited, "kernel.unprivileged_userns_clone is 0",
            "nothing runs without root"};
  }
  return {"user namespaces", good, "up to " + std::to_string(*most), ""};
}

struct Tool {
  const char* name;
  const char* package;
  const char* cost;
};
constexpr std::array<Tool, 4> kTools{
    {{"skopeo", "skopeo", "no image can be imported"},
     {"tar", "tar", "no image can be imported from a tarball"},
     {"newuidmap", "uidmap", "users who are not root have no range of ids for a user namespace"},
     {"newgidmap", "uidmap", "users who are not root have no range of ids for a user namespace"}}};

DoctorFinding packaged(const std::string& root, const Tool& tool) {
  const auto path = agent::find_tool(tool.name, root);
  if (path) return {tool.name, good, *path, ""};
  return {tool.name, limited, std::string("not installed; apt install ") + tool.package, tool.cost};
}

struct Helper {
  const char* name;
  const char* cost;
};
constexpr std::array<Helper, 2> kHelpers{
    {{"cgwarden-network", "no network: bridge and no CNI networks"},
     {"cgwarden-scope", "cgwarden-oci has no systemd cgroup driver"}}};

DoctorFinding helper_beside(const std::string& directory, const Helper& helper) {
  const std::string path = directory + "/" + helper.name;
  if (::access(path.c_str(), X_OK) == 0) return {helper.name, good, path, ""};
  return {helper.name, limited, "not in " + directory + "; install all of cgwarden", helper.cost};
}

}  // namespace

std::vector<DoctorFinding> launcher_findings(const std::string& root, const std::string& release,
                                             const std::string& helpers) {
  std::vector<DoctorFinding> findings{overlayfs(root, release), packet_filter(root, release),
                                      user_namespaces(root)};
  for (const auto& tool : kTools) findings.push_back(packaged(root, tool));
  if (helpers.empty()) return findings;
  for (const auto& helper : kHelpers) findings.push_back(helper_beside(helpers, helper));
  return findings;
}

}  // namespace cgwarden::cli
