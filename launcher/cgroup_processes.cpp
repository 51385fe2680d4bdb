// The processes of a container's cgroup: frozen, killed, waited for (container_cgroup.h).
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "cgroup/control_file.h"
#include "cgroup/directory.h"
#include "cgroup/events_watch.h"
#include "cgroup/format.h"
#include "launcher/cgroup_host.h"
#include "launcher/container_cgroup.h"
#include "launcher/scope_request.h"

namespace cgwarden::launcher {
namespace {

using std::chrono::milliseconds;

// A process in an uninterruptible wait (a dead NFS server) freezes and dies only after it.
constexpr milliseconds kPatience{10'000};
// Removal of a cgroup does not wake a poll of its files: look again after this.
constexpr milliseconds kGlance{100};
// Rounds of killing where there is no cgroup.kill: each round sees what the last one's victims had
// forked; a frozen tree forks nothing.
constexpr int kKillRounds = 5;

Result<cgroup::Tree> tree_of(const ContainerCgroup& cgroup, const char* operation) {
  CGW_ASSIGN(auto tree, host_tree());
  if (tree && !cgroup.path.empty()) return *std::move(tree);
  return fail(Error{ErrorKind::not_supported, 0, operation, "the container's cgroup",
                    "the container has none"});
}

bool is_vanished(const Error& error) { return error.kind == ErrorKind::vanished; }

Result<cgroup::CgroupEvents> events_of(const cgroup::EventsWatch& watch) {
  CGW_ASSIGN(const std::string text, watch.read());
  return cgroup::parse_cgroup_events(text);
}

// Whether `settled` came true of cgroup.events in time.
Result<bool> wait_for(const cgroup::Tree& tree, const std::string& path,
                      const std::function<bool(const cgroup::CgroupEvents&)>& settled) {
  CGW_ASSIGN(const auto watch, cgroup::EventsWatch::open(tree, path, "cgroup.events"));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    CGW_ASSIGN(const cgroup::CgroupEvents events, events_of(watch));
    if (settled(events)) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    pollfd one{watch.fd(), POLLPRI, 0};
    (void)::poll(&one, 1, static_cast<int>(kGlance.count()));
  }
}

Status set_freeze(const cgroup::Tree& tree, const std::string& path, bool frozen) {
  const auto done = cgroup::write_control_file(tree, path, "cgroup.freeze", frozen ? "1" : "0");
  if (!done) return fail(done.error());
  return {};
}

Status set_and_wait(const ContainerCgroup& cgroup, bool frozen) {
  const char* verb = frozen ? "freeze" : "thaw";
  CGW_ASSIGN(const cgroup::Tree tree, tree_of(cgroup, verb));
  CGW_TRY(set_freeze(tree, cgroup.path, frozen));
  CGW_ASSIGN(const bool settled,
             wait_for(tree, cgroup.path, [frozen](const cgroup::CgroupEvents& events) {
               return events.frozen.value_or(false) == frozen;
             }));
  if (settled) return {};
  if (frozen) (void)set_freeze(tree, cgroup.path, false);
  return fail(Error{ErrorKind::busy, 0, verb, tree.root() + cgroup.path,
                    frozen ? "a process of it did not stop in 10 seconds; it is thawed again"
                           : "a cgroup above it is frozen"});
}

Status add_processes(int parent, const std::string& name, std::size_t depth,
                     std::vector<pid_t>& found) {
  auto directory = cgroup::Directory::open(parent, name);
  if (!directory && is_vanished(directory.error())) return {};
  if (!directory) return fail(std::move(directory).error());
  const auto text = read_file_at(directory->fd(), "cgroup.procs", limits::kProcsFileBytes);
  // The processes of a threaded cgroup are listed by the domain above it.
  if (!text && !is_vanished(text.error()) && text.error().kind != ErrorKind::not_supported) {
    return fail(text.error());
  }
  if (text) {
    for (const std::string_view line : split(*text, '\n')) {
      const auto pid = parse_integer<pid_t>(line);
      if (pid && *pid > 0) found.push_back(*pid);  // 0: of another pid namespace
    }
  }
  if (depth == 0) return {};
  for (const std::string& child : directory->children()) {
    CGW_TRY(add_processes(directory->fd(), child, depth - 1, found));
  }
  return {};
}

Result<std::vector<pid_t>> processes_below(const cgroup::Tree& tree, const std::string& path) {
  std::vector<pid_t> found;
  const auto top = tree.open_cgroup(path);
  if (!top && is_vanished(top.error())) return found;
  if (!top) return fail(top.error());
  CGW_TRY(add_processes(top->get(), ".", limits::kCgroupDepth, found));
  return found;
}

// Before 5.14. Frozen, the tree cannot fork away from us; SIGKILL ends frozen processes, too.
Status kill_one_by_one(const cgroup::Tree& tree, const std::string& path) {
  (void)set_freeze(tree, path, true);
  Status result;
  for (int round = 0; round < kKillRounds && result; ++round) {
    const auto found = processes_below(tree, path);
    if (!found) result = fail(found.error());
    if (!found || found->empty()) break;
    for (const pid_t pid : *found) {
      if (::kill(pid, SIGKILL) != 0 && errno != ESRCH) {
        result = fail(Error::from_errno(errno, "kill", "process " + std::to_string(pid)));
      }
    }
  }
  (void)set_freeze(tree, path, false);
  return result;
}

// Children first. busy when one still has a process.
Status remove_tree(int parent, const std::string& name, std::size_t depth) {
  {
    auto directory = cgroup::Directory::open(parent, name);
    if (!directory && is_vanished(directory.error())) return {};
    if (!directory) return fail(std::move(directory).error());
    for (const std::string& child : directory->children()) {
      if (depth > 0) CGW_TRY(remove_tree(directory->fd(), child, depth - 1));
    }
  }
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0) return {};
  if (errno == ENOENT || errno == ENODEV) return {};
  return fail(Error::from_errno(errno, "remove cgroup", name));
}

Status remove_directory(const cgroup::Tree& tree, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const auto parent = tree.open_cgroup(slash == 0 ? "/" : path.substr(0, slash));
  if (!parent && is_vanished(parent.error())) return {};
  if (!parent) return fail(parent.error());
  return remove_tree(parent->get(), path.substr(slash + 1), limits::kCgroupDepth);
}

Error still_populated(const cgroup::Tree& tree, const std::string& path) {
  std::string detail = "its processes do not end:";
  if (const auto left = processes_below(tree, path)) {
    constexpr std::size_t kShown = 10;
    for (std::size_t i = 0; i < left->size() && i < kShown; ++i) {
      detail += " " + std::to_string((*left)[i]);
    }
  }
  return Error::from_errno(EBUSY, "remove", tree.root() + path, detail);
}

// The kernel may say EBUSY for a moment after the last process has gone.
Status remove_when_empty(const cgroup::Tree& tree, const std::string& path) {
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const Status removed = remove_directory(tree, path);
    if (removed || removed.error().kind != ErrorKind::busy) return removed;
    const auto empty = wait_for(tree, path, [](const cgroup::CgroupEvents& events) {
      return !events.populated.value_or(false);
    });
    if (!empty && is_vanished(empty.error())) return {};
    if (!empty) return fail(empty.error());
    if (!*empty) break;
    if (attempt > 0) (void)::poll(nullptr, 0, static_cast<int>(kGlance.count()));
  }
  return fail(still_populated(tree, path));
}

}  // namespace

