#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"
#include "tests/launcher/root/hostile.h"
#include "tests/launcher/root/launched.h"

// --pidfd-socket as runc's callers use it: a pidfd by SCM_RIGHTS with one word.
namespace cgwarden::launcher {
namespace {

class PidfdListener {
 public:
  explicit PidfdListener(std::string path) : path_(std::move(path)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    EXPECT_EQ(::listen(socket_.get(), 4), 0);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

  // The word, and the descriptor in `pidfd`. What was sent before the runtime ended is there.
  [[nodiscard]] std::string receive(UniqueFd& pidfd) const {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 20000) != 1) return "(nobody has connected)";
    const UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::array<char, 64> word{};
    iovec part{word.data(), word.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(connection.get(), &header, MSG_CMSG_CLOEXEC);
    const cmsghdr* rights = CMSG_FIRSTHDR(&header);
    if (count < 0 || rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return "(nothing)";
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
    pidfd.reset(fd);
    std::string rest(8, '\0');
    if (::read(connection.get(), rest.data(), rest.size()) != 0) return "(more than a word)";
    return {word.data(), static_cast<std::size_t>(count)};
  }

 private:
  std::string path_;
  UniqueFd socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

// The host pid that a pidfd stands for (proc(5), fdinfo), as text.
std::string pid_of(const UniqueFd& pidfd) {
  const std::string info =
      read_file("/proc/self/fdinfo/" + std::to_string(pidfd.get()), 4096).value_or("");
  const std::size_t at = info.find("\nPid:\t");
  return at == std::string::npos ? "(no pidfd)"
                                 : info.substr(at + 6, info.find('\n', at + 6) - at - 6);
}

class PidfdSocketTest : public testing::Test {
 protected:
  PidfdSocketTest() {
    // The container's first process comes to this one when the runtime ends.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    Spec spec = shell_spec(rootfs_, "");
    spec.process.args = {"/bin/sleep", "1000"};
    spec.cgroups_path = "/cgwarden-pidfd";
    EXPECT_TRUE(write_file_atomically(bundle_.path("/config.json"), to_config(spec)));
  }
  ~PidfdSocketTest() override {
    EXPECT_EQ(oci({"delete", "--force", "box"}), "");
    reap();
    ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
  }
  // What it says; nothing when all is well.
  [[nodiscard]] std::string oci(const std::vector<std::string>& words) const {
    std::vector<std::string> all{runtime_program(), "--root", bundle_.path("/state")};
    all.insert(all.end(), words.begin(), words.end());
    const auto said = Running(all).wait();
    return said.exit_code == 0 ? said.output : said.output + std::to_string(said.exit_code);
  }
  [[nodiscard]] std::string written_pid() const {
    return read_file(bundle_.path("/pid"), 64).value_or("(absent)");
  }
  [[nodiscard]] std::vector<std::string> make(const std::string& command) const {
    return {command,          "--bundle",      bundle_.path(), "--pid-file", bundle_.path("/pid"),
            "--pidfd-socket", listener_.path()};
  }
  // A pid namespace does not end before the last of it has been reaped.
  static void reap() {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  // Ends what it stands for, and only it.
  static void end(const UniqueFd& pidfd) {
    ASSERT_EQ(::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0), 0);
    pollfd watched{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&watched, 1, 20000), 1);
    reap();
  }

  const Rootfs rootfs_;
  const HostDirectory bundle_;
  const PidfdListener listener_{bundle_.path("/pidfd.sock")};
};

TEST_F(PidfdSocketTest, CreateSendsTheFirstProcess) {
  auto words = make("create");
  words.emplace_back("box");
  EXPECT_EQ(oci(words), "");
  UniqueFd pidfd;
  EXPECT_EQ(listener_.receive(pidfd), "standard");
  EXPECT_EQ(pid_of(pidfd), written_pid());
  end(pidfd);
  EXPECT_THAT(oci({"state", "box"}), testing::HasSubstr(R"("status": "stopped")"));
}

TEST_F(PidfdSocketTest, RunSendsItTooAndExecItsOwn) {
  auto words = make("run");
  words.insert(words.end(), {"--detach", "box"});
  EXPECT_EQ(oci(words), "");
  UniqueFd first;
  EXPECT_EQ(listener_.receive(first), "standard");
  EXPECT_EQ(pid_of(first), written_pid());
  EXPECT_EQ(oci({"exec", "--detach", "--pid-file", bundle_.path("/pid"), "--pidfd-socket",
                 listener_.path(), "box", "/bin/sleep", "1000"}),
            "");
  UniqueFd second;
  EXPECT_EQ(listener_.receive(second), "setns");
  EXPECT_EQ(pid_of(second), written_pid());
  EXPECT_NE(pid_of(second), pid_of(first));
  end(second);
  EXPECT_THAT(oci({"state", "box"}), testing::HasSubstr(R"("status": "running")"));
}

TEST_F(PidfdSocketTest, WhereNobodyListensNothingIsMade) {
  EXPECT_EQ(
      oci({"create", "--bundle", bundle_.path(), "--pidfd-socket", bundle_.path("/none"), "box"}),
      "cgwarden-oci: cannot start: pidfd: the pidfd socket " + bundle_.path("/none") +
          " cannot be connected to: no such file or directory\n1");
  EXPECT_EQ(oci({"list", "--quiet"}), "");
}

}  // namespace
}  // namespace cgwarden::launcher
