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

#include "launcher/console.h"
#include "launcher/container_mounts.h"
#include "launcher/ending_signals.h"
#include "launcher/exec.h"
#include "launcher/home.h"
#include "launcher/hooks.h"
#include "launcher/launch_report.h"
#include "launcher/masks.h"
#include "launcher/memory_policy.h"
#include "launcher/namespaces.h"
#include "launcher/net_devices.h"
#include "launcher/network_ahead.h"
#include "launcher/overlay.h"
#include "launcher/process_attributes.h"
#include "launcher/rlimits.h"
#include "launcher/rootfs.h"
#include "launcher/seccomp_config.h"
#include "launcher/standard_streams.h"
#include "launcher/start_gate.h"

namespace cgwarden::launcher {
namespace {

// Everything from `first` on ends with execve(2), whoever opened it (CVE-2024-21626).
Step close_on_exec_from(unsigned first) {
  if (::close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    return failed("stdio", "other descriptors cannot be marked close-on-exec");
  }
  return {};
}

// The host's session key ring is not namespaced. Kernels without keys have none to leave.
Step leave_session_keyring() {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS &&
      errno != EPERM && errno != EDQUOT) {
    return failed("keyring", "no session key ring of its own can be made");
  }
  return {};
}

// Annotation of podman's `--group-add keep-groups`: the caller's groups stay.
constexpr const char* kKeepGroups = "run.oci.keep_original_groups";

// The calls of libc(3) are for all threads of a process, and for those of its list, which the child
// has from its parent (network_ahead.h). A child has this one alone.
#ifdef SYS_setresuid32
constexpr long kSetgroups = SYS_setgroups32;
constexpr long kSetresgid = SYS_setresgid32;
constexpr long kSetresuid = SYS_setresuid32;
#else
constexpr long kSetgroups = SYS_setgroups;
constexpr long kSetresgid = SYS_setresgid;
constexpr long kSetresuid = SYS_setresuid;
#endif

bool keeps_groups(const Spec& spec) {
  const auto found = spec.annotations.find(kKeepGroups);
  return found != spec.annotations.end() && found->second == "1";
}

// A change of user undoes it where fs.suid_dumpable is 1.
Step stay_hidden() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("clone", "PR_SET_DUMPABLE");
  return {};
}

Step change_user(const Spec& spec) {
  const User& user = spec.process.user;
  const auto& groups = user.additional_gids;
  // In a user namespace whose maps an unprivileged parent wrote setgroups is denied; nothing to do
  // when no groups are asked for and none are held.
  const bool none_to_change = groups.empty() && ::getgroups(0, nullptr) == 0;
  if (!none_to_change && !keeps_groups(spec) &&
      ::syscall(kSetgroups, groups.size(), groups.data()) != 0) {
    return failed("user", "the additional groups cannot be set");
  }
  if (::syscall(kSetresgid, user.gid, user.gid, user.gid) != 0) {
    return failed("user", "gid " + std::to_string(user.gid) +
                              (errno == EINVAL ? " is not in gidMappings" : ""));
  }
  if (::syscall(kSetresuid, user.uid, user.uid, user.uid) != 0) {
    return failed("user", "uid " + std::to_string(user.uid) +
                              (errno == EINVAL ? " is not in uidMappings" : ""));
  }
  return stay_hidden();
}

// The root of a user namespace that was made or joined: only it may mount there.
Step become_root(const Spec& spec) {
  if (!spec.has_namespace(NamespaceType::user)) return {};
  if (::syscall(kSetresgid, 0, 0, 0) != 0 || ::syscall(kSetresuid, 0, 0, 0) != 0) {
    return failed("user", "uidMappings and gidMappings must map the container's 0");
  }
  return stay_hidden();
}

// By a procfs of our own: the one in the rootfs may be anything (CVE-2025-52881).
Step write_kernel_settings(const Spec& spec, const UniqueFd& ready) {
  if (spec.sysctl.empty()) return {};
  if (ready.valid()) return write_sysctls(ready.get(), spec);
  CGW_ASSIGN(const UniqueFd procfs, open_procfs());
  return write_sysctls(procfs.get(), spec);
}

Step set_label(const Process& process) {
  if (process.apparmor_profile.empty() && process.selinux_label.empty()) return {};
  CGW_ASSIGN(const UniqueFd procfs, open_procfs());
  return set_exec_label(procfs.get(), process);
}

Step open_session(const ChildContext& context) {
  const SpawnRequest& request = *context.request;
  const Process& process = request.spec->process;
  if (!process.terminal || request.console_socket < 0) {
    ::setsid();
    return {};
  }
  const bool own_root = !joins_namespace(*request.spec, NamespaceType::mount);
  CGW_ASSIGN(const UniqueFd master, open_terminal(process, own_root, request.relayed_terminal));
  return send_terminal(request.console_socket, master.get());
}

