#include "launcher/container_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "cgroup/control_file.h"
#include "cgroup/format.h"
#include "cgroup/mount.h"
#include "launcher/cgroup_directory.h"
#include "launcher/cgroup_host.h"
#include "launcher/cgroup_owner.h"
#include "launcher/cgroup_path.h"
#include "launcher/cgroup_resources.h"
#include "launcher/control_writer.h"
#include "launcher/device_filter.h"
#include "launcher/scope_request.h"

namespace cgwarden::launcher {
namespace {

struct Wanted {
  std::vector<ControlWrite> writes;
  DeviceProgram devices;
  std::optional<uid_t> owner = {};
};

StepResult<cgroup::Tree> open_host_tree() {
  auto tree = host_tree();
  if (!tree) return cgroup_failure(tree.error());
  if (!*tree) return refused("cgroup", "/sys/fs/cgroup is not a cgroup v2 file system");
  return **std::move(tree);
}

// Device rules are the bars of a process that can make device nodes.
bool needs_device_filter(const Spec& spec) {
  const auto& rules = spec.resources.devices;
  if (rules.empty() || allow_every_device(rules)) return false;
  if (spec.has_namespace(NamespaceType::user)) return false;
  const auto& bounding = spec.process.capabilities.bounding;
  return !is_rootless() && std::ranges::find(bounding, "CAP_MKNOD") != bounding.end();
}

StepResult<ContainerCgroup> without_tree(const Spec& spec, const Wanted& wanted,
                                         CgroupDriver driver) {
  const bool devices = needs_device_filter(spec);
  if (wanted.writes.empty() && !devices) return ContainerCgroup{driver, "", ""};
  const std::string what = wanted.writes.empty()
                               ? "linux.resources.devices (for a process with CAP_MKNOD)"
                               : "linux.resources (" + wanted.writes.front().file + ")";
  const auto report = cgroup::detect_mounts();
  return refused("cgroup", what + " needs cgroup v2 at /sys/fs/cgroup" +
                               (report ? ": " + report->explanation : ""));
}

Step apply(const cgroup::Tree& tree, const std::string& path, HandDown choice,
           const Wanted& wanted) {
  const auto needed = needed_controllers(wanted.writes);
  if (const Status done = hand_down_controllers(tree, path, choice, needed); !done) {
    return cgroup_failure(done.error());
  }
  CGW_TRY(apply_writes(tree, path, wanted.writes));
  if (wanted.devices.empty() && !wanted.owner) return {};
  const auto opened = tree.open_cgroup(path);
  if (!opened) return cgroup_failure(opened.error());
  if (wanted.owner) CGW_TRY(give_cgroup(opened->get(), *wanted.owner));
  if (wanted.devices.empty()) return {};
  // bpf(2) does not take an O_PATH fd.
  const auto directory = open_at(opened->get(), ".", O_RDONLY | O_DIRECTORY);
  if (!directory) return cgroup_failure(directory.error());
  return attach_device_filter(directory->get(), wanted.devices);
}

// It may have been given to the user of the container before.
Step take_back(const cgroup::Tree& tree, const std::string& path) {
  const auto opened = tree.open_cgroup(path);
  if (!opened) return cgroup_failure(opened.error());
  struct stat facts{};
  if (::fstat(opened->get(), &facts) != 0) return failed("cgroup", tree.root() + path);
  return facts.st_uid == ::geteuid() ? Step{} : give_cgroup(opened->get(), ::geteuid());
}

// A cgroup that exists already may be left over from a crash; one with processes is somebody's.
Step take_over(const cgroup::Tree& tree, const std::string& path) {
  const auto text = tree.read(path, "cgroup.events");
  if (!text) return cgroup_failure(text.error());
  const auto events = cgroup::parse_cgroup_events(*text);
  if (!events) return cgroup_failure(events.error());
  if (!events->populated.value_or(false)) {
    CGW_TRY(take_back(tree, path));
    // Nor may the leftover freeze its new processes.
    return apply_writes(tree, path, {{"cgroup.freeze", "0"}});
  }
  return refused("cgroup", "container's cgroup is not empty: " + tree.root() + path +
                               " holds processes already; give the container another "
                               "linux.cgroupsPath or end them");
}

// What would be left out in silence is refused.
StepResult<ContainerCgroup> without_cgroup(const Spec& spec, const Wanted& wanted) {
  if (!wanted.writes.empty()) {
    return refused("cgroup", "linux.resources (" + wanted.writes.front().file +
                                 ") needs a cgroup, and the cgroup manager is disabled");
  }
  if (needs_device_filter(spec)) {
    return refused("cgroup",
                   "linux.resources.devices needs a cgroup for a process with CAP_MKNOD, and the "
                   "cgroup manager is disabled; drop that capability");
  }
  return ContainerCgroup{CgroupDriver::disabled, "", ""};
}

StepResult<std::string> directory_base() {
  if (!is_rootless()) return "/";
  const auto own = own_cgroup();
  if (!own) return cgroup_failure(own.error());
  // Our own cgroup has a process in it, us, and so cannot have controllers below: the one above.
  return own->substr(0, own->rfind('/'));
}

StepResult<ContainerCgroup> make_directory(const cgroup::Tree& tree, const Spec& spec,
                                           const std::string& id, const Wanted& wanted) {
  CGW_ASSIGN(const std::string base, directory_base());
  CGW_ASSIGN(const std::string path, cgroupfs_path(spec.cgroups_path, id, base));
  NewCgroups made(tree);
  if (const Status done = made.make(path); !done) {
    if (done.error().kind == ErrorKind::not_permitted && is_rootless()) {
      if (wanted.writes.empty()) return ContainerCgroup{CgroupDriver::cgroupfs, "", ""};
      auto failure = cgroup_failure(done.error());
      failure.error().text +=
          ": no cgroup is delegated to this user here; use the systemd cgroup driver, or start "
          "from 'systemd-run --user --scope -p Delegate=yes'";
      return failure;
    }
    return cgroup_failure(done.error());
  }
  if (!made.made(path)) CGW_TRY(take_over(tree, path));
  CGW_TRY(apply(tree, path, HandDown::all, wanted));
  made.keep();
  return ContainerCgroup{CgroupDriver::cgroupfs, path, ""};
}

Result<std::string> cgroup_of(pid_t pid) {
  const std::string file = "/proc/" + std::to_string(pid) + "/cgroup";
  CGW_ASSIGN(const std::string text, read_file(file, limits::kControlFileBytes));
  return unified_path(text);
}

// The process goes back first: stopping a unit ends what is in it.
void undo_scope(const cgroup::Tree& tree, const ScopeRequest& started, const std::string& before) {
  for (const std::uint32_t pid : started.pids) {
    const Status moved = cgroup::move_process(tree, before, static_cast<int>(pid));
    // Left where it is, it keeps the scope alive until it ends itself.
    if (!moved && moved.error().kind != ErrorKind::vanished) return;
  }
  (void)ask_systemd({.verb = ScopeVerb::stop, .user = started.user, .unit = started.unit});
}

StepResult<ContainerCgroup> make_scope(const cgroup::Tree& tree, const Spec& spec,
                                       const std::string& id, Wanted wanted, pid_t pid) {
  wanted.writes = with_whole_percents(std::move(wanted.writes));
  const bool user = is_rootless();
  CGW_ASSIGN(const ScopeName name, scope_name(spec.cgroups_path, id, user));
  ScopeRequest request{.verb = ScopeVerb::start,
                       .user = user,
                       .unit = name.unit,
                       .slice = name.slice,
                       .description = "container " + id,
                       .pids = {static_cast<std::uint32_t>(pid)},
                       .properties = unit_properties(wanted.writes)};
  CGW_ASSIGN(request.annotated, unit_properties(spec.annotations));
  if (auto policy = oom_policy(wanted.writes)) request.properties.push_back(*std::move(policy));
  // A cgroup of that name may be left over, frozen, and would freeze the process in it.
  wanted.writes.push_back({"cgroup.freeze", "0"});
  const auto before = cgroup_of(pid);
  if (!before) return cgroup_failure(before.error());
  const auto path = ask_systemd(request);
  if (!path) return cgroup_failure(path.error());
  if (Step applied = apply(tree, *path, user ? HandDown::only_needed : HandDown::all, wanted);
      !applied) {
    undo_scope(tree, request, *before);
    return std::unexpected(std::move(applied).error());
  }
  return ContainerCgroup{CgroupDriver::systemd, *path, name.unit};
}

StepResult<std::int64_t> bytes_now(const cgroup::Tree& tree, const std::string& path,
                                   const std::string& file) {
  const auto text = tree.read(path, file);
  if (!text) return cgroup_failure(text.error());
  const auto limit = cgroup::parse_limit(*text, file);
  if (!limit) return cgroup_failure(limit.error());
  if (is_max(*limit)) return -1;
  return static_cast<std::int64_t>(std::get<std::uint64_t>(*limit));
}

// What an update leaves out but its conversion needs is taken from the cgroup.
StepResult<Resources> completed(const cgroup::Tree& tree, const std::string& path,
                                Resources resources) {
  auto& memory = resources.memory;
  if (memory.swap.value_or(0) > 0 && memory.limit.value_or(0) == 0) {
    CGW_ASSIGN(memory.limit, bytes_now(tree, path, "memory.max"));
  }
  auto& cpu = resources.cpu;
  if (cpu.quota_usec.value_or(0) == 0 && cpu.period_usec.value_or(0) == 0) return resources;
  if (cpu.quota_usec.value_or(0) != 0 && cpu.period_usec.value_or(0) != 0) return resources;
  const auto text = tree.read(path, "cpu.max");
  if (!text) return resources;  // the write will say what is wrong
  const auto now = cgroup::parse_cpu_max(*text);
  if (!now) return cgroup_failure(now.error());
  if (cpu.period_usec.value_or(0) == 0) cpu.period_usec = now->period.count();
  if (cpu.quota_usec.value_or(0) == 0 && !is_max(now->quota)) {
    cpu.quota_usec = static_cast<std::int64_t>(std::get<Usec>(now->quota).count());
  }
  return resources;
}

Step check_usage(const cgroup::Tree& tree, const std::string& path, const Resources& resources) {
  const std::int64_t limit = resources.memory.limit.value_or(0);
  if (!resources.memory.check_before_update || limit <= 0) return {};
  CGW_ASSIGN(const std::int64_t used, bytes_now(tree, path, "memory.current"));
  if (limit >= used) return {};
  return refused("resources", "rejecting memory limit " + std::to_string(limit) +
                                  ": the container uses " + std::to_string(used) +
                                  " bytes and checkBeforeUpdate is set");
}

struct DriverName {
  CgroupDriver driver;
  std::string_view name;
};
constexpr DriverName kDriverNames[] = {{CgroupDriver::cgroupfs, "cgroupfs"},
                                       {CgroupDriver::systemd, "systemd"},
                                       {CgroupDriver::disabled, "disabled"}};

}  // namespace

bool allow_every_device(const std::vector<DeviceRule>& rules) {
  if (rules.empty()) return false;
  const DeviceRule& last = rules.back();  // decides (device_filter.h)
  return last.allow && last.type == 'a' && !last.major && !last.minor && last.access == "rwm";
}

std::string_view to_string(CgroupDriver driver) {
  return std::ranges::find(kDriverNames, driver, &DriverName::driver)->name;
}

std::optional<CgroupDriver> parse_cgroup_driver(std::string_view word) {
  const auto* const found = std::ranges::find(kDriverNames, word, &DriverName::name);
  if (found == std::end(kDriverNames)) return std::nullopt;
  return found->driver;
}

StepResult<ContainerCgroup> plan_container_cgroup(const Spec& spec, const std::string& id,
                                                  CgroupDriver driver) {
  if (driver == CgroupDriver::disabled) return ContainerCgroup{driver, "", ""};
  const auto tree = host_tree();
  if (!tree) return cgroup_failure(tree.error());
  if (!*tree) return ContainerCgroup{driver, "", ""};
  if (driver == CgroupDriver::systemd) {
    CGW_ASSIGN(const ScopeName name, scope_name(spec.cgroups_path, id, is_rootless()));
    return ContainerCgroup{driver, "", name.unit};
  }
  CGW_ASSIGN(const std::string base, directory_base());
  CGW_ASSIGN(const std::string path, cgroupfs_path(spec.cgroups_path, id, base));
  return ContainerCgroup{driver, path, ""};
}

Step move_into(const ContainerCgroup& cgroup, pid_t pid) {
  CGW_ASSIGN(const cgroup::Tree tree, open_host_tree());
  if (const Status moved = cgroup::move_process(tree, cgroup.path, pid); !moved) {
    return cgroup_failure(moved.error());
  }
  return {};
}

StepResult<ContainerCgroup> make_container_cgroup(const Spec& spec, const std::string& id,
                                                  CgroupDriver driver, pid_t pid) {
  Wanted wanted;
  CGW_ASSIGN(wanted.writes, control_writes(spec.resources));
  CGW_ASSIGN(wanted.devices, compile_device_filter(spec.resources.devices));
  CGW_ASSIGN(wanted.owner, cgroup_owner(spec));
  // What we make is ours already.
  if (wanted.owner == ::geteuid()) wanted.owner.reset();
  if (driver == CgroupDriver::disabled) return without_cgroup(spec, wanted);
  const auto tree = host_tree();
  if (!tree) return cgroup_failure(tree.error());
  if (!*tree) return without_tree(spec, wanted, driver);
  if (driver == CgroupDriver::systemd) {
    return make_scope(**tree, spec, id, std::move(wanted), pid);
  }
  return make_directory(**tree, spec, id, wanted);
}

Result<UniqueFd> open_container_cgroup(const ContainerCgroup& cgroup) {
  CGW_ASSIGN(const auto tree, host_tree());
  if (!tree || cgroup.path.empty()) {
    return fail(Error{ErrorKind::not_supported, 0, "open", "the container's cgroup",
                      "the container has none"});
  }
  return tree->open_cgroup(cgroup.path);
}

Step update_resources(const ContainerCgroup& cgroup, const Resources& resources) {
  if (cgroup.path.empty()) {
    CGW_ASSIGN(const auto writes, control_writes(resources));
    if (writes.empty() && resources.devices.empty()) return {};
    return refused("cgroup", "the container has no cgroup, so its resources cannot be changed");
  }
  CGW_ASSIGN(const cgroup::Tree tree, open_host_tree());
  CGW_ASSIGN(const Resources complete, completed(tree, cgroup.path, resources));
  Wanted wanted;
  CGW_ASSIGN(wanted.writes, control_writes(complete));
  if (!resources.devices.empty()) {
    CGW_ASSIGN(wanted.devices, compile_device_filter(resources.devices));
  }
  CGW_TRY(check_usage(tree, cgroup.path, complete));
  if (cgroup.driver == CgroupDriver::systemd) {
    wanted.writes = with_whole_percents(std::move(wanted.writes));
  }
  auto properties = unit_properties(wanted.writes);
  if (cgroup.driver == CgroupDriver::systemd && !properties.empty()) {
    const auto set = ask_systemd({.verb = ScopeVerb::set,
                                  .user = is_rootless(),
                                  .unit = cgroup.unit,
                                  .properties = std::move(properties)});
    if (!set) return cgroup_failure(set.error());
  }
  return apply(tree, cgroup.path, HandDown::only_needed, wanted);
}

}  // namespace cgwarden::launcher