Status freeze(const ContainerCgroup& cgroup) { return set_and_wait(cgroup, true); }

Status thaw(const ContainerCgroup& cgroup) { return set_and_wait(cgroup, false); }

bool is_frozen(const ContainerCgroup& cgroup) {
  const auto tree = tree_of(cgroup, "read");
  if (!tree) return false;
  const auto text = tree->read(cgroup.path, "cgroup.events");
  if (!text) return false;
  const auto events = cgroup::parse_cgroup_events(*text);
  return events && events->frozen.value_or(false);
}

Result<std::vector<pid_t>> processes(const ContainerCgroup& cgroup) {
  CGW_ASSIGN(const cgroup::Tree tree, tree_of(cgroup, "list the processes of"));
  return processes_below(tree, cgroup.path);
}

Status kill_all(const ContainerCgroup& cgroup) {
  CGW_ASSIGN(const cgroup::Tree tree, tree_of(cgroup, "kill"));
  const Status killed = cgroup::kill_cgroup(tree, cgroup.path);
  if (killed || is_vanished(killed.error())) return {};
  if (killed.error().kind != ErrorKind::not_supported) return killed;
  return kill_one_by_one(tree, cgroup.path);
}

Status remove(const ContainerCgroup& cgroup) {
  if (cgroup.path.empty()) return {};
  CGW_ASSIGN(const cgroup::Tree tree, tree_of(cgroup, "remove"));
  const Status removed = remove_when_empty(tree, cgroup.path);
  if (!removed || cgroup.driver == CgroupDriver::cgroupfs) return removed;
  // An empty scope ends by itself, bus or no bus; asked to, it has given its name back by now.
  (void)ask_systemd({.verb = ScopeVerb::stop, .user = is_rootless(), .unit = cgroup.unit});
  return {};
}

}  // namespace cgwarden::launcher
