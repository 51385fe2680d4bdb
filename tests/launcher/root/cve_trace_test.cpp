#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>

#include "launcher/helper_process.h"
#include "launcher/namespaces.h"
#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

// CVE-2016-9962: a process that is born in a container's pid namespace, as that of `exec`, is seen
// there at once.
namespace cgwarden::launcher {
namespace {

// The first process of a pid and a mount namespace.
class Container {
 public:
  Container() {
    clone_args arguments{};
    arguments.flags = CLONE_NEWPID | CLONE_NEWNS;
    arguments.exit_signal = SIGCHLD;
    pid_ = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
    if (pid_ < 0) std::abort();
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  ~Container() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] std::string path(NamespaceType type) const {
    return "/proc/" + std::to_string(pid_) + "/ns/" + namespace_file(type);
  }

 private:
  pid_t pid_ = -1;
};

Spec joining(const Rootfs& rootfs, const Container& container) {
  Spec spec = shell_spec(rootfs, "exit 7");
  spec.namespaces = {{NamespaceType::pid, container.path(NamespaceType::pid)},
                     {NamespaceType::mount, container.path(NamespaceType::mount)}};
  return spec;
}

// What `look` says of the child while it waits for its parent.
std::string seen(const Spec& spec, const std::function<std::string(pid_t)>& look) {
  std::string text;
  SpawnRequest request;
  request.spec = &spec;
  request.prepare = [&](pid_t child) -> StepResult<std::string> {
    text = look(child);
    return std::string();
  };
  const auto spawned = spawn(request);
  if (!spawned) return spawned.error().sentence();
  const WaitStatus ended = wait_for_exit(spawned->pid);
  return ended.code == CLD_EXITED && ended.status == 7 ? text : "(did not run)";
}

// ptrace(2) by one who has the same ids and permitted capabilities, but not the right to trace what
// is not dumpable.
std::string trace(pid_t pid) {
  return in_child([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (::syscall(SYS_capget, &header, data.data()) != 0) return std::string("capget");
    data[0].effective &= ~(1U << CAP_SYS_PTRACE);
    if (::syscall(SYS_capset, &header, data.data()) != 0) return std::string("capset");
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0) return std::string("traced");
    return std::string(std::strerror(errno));
  });
}

TEST(Cve20169962, WhoIsBornInAContainersPidNamespaceIsInItsMountNamespaceToo) {
  const Rootfs rootfs;
  const Container container;
  const std::string mount =
      std::filesystem::read_symlink(container.path(NamespaceType::mount)).string();
  EXPECT_EQ(seen(joining(rootfs, container),
                 [](pid_t child) {
                   const std::string path = "/proc/" + std::to_string(child) + "/ns/mnt";
                   return std::filesystem::read_symlink(path).string();
                 }),
            mount);
}

TEST(Cve20169962, WhoIsBornInAContainersPidNamespaceIsNotToBeTraced) {
  const Rootfs rootfs;
  const Container container;
  EXPECT_EQ(seen(joining(rootfs, container), trace), "Operation not permitted");
}

TEST(Cve20169962, NorWithANewUserNamespace) {
  const Rootfs rootfs;
  const Container container;
  Spec spec = joining(rootfs, container);
  spec.namespaces.push_back({NamespaceType::user, ""});
  spec.uid_mappings = spec.gid_mappings = {{0, 100000, 65536}};
  EXPECT_EQ(seen(spec, trace), "Operation not permitted");
}

}  // namespace
}  // namespace cgwarden::launcher
