#include "launcher/clone_child.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "launcher/launch_report.h"
#include "launcher/namespaces.h"
#include "launcher/rlimits.h"

namespace cgwarden::launcher {
namespace {

std::string clone_remedy(int errno_value, bool user_namespace) {
  switch (errno_value) {
    case EPERM:
      return user_namespace ? "user namespaces are not permitted here (sysctl "
                              "kernel.unprivileged_userns_clone, user.max_user_namespaces)"
                            : "new namespaces need CAP_SYS_ADMIN; run as root or map a user "
                              "namespace";
    case ENOSPC:
      return "the limit of namespaces is reached (sysctl user.max_*_namespaces)";
    case EAGAIN:
      return "the limit of processes is reached (pids.max of the cgroup, RLIMIT_NPROC)";
    case EBUSY:
      return "the cgroup has controllers in cgroup.subtree_control, so it may not hold processes";
    case ENODEV:
      return "the cgroup has been removed";
    case EACCES:
      return "no permission to place a process in the cgroup";
    default:
      return "clone3";
  }
}

// `parent`: CLONE_PARENT, with which the kernel takes the exit signal of the caller.
StepResult<pid_t> clone_now(const Spec& spec, std::uint64_t flags, int cgroup_fd, bool parent,
                            const std::function<void()>& child) {
  clone_args arguments{};
  arguments.flags = flags | (parent ? CLONE_PARENT : 0U);
  arguments.exit_signal = parent ? 0 : SIGCHLD;
  if (cgroup_fd >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
  }
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid == 0) {
    child();
    ::_exit(125);
  }
  if (pid < 0) {
    return failed("clone", clone_remedy(errno, makes_namespace(spec, NamespaceType::user)));
  }
  return static_cast<pid_t>(pid);
}

struct Answer {
  pid_t pid = -1;
  int errno_value = 0;
  std::array<char, 32> stage{};
  std::array<char, 512> text{};
};

// A process of the container sees the child from its birth on, and must neither trace it nor open
// what its /proc/PID shows, which may still be the host's (CVE-2016-9962, CVE-2019-5736).
Step hide_from_the_container(const Spec& spec) {
  // /proc/self belongs to root afterwards.
  CGW_TRY(set_oom_score_adj(spec.process));
  // A user writes the maps of his new user namespace, and may only for a process that is his.
  if (makes_namespace(spec, NamespaceType::user) && ::geteuid() != 0) return {};
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("clone", "PR_SET_DUMPABLE");
  return {};
}

// Runs in the process in between.
StepResult<pid_t> join_and_clone(const Spec& spec, std::uint64_t flags, int cgroup_fd,
                                 const std::function<void(const JoinedNamespaces&)>& child) {
  CGW_TRY(hide_from_the_container(spec));
  CGW_ASSIGN(const JoinedNamespaces joined, join_before_birth(spec));
  return clone_now(spec, flags, cgroup_fd, true, [&] { child(joined); });
}

Answer answer_of(const StepResult<pid_t>& result) {
  Answer answer;
  if (result) {
    answer.pid = *result;
    return answer;
  }
  answer.errno_value = result.error().errno_value;
  result.error().stage.copy(answer.stage.data(), answer.stage.size() - 1);
  result.error().text.copy(answer.text.data(), answer.text.size() - 1);
  return answer;
}

StepResult<pid_t> clone_in_joined(const Spec& spec, std::uint64_t flags, int cgroup_fd,
                                  const CloneChild& child) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("clone", "no pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t between = plain_fork();
  if (between < 0) return failed("clone", "fork");
  if (between == 0) {
    const auto begin = [&](const JoinedNamespaces& joined) {
      // While the child holds it, the end of this process is not seen.
      write_end.reset();
      child(&joined);
    };
    const Answer answer = answer_of(join_and_clone(spec, flags, cgroup_fd, begin));
    const ssize_t written = ::write(write_end.get(), &answer, sizeof(answer));
    ::_exit(written == static_cast<ssize_t>(sizeof(answer)) ? 0 : 1);
  }
  write_end.reset();
  Answer answer;
  ssize_t count = 0;
  do {
    count = ::read(read_end.get(), &answer, sizeof(answer));
  } while (count < 0 && errno == EINTR);
  siginfo_t ignored{};
  while (::waitid(P_PID, static_cast<id_t>(between), &ignored, WEXITED) != 0 && errno == EINTR) {
  }
  if (count != static_cast<ssize_t>(sizeof(answer))) {
    return refused("clone", "the process that joins namespaces ended without an answer");
  }
  if (answer.pid > 0) return answer.pid;
  return std::unexpected(LaunchError{answer.stage.data(), answer.errno_value, answer.text.data()});
}

bool is_born_in_joined(const Spec& spec) {
  if (joins_namespace(spec, NamespaceType::user) || joins_namespace(spec, NamespaceType::pid)) {
    return true;
  }
  return makes_namespace(spec, NamespaceType::user) &&
         std::ranges::any_of(spec.namespaces,
                             [](const Namespace& entry) { return !entry.path.empty(); });
}

}  // namespace

bool is_born_in_its_cgroup(const Spec& spec) {
  return !joins_namespace(spec, NamespaceType::user) &&
         !(spec.has_namespace(NamespaceType::user) && joins_namespace(spec, NamespaceType::cgroup));
}

pid_t plain_fork() {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

StepResult<pid_t> clone_child(const Spec& spec, std::uint64_t flags, int cgroup_fd,
                              const CloneChild& child) {
  if (is_born_in_joined(spec)) return clone_in_joined(spec, flags, cgroup_fd, child);
  return clone_now(spec, flags, cgroup_fd, false, [&] { child(nullptr); });
}

}  // namespace cgwarden::launcher
