#include "launcher/cgroup_directory.h"

#include <algorithm>
#include <cerrno>
#include <map>

#include "cgroup/control_file.h"
#include "cgroup/format.h"

namespace cgwarden::launcher {
namespace {

using Words = std::vector<std::string>;

bool contains(const Words& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

Result<Words> read_list(const cgroup::Tree& tree, std::string_view path, const std::string& file) {
  CGW_ASSIGN(const std::string text, tree.read(path, file));
  return cgroup::parse_list(text, file);
}

// Every prefix of "/a/b/c" that is a cgroup above it: "/", "/a", "/a/b".
Words ancestors(std::string_view path) {
  Words found{"/"};
  for (std::size_t at = path.find('/', 1); at != std::string_view::npos;
       at = path.find('/', at + 1)) {
    found.emplace_back(path.substr(0, at));
  }
  return found;
}

using Refusals = std::map<std::string, Error>;

// Whether processes sit in the cgroup itself. Threaded controllers (cpu, pids) could be enabled for
// its children nevertheless, which would make those "domain invalid", unable to hold a process. The
// root may have both.
bool has_processes(const cgroup::Tree& tree, const std::string& path) {
  if (path == "/") return false;
  const auto processes = tree.read(path, "cgroup.procs");
  return processes && !processes->empty();
}

Error internal_processes(const cgroup::Tree& tree, const std::string& path) {
  return Error::from_errno(EBUSY, "enable controllers in", tree.root() + path,
                           "the cgroup has processes of its own; move them into a child cgroup "
                           "first, or give the container a linux.cgroupsPath elsewhere");
}

// All at once, which is one write; one by one when the kernel refuses, so that a controller that
// cannot be had keeps no other from being enabled.
void enable(const cgroup::Tree& tree, const std::string& path, const Words& wanted,
            Refusals& refusals) {
  if (wanted.empty()) return;
  if (has_processes(tree, path)) {
    for (const std::string& controller : wanted) {
      refusals.emplace(controller, internal_processes(tree, path));
    }
    return;
  }
  if (cgroup::enable_controllers(tree, path, wanted)) return;
  for (const std::string& controller : wanted) {
    const Status enabled = cgroup::enable_controllers(tree, path, {controller});
    if (!enabled) refusals.emplace(controller, enabled.error());
  }
}

}  // namespace

NewCgroups::~NewCgroups() {
  for (std::size_t i = made_.size(); i-- > 0;) (void)cgroup::remove_cgroup(tree_, made_[i]);
}

Status NewCgroups::make(std::string_view path) {
  Words all = ancestors(path);
  all.erase(all.begin());  // the root is there
  all.emplace_back(path);
  for (std::string& one : all) {
    if (tree_.open_cgroup(one)) continue;
    CGW_TRY(cgroup::create_cgroup(tree_, one));
    made_.push_back(std::move(one));
  }
  return {};
}

bool NewCgroups::made(std::string_view path) const { return contains(made_, std::string(path)); }

Status hand_down_controllers(const cgroup::Tree& tree, std::string_view path, HandDown choice,
                             const Words& needed) {
  Refusals refusals;
  for (const std::string& above : ancestors(path)) {
    CGW_ASSIGN(const Words available, read_list(tree, above, "cgroup.controllers"));
    CGW_ASSIGN(const Words enabled, read_list(tree, above, "cgroup.subtree_control"));
    Words wanted;
    for (const std::string& controller : available) {
      const bool chosen = choice == HandDown::all || contains(needed, controller);
      if (chosen && !contains(enabled, controller)) {
        wanted.push_back(controller);
      }
    }
    enable(tree, above, wanted, refusals);
  }
  CGW_ASSIGN(const Words arrived, read_list(tree, path, "cgroup.controllers"));
  for (const std::string& controller : needed) {
    if (contains(arrived, controller)) continue;
    const auto refusal = refusals.find(controller);
    if (refusal != refusals.end()) return fail(refusal->second);
    return fail(Error{ErrorKind::not_supported, 0, "use", tree.root() + std::string(path),
                      "controller " + controller +
                          " is not available here: the kernel lacks it, it is bound to cgroup v1, "
                          "or a cgroup above does not delegate it"});
  }
  return {};
}

}  // namespace cgwarden::launcher