Step schedule(const Spec& spec) {
  CGW_TRY(set_scheduler(spec.process));
  CGW_TRY(set_io_priority(spec.process));
  reset_cpu_affinity();
  if (spec.process.exec_cpu_affinity) {
    CGW_TRY(set_cpu_affinity(spec.process.exec_cpu_affinity->settled));
  }
  CGW_TRY(set_memory_policy(spec));
  return set_personality(spec);
}

// From here on the container may show what it is made of: who asks the runtime knows of it.
Step meet_parent(const ChildContext& context) {
  context.word->wait();
  if (context.request->network == nullptr) return {};
  return enter_new_network(context.word->take_network());
}

Step build_root(const ChildContext& context) {
  const Spec& spec = *context.request->spec;
  if (joins_namespace(spec, NamespaceType::mount)) {
    context.plan->sources.room.give_back();
    if (::chdir("/") != 0) return failed("rootfs", "/ of the joined mount namespace");
    CGW_TRY(write_kernel_settings(spec, context.plan->procfs));
    context.plan->procfs.reset();
    return {};
  }
  CGW_ASSIGN(const UniqueFd root, open_rootfs(spec, context.plan->overlay.get()));
  CGW_TRY(
      mount_all(root.get(), spec, &context.plan->sources, [&] { return meet_parent(context); }));
  CGW_TRY(mask_paths(root.get(), spec));
  CGW_TRY(make_paths_readonly(root.get(), spec));
  CGW_TRY(run_hooks(spec.hooks.create_container, "createContainer", context.word->state()));
  CGW_TRY(enter_rootfs(root.get(), spec, context.request->pivot_root));
  return write_kernel_settings(spec, context.plan->procfs);
}

// Loads the filter; a listener goes to whoever reads the reports, and the command waits until it
// has been taken.
Step confine(int report, const LaunchPlan& plan) {
  CGW_ASSIGN(const UniqueFd listener, load_filter(plan.filter.program, plan.filter.flags));
  if (!listener.valid()) return {};
  report_listener(report, listener.get());
  if (!receive_go(report)) return refused("seccomp", "nobody took the listener");
  return {};
}

// Up to the point where everything can still be answered to the caller of `create`.
Step restrict_command(const Spec& spec, const LaunchPlan& plan, int report) {
  const Process& process = spec.process;
  give_pipes_to(process.user);
  CGW_TRY(set_rlimits(process));
  ::umask(process.user.umask.value_or(022));
  CGW_TRY(limit_bounding_set(plan.capabilities));
  // With all privileges and without the filter first, as runc does: the directory may be closed to
  // the user. Where root itself is shut out (a network file system) the user may get in.
  const Step entered = enter_working_directory(process);
  // Without no_new_privs only CAP_SYS_ADMIN may load a filter: before capabilities go.
  if (!process.no_new_privileges) CGW_TRY(confine(report, plan));
  CGW_TRY(change_user(spec));
  CGW_TRY(apply_capabilities(plan.capabilities));
  return entered ? Step{} : enter_working_directory(process);
}

// With a gate: announces itself, waits until the parent has written the state, then for `start`.
// `report` becomes the connection of whoever opened the gate. The state for startContainer hooks.
StepResult<std::string> pass_gate(const ChildContext& context, UniqueFd& report) {
  report_exec(report.get());
  if (context.request->start_gate < 0) return context.word->state();
  auto state = receive_go(report.get());
  // The parent is gone before it could write down that there is a container: it never existed.
  if (!state) ::_exit(125);
  report.reset();
  CGW_ASSIGN(report, wait_at_gate(context.request->start_gate));
  return *std::move(state);
}

// As late as can be: what stands after it must be allowed by the filter.
Step finish_restriction(const ChildContext& context, int report) {
  CGW_TRY(set_label(context.request->spec->process));
  if (!context.request->spec->process.no_new_privileges) return {};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return failed("no_new_privs", "it cannot be set");
  }
  return confine(report, *context.plan);
}

LaunchError start_command(const ChildContext& context, UniqueFd& report) {
  const Spec& spec = *context.request->spec;
  if (Step done = open_session(context); !done) return done.error();
  open_null_anew();
  if (Step done = schedule(spec); !done) return done.error();
  if (Step done = restrict_command(spec, *context.plan, report.get()); !done) return done.error();
  const auto env = complete_environment(spec.process.env, spec.process.user.uid);
  if (auto missing = find_command(spec.process.args, env)) return *missing;
  const auto state = pass_gate(context, report);
  if (!state) return state.error();
  if (Step done = finish_restriction(context, report.get()); !done) return done.error();
  // The programs of the image run with the rights of the command and no others, as in runc and
  // crun: under its filter too.
  const auto& hooks = spec.hooks.start_container;
  if (Step done = run_hooks(hooks, "startContainer", *state, &env); !done) return done.error();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  return exec_command(spec.process.args, env);
}

