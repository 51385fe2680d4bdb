#include <array>
#include <cerrno>
#include <utility>

#include "agent/scope_host.h"
#include "cgroup/control_file.h"

namespace cgwarden::agent {
namespace {

constexpr const char* kSlice = "/cgwarden.slice";

class CgroupfsScopeHost final : public ScopeHost {
 public:
  explicit CgroupfsScopeHost(const cgroup::Tree& tree) : tree_(tree) {}

  void create(const std::string& name, pid_t pid, Created created) override {
    created(make(name, pid));
  }

  Status remove(const std::string& name) override {
    return cgroup::remove_cgroup(tree_, scope_path(name));
  }

  std::string kind() const override { return "cgroupfs"; }

 private:
  static std::string scope_path(const std::string& name) {
    return std::string(kSlice) + "/" + name + ".scope";
  }

  // Controllers that the parent has are handed down; one that is missing is noticed when a limit
  // needs it.
  Status hand_down_controllers(const std::string& path) {
    CGW_ASSIGN(const cgroup::Sample sample, tree_.read_sample(path));
    std::vector<std::string> wanted;
    for (const auto* controller : {"cpu", "io", "memory", "pids"}) {
      for (const auto& available : sample.controllers.value_or(std::vector<std::string>{})) {
        if (available == controller) wanted.emplace_back(controller);
      }
    }
    return cgroup::enable_controllers(tree_, path, wanted);
  }

  Result<std::string> make(const std::string& name, pid_t pid) {
    CGW_TRY(hand_down_controllers("/"));
    CGW_TRY(cgroup::create_cgroup(tree_, kSlice));
    CGW_TRY(hand_down_controllers(kSlice));
    const std::string scope = scope_path(name);
    CGW_TRY(cgroup::create_cgroup(tree_, scope));
    // The shim enters the scope itself for a moment, as it would under systemd; it is moved on to
    // supervisor/ before controllers are enabled below the scope (no internal processes).
    if (const auto sample = tree_.read_sample(scope);
        sample && sample->subtree_control && !sample->subtree_control->empty()) {
      return scope;  // left from an earlier incarnation with controllers on: its supervisor/ takes
                     // the shim
    }
    CGW_TRY(cgroup::move_process(tree_, scope, pid));
    return scope;
  }

  const cgroup::Tree& tree_;
};

}  // namespace

std::unique_ptr<ScopeHost> make_cgroupfs_scope_host(const cgroup::Tree& tree) {
  return std::make_unique<CgroupfsScopeHost>(tree);
}

}  // namespace cgwarden::agent
