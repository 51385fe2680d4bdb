#include <array>
#include <cerrno>
#include <utility>

#include "agent/scope_host.h"
#include "cgroup/control_file.h"

namespace cgwarden::agent {
namespace {

class CgroupfsScopeHost final : public ScopeHost {
 public:
  CgroupfsScopeHost(const cgroup::Tree& tree, std::string parent)
      : tree_(tree), parent_(std::move(parent)) {}

  void create(const std::string& name, pid_t pid, Created created) override {
    created(make(name, pid));
  }

  Status remove(const std::string& name) override {
    return cgroup::remove_cgroup(tree_, scope_path(name));
  }

  std::string kind() const override { return "cgroupfs"; }

 private:
  [[nodiscard]] std::string scope_path(const std::string& name) const {
    return parent_ + "/" + name + ".scope";
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

  // Above a delegated cgroup everything is somebody else's and stays as it is.
  Status make_parent() {
    for (std::size_t end = 0; end != std::string::npos;) {
      const std::string above = end == 0 ? "/" : parent_.substr(0, end);
      if (const Status done = hand_down_controllers(above);
          !done && done.error().kind != ErrorKind::not_permitted) {
        return done;
      }
      end = parent_.find('/', end + 1);
      CGW_TRY(cgroup::create_cgroup(tree_, parent_.substr(0, end)));
    }
    return hand_down_controllers(parent_);
  }

  Result<std::string> make(const std::string& name, pid_t pid) {
    CGW_TRY(make_parent());
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
  std::string parent_;
};

}  // namespace

std::unique_ptr<ScopeHost> make_cgroupfs_scope_host(const cgroup::Tree& tree, std::string parent) {
  return std::make_unique<CgroupfsScopeHost>(tree, std::move(parent));
}

}  // namespace cgwarden::agent