// /proc is the host's here, unless the child was born in a mount namespace that somebody else has
// made (CVE-2025-52881).
StepResult<TimeOffsets> open_time_offsets(const ChildContext& context) {
  const Spec& spec = *context.request->spec;
  const UniqueFd& ready = context.plan->procfs;
  const bool foreign = makes_namespace(spec, NamespaceType::time) &&
                       joins_namespace(spec, NamespaceType::mount) && !ready.valid();
  if (!foreign) return TimeOffsets::open(spec, ready.get());
  CGW_ASSIGN(const UniqueFd procfs, open_procfs());
  return TimeOffsets::open(spec, procfs.get());
}

}  // namespace

void give_up(int report, const LaunchError& error) {
  report_error(report, error);
  // Only init looks at it, the parent has the report.
  ::_exit(error.exit_code());
}

StepResult<LaunchPlan> plan_launch(const SpawnRequest& request) {
  const Spec& spec = *request.spec;
  CGW_TRY(check_net_devices(spec));
  LaunchPlan plan;
  CGW_ASSIGN(plan.capabilities, capability_sets(spec.process.capabilities));
  if (spec.seccomp_config) {
    CGW_ASSIGN(plan.filter, compile_seccomp(*spec.seccomp_config, request.seccomp_cache));
  } else {
    CGW_ASSIGN(plan.filter, seccomp_filter(spec.seccomp, plan.capabilities.bounding));
  }
  if (spec.process.args.empty()) return refused("exec", "no command is given");
  CGW_TRY(check_sysctls(spec));
  // Whose root may make none of his own, and where /proc is masked the kernel permits it to nobody
  // but the host's.
  const bool joins_with_user =
      joins_namespace(spec, NamespaceType::mount) && spec.has_namespace(NamespaceType::user);
  if (joins_with_user && !(spec.sysctl.empty() && spec.time_offsets.empty())) {
    CGW_ASSIGN(plan.procfs, open_procfs());
  }
  CGW_ASSIGN(plan.sources, open_mount_sources(spec));
  if (spec.overlay) {
    CGW_ASSIGN(plan.overlay, overlay_mount(spec));
  }
  return plan;
}

// The three may be any of 0, 1, 2 in any order: all are moved out of the way before any is placed.
Step place_stdio(const SpawnRequest& request) {
  const std::array<int, 3> sources{request.stdin_fd, request.stdout_fd, request.stderr_fd};
  if (sources == std::array{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    for (const int fd : sources) {
      if (::fcntl(fd, F_SETFD, 0) != 0) return failed("stdio", "descriptor " + std::to_string(fd));
    }
    return {};
  }
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
  return {};
}

Step isolate(const ChildContext& context) {
  const SpawnRequest& request = *context.request;
  const Spec& spec = *request.spec;
  ::umask(0);
  CGW_TRY(close_on_exec_from(3 + request.preserve_fds));
  // Ignored signals stay ignored over execve(2); SIGPIPE ignored in a service manager is the
  // classic.
  set_launch_dispositions();
  // Else it was born with it, or has it from the parent.
  if (context.joined == nullptr && !makes_namespace(spec, NamespaceType::user)) {
    CGW_TRY(set_oom_score_adj(spec.process));
  }
  CGW_ASSIGN(const TimeOffsets time_offsets, open_time_offsets(context));
  // Until execve(2) this is a copy of a host program: no process of a joined namespace may look
  // into it or open its /proc/PID/exe (CVE-2019-5736).
  CGW_TRY(stay_hidden());
  if (request.new_keyring) CGW_TRY(leave_session_keyring());
  CGW_TRY(join_namespaces(spec, context.joined));
  CGW_TRY(make_cgroup_namespace(spec));
  CGW_TRY(time_offsets.make_namespace());
  if (request.network == nullptr && makes_namespace(spec, NamespaceType::network)) {
    CGW_TRY(bring_up_loopback());
  }
  CGW_TRY(become_root(spec));
  CGW_TRY(build_root(context));
  return set_hostname(spec);
}

void run_command(const ChildContext& context) {
  UniqueFd report(context.report);
  const LaunchError error = start_command(context, report);
  give_up(report.get(), error);
}

}  // namespace cgwarden::launcher
