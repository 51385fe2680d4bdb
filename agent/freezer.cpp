#include "agent/freezer.h"

#include "base/text.h"
#include "cgroup/control_file.h"

namespace cgwarden::agent {

Status set_frozen(const cgroup::Tree& tree, const std::string& cgroup, bool frozen) {
  CGW_ASSIGN(const cgroup::WriteReport report,
             cgroup::write_control_file(tree, cgroup, "cgroup.freeze", frozen ? "1" : "0"));
  static_cast<void>(report);
  return {};
}

bool is_frozen(const cgroup::Tree& tree, const std::string& cgroup) {
  const auto text = tree.read(cgroup, "cgroup.freeze");
  return text && trim(*text) == "1";
}

}  // namespace cgwarden::agent
