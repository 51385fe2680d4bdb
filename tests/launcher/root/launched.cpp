#include "tests/launcher/root/launched.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "launcher/network_ahead.h"

namespace cgwarden::launcher {

Rootfs::Rootfs() {
  std::string pattern = testing::TempDir() + "cgwarden-rootfs-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
  ::chmod(path_.c_str(), 0755);
  for (const char* directory : {"/bin", "/etc", "/proc", "/sys", "/dev", "/tmp", "/data"}) {
    std::filesystem::create_directory(path_ + directory);
  }
  std::filesystem::copy_file("/bin/busybox", path_ + "/bin/busybox");
  for (const char* applet :
       {"sh",    "cat", "echo", "ls",    "id",     "kill",   "sleep",   "readlink", "mount",
        "mknod", "dd",  "true", "false", "ps",     "chroot", "unshare", "stat",     "hostname",
        "touch", "ip",  "wc",   "grep",  "setsid", "ulimit", "timeout"}) {
    std::filesystem::create_symlink("busybox", path_ + "/bin/" + applet);
  }
}

Rootfs::~Rootfs() { std::filesystem::remove_all(path_); }

void Rootfs::write(const std::string& inside, const std::string& text, unsigned mode) const {
  ASSERT_TRUE(write_file_atomically(path(inside), text));
  ASSERT_EQ(::chmod(path(inside).c_str(), mode), 0);
}

Spec shell_spec(const Rootfs& rootfs, const std::string& script) {
  Spec spec = default_spec();
  spec.root_path = rootfs.path();
  spec.process.args = {"/bin/sh", "-c", script};
  return spec;
}

WaitStatus wait_for(pid_t pid) {
  siginfo_t info{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED), 0);
  return {.code = info.si_code, .status = info.si_status};
}

Launched launch(const Spec& spec) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  SpawnRequest request;
  request.spec = &spec;
  // As cgwarden-oci has it.
  std::optional<NetworkAhead> network;
  if (NetworkAhead::fits(spec) && spec.net_devices.empty()) network.emplace();
  request.network = network ? &*network : nullptr;
  request.mounts_meanwhile = true;
  request.stdin_fd = null.get();
  request.stdout_fd = write_end.get();
  request.stderr_fd = write_end.get();
  auto spawned = spawn(request);
  write_end.reset();
  Launched result;
  if (!spawned) {
    result.error = spawned.error();
    return result;
  }
  result.started = true;
  result.output = read_all(read_end.get(), "output", 1U << 20U).value();
  const auto reported = spec.init ? read_status(*spawned) : std::nullopt;
  const WaitStatus status = wait_for(spawned->pid);
  result.exit_code = status.code == CLD_EXITED ? status.status : 128 + status.status;
  result.command = reported.value_or(status);
  return result;
}

Launched launch(const Rootfs& rootfs, const std::string& script) {
  return launch(shell_spec(rootfs, script));
}

}  // namespace cgwarden::launcher
