#include "tests/launcher/root/in_child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/file.h"
#include "launcher/container_mounts.h"
#include "launcher/rootfs.h"

namespace cgwarden::launcher {

std::string in_child(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text = work();
    _exit(write_all(write_end.get(), text, "result") ? 0 : 1);
  }
  write_end.reset();
  std::string result = read_all(read_end.get(), "result", 1U << 20U).value_or("(too long)");
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 ? result : result + "(status " + std::to_string(status) + ")";
}

std::string said(const Step& step) { return step ? "done" : step.error().sentence(); }

Step enter_container(const Spec& spec, int flags) {
  ::umask(0);
  if (::unshare(CLONE_NEWNS | flags) != 0) return failed("namespace", "unshare");
  CGW_ASSIGN(const UniqueFd root, open_rootfs(spec));
  CGW_TRY(mount_all(root.get(), spec));
  return enter_rootfs(root.get(), spec);
}

}  // namespace cgwarden::launcher
