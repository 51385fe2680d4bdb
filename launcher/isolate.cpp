#include "launcher/isolate.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "launcher/container_mounts.h"
#include "launcher/exec.h"
#include "launcher/launch_report.h"
#include "launcher/masks.h"
#include "launcher/namespaces.h"
#include "launcher/rlimits.h"
#include "launcher/rootfs.h"

namespace cgwarden::launcher {
namespace {

// The three may be any of 0, 1, 2 in any order: all are moved out of the way before any is placed.
Step place_stdio(const SpawnRequest& request) {
  const std::array<int, 3> sources{request.stdin_fd, request.stdout_fd, request.stderr_fd};
  std::array<UniqueFd, 3> copies;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    copies[i].reset(::fcntl(sources[i], F_DUPFD_CLOEXEC, 3));
    if (!copies[i].valid()) return failed("stdio", "descriptor " + std::to_string(sources[i]));
  }
  for (int i = 0; i < 3; ++i) {
    if (::dup2(copies[static_cast<std::size_t>(i)].get(), i) < 0) {
      return failed("stdio", "descriptor " + std::to_string(i));
    }
  }
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    return failed("stdio", "other descriptors cannot be marked close-on-exec");
  }
  return {};
}

// Ignored signals stay ignored over execve(2); SIGPIPE ignored in a service manager is the classic.
void reset_dispositions() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number <= SIGRTMAX; ++number) ::sigaction(number, &action, nullptr);
}

// The host's session key ring is not namespaced. Kernels without keys have none to leave.
Step leave_session_keyring() {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS &&
      errno != EPERM && errno != EDQUOT) {
    return failed("keyring", "no session key ring of its own can be made");
  }
  return {};
}

Step change_user(const User& user) {
  const auto& groups = user.additional_gids;
  // In a user namespace whose maps an unprivileged parent wrote setgroups is denied; nothing to do
  // when no groups are asked for and none are held.
  const bool none_to_change = groups.empty() && ::getgroups(0, nullptr) == 0;
  if (!none_to_change && ::setgroups(groups.size(), groups.data()) != 0) {
    return failed("user", "the additional groups cannot be set");
  }
  if (::setresgid(user.gid, user.gid, user.gid) != 0) {
    return failed("user", "gid " + std::to_string(user.gid) +
                              (errno == EINVAL ? " is not in gidMappings" : ""));
  }
  if (::setresuid(user.uid, user.uid, user.uid) != 0) {
    return failed("user", "uid " + std::to_string(user.uid) +
                              (errno == EINVAL ? " is not in uidMappings" : ""));
  }
  return {};
}

Step restrict_command(const Spec& spec, const LaunchPlan& plan) {
  const Process& process = spec.process;
  CGW_TRY(set_rlimits(process));
  ::umask(process.user.umask.value_or(022));
  CGW_TRY(limit_bounding_set(plan.capabilities));
  // Without no_new_privs only CAP_SYS_ADMIN may load a filter: before capabilities go.
  if (!process.no_new_privileges) CGW_TRY(load_filter(plan.filter.program));
  CGW_TRY(change_user(process.user));
  CGW_TRY(apply_capabilities(plan.capabilities));
  CGW_TRY(enter_working_directory(process));
  if (process.no_new_privileges) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
      return failed("no_new_privs", "it cannot be set");
    }
    CGW_TRY(load_filter(plan.filter.program));
  }
  return {};
}

}  // namespace

StepResult<LaunchPlan> plan_launch(const Spec& spec) {
  LaunchPlan plan;
  CGW_ASSIGN(plan.capabilities, capability_sets(spec.process.capabilities));
  CGW_ASSIGN(plan.filter, seccomp_filter(spec.seccomp, plan.capabilities.bounding));
  if (spec.process.args.empty()) return refused("exec", "no command is given");
  return plan;
}

Step isolate(const SpawnRequest& request) {
  const Spec& spec = *request.spec;
  ::umask(0);
  CGW_TRY(place_stdio(request));
  reset_dispositions();
  CGW_TRY(set_oom_score_adj(spec.process));
  // Until execve(2) this is a copy of a host program: no process of a joined namespace may look
  // into it or open its /proc/PID/exe (CVE-2019-5736).
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("clone", "PR_SET_DUMPABLE");
  CGW_TRY(leave_session_keyring());
  CGW_TRY(join_namespaces(spec));
  CGW_TRY(make_cgroup_namespace(spec));
  CGW_TRY(bring_up_loopback(spec));
  if (spec.has_namespace(NamespaceType::user) &&
      (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0)) {
    return failed("user", "uidMappings and gidMappings must map the container's 0");
  }
  CGW_ASSIGN(const UniqueFd root, open_rootfs(spec));
  CGW_TRY(mount_all(root.get(), spec));
  CGW_TRY(mask_paths(root.get(), spec));
  CGW_TRY(make_paths_readonly(root.get(), spec));
  CGW_TRY(enter_rootfs(root.get(), spec));
  return set_hostname(spec);
}

LaunchError become_command(const Spec& spec, const LaunchPlan& plan, int report_socket) {
  ::setsid();
  if (Step done = restrict_command(spec, plan); !done) return done.error();
  report_exec(report_socket);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  return exec_command(spec.process.args, spec.process.env);
}

}  // namespace cgwarden::launcher
