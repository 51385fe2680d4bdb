#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "launcher/console.h"
#include "tests/launcher/root/hostile.h"
#include "tests/launcher/root/in_child.h"

// CVE-2025-52565: a /dev of the enemy's that leads the terminal, or what is bound on /dev/console,
// to a file of procfs.
namespace cgwarden::launcher {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

// /proc, and whatever /dev the rootfs has.
Spec hostile_terminal_spec(const Rootfs& rootfs) {
  Spec spec = shell_spec(rootfs, "exec sleep 1000");
  spec.process.terminal = true;
  spec.mounts.resize(1);
  return spec;
}

// "opened", and what is mounted in /proc then; or the refusal.
std::string opened(const Spec& spec) {
  return in_child([&] {
    if (const Step entered = enter_container(spec); !entered) return said(entered);
    auto master = open_terminal(spec.process, true);
    if (!master) return master.error().sentence();
    (void)master->release();  // its end would be ours (SIGHUP)
    const std::string mounts = read_file("/proc/self/mountinfo", 1U << 20U).value();
    return "opened" + (mounts.find(" /proc/") == std::string::npos ? std::string() : mounts);
  });
}

TEST(Cve202552565, ATerminalThatTheRootfsRedirectsIsRefused) {
  const Rootfs rootfs;
  Spec spec = hostile_terminal_spec(rootfs);
  fs::create_directory(rootfs.path("/dev/pts"));
  EXPECT_EQ(opened(spec),
            "cannot start: console: a terminal needs a devpts of the container's own on /dev/pts: "
            "No such file or directory");
  rootfs.write("/dev/pts/ptmx", "");
  EXPECT_EQ(opened(spec),
            "cannot start: console: /dev/pts/ptmx is not of a devpts; the rootfs has put a file "
            "there");
  fs::remove_all(rootfs.path("/dev/pts"));
  fs::create_symlink("/proc/1/root/dev/pts", rootfs.path("/dev/pts"));
  EXPECT_THAT(opened(spec), HasSubstr("Too many levels of symbolic links"));
  fs::remove(rootfs.path("/dev/pts"));
  fs::remove(rootfs.path("/dev/console"));
  fs::create_symlink("/proc/sysrq-trigger", rootfs.path("/dev/console"));
  spec.mounts.push_back({"/dev/pts", "devpts", "devpts", {"newinstance", "ptmxmode=0666"}});
  EXPECT_EQ(opened(spec),
            "cannot start: console: /dev/console is a symbolic link in the rootfs: Too many levels "
            "of symbolic links");
}

TEST(Cve202552565, AnExchangedConsoleIsNotFollowed) {
  const HostDirectory dev;
  ASSERT_TRUE(write_file_atomically(dev.path("/console"), ""));
  fs::create_symlink("/proc/sysrq-trigger", dev.path("/trap"));
  const Rootfs rootfs;
  Spec spec = hostile_terminal_spec(rootfs);
  spec.mounts.push_back({"/dev", "bind", dev.path(), {"bind"}});
  spec.mounts.push_back({"/dev/pts", "devpts", "devpts", {"newinstance", "ptmxmode=0666"}});
  const Exchanger enemy(dev.path("/console"), dev.path("/trap"));
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    EXPECT_THAT(opened(spec), AnyOf("opened", HasSubstr("/dev/console is a symbolic link")));
  }
  EXPECT_GT(enemy.exchanges(), 60U);
}

// The socket to which `exec` would send a terminal.
class ConsoleSocket {
 public:
  explicit ConsoleSocket(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    EXPECT_EQ(::listen(socket_.get(), 8), 0);
  }

 private:
  UniqueFd socket_;
};

TEST(Cve202552565, ExecRefusesATerminalThatTheContainerRedirects) {
  const HostDirectory directory;
  const ConsoleSocket socket(directory.path("/s"));
  const HostDirectory dev;
  fs::create_directory(dev.path("/pts"));
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "exec sleep 1000");
  spec.mounts.resize(1);
  spec.mounts.push_back({"/dev", "bind", dev.path(), {"bind"}});
  const OciContainer container(spec);
  const auto refusal = [&] {
    const auto done = container.exec(
        {"--tty", "--detach", "--console-socket", directory.path("/s")}, {"/bin/true"});
    EXPECT_EQ(done.exit_code, 255);
    return done.output;
  };
  EXPECT_THAT(refusal(), HasSubstr("console: a terminal needs a devpts"));
  ASSERT_TRUE(write_file_atomically(dev.path("/pts/ptmx"), ""));
  EXPECT_THAT(refusal(), HasSubstr("console: /dev/pts/ptmx is not of a devpts"));
  fs::remove(dev.path("/pts/ptmx"));
  // The host's, which the default of the runtime is not.
  fs::create_symlink("/proc/1/root/dev/pts/ptmx", dev.path("/pts/ptmx"));
  EXPECT_THAT(refusal(), HasSubstr("console: a terminal needs a devpts"));
  fs::remove_all(dev.path("/pts"));
  fs::create_directory_symlink("/proc/1/root/data", dev.path("/pts"));
  EXPECT_THAT(refusal(), HasSubstr("console: a terminal needs a devpts"));
}

}  // namespace
}  // namespace cgwarden::launcher
