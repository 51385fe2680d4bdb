#include "launcher/seccomp_config.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>

#include "launcher/seccomp_cache.h"

namespace cgwarden::launcher {
namespace {

Seccomp profile(std::string default_action, std::vector<SeccompRule> rules) {
  Seccomp config;
  config.default_action = std::move(default_action);
  config.syscalls = std::move(rules);
  return config;
}

SeccompRule rule(std::vector<std::string> names, std::string action,
                 std::optional<std::uint32_t> errno_ret = std::nullopt,
                 std::vector<SeccompArgument> args = {}) {
  return {.names = std::move(names),
          .action = std::move(action),
          .errno_ret = errno_ret,
          .args = std::move(args)};
}

// Runs `body` in a child: its exit code, 1000+N for signal N.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // no core files from the calls that kill
    ::_exit(body());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

constexpr int kNotLoaded = 255;

// errno of one call under the profile, 0 when it succeeds.
int result_of(const Seccomp& config, long number, long a = 0, long b = 0, long c = 0) {
  const auto filter = compile_seccomp(config, "");
  EXPECT_TRUE(filter) << filter.error().sentence();
  if (!filter) return -1;
  return in_child([&] {
    if (!load_filter(filter->program, filter->flags)) return kNotLoaded;
    return ::syscall(number, a, b, c, 0L, 0L) < 0 ? errno : 0;
  });
}

TEST(SeccompConfigRootTest, TheKernelDoesAsTheProfileSays) {
  const Seccomp config =
      profile("SCMP_ACT_ALLOW",
              {rule({"getppid"}, "SCMP_ACT_ERRNO"), rule({"getpgid"}, "SCMP_ACT_ERRNO", ENOTEMPTY),
               rule({"getsid"}, "SCMP_ACT_TRACE"),  // without a tracer ENOSYS, seccomp(2)
               rule({"getuid"}, "SCMP_ACT_TRAP"), rule({"geteuid"}, "SCMP_ACT_KILL"),
               rule({"getgid"}, "SCMP_ACT_KILL_PROCESS"), rule({"getegid"}, "SCMP_ACT_LOG"),
               rule({"dup"}, "SCMP_ACT_ERRNO", EDOM,
                    {{.index = 0, .value = 0xFF, .value_two = 0x11, .op = "SCMP_CMP_MASKED_EQ"}})});
  EXPECT_EQ(result_of(config, SYS_getpid), 0);
  EXPECT_EQ(result_of(config, SYS_getppid), EPERM);
  EXPECT_EQ(result_of(config, SYS_getpgid), ENOTEMPTY);
  EXPECT_EQ(result_of(config, SYS_getsid), ENOSYS);
  EXPECT_EQ(result_of(config, SYS_getuid), 1000 + SIGSYS);
  EXPECT_EQ(result_of(config, SYS_geteuid), 1000 + SIGSYS);
  EXPECT_EQ(result_of(config, SYS_getgid), 1000 + SIGSYS);
  EXPECT_EQ(result_of(config, SYS_getegid), 0);
  EXPECT_EQ(result_of(config, SYS_dup, 0x711), EDOM);
  EXPECT_EQ(result_of(config, SYS_dup, 0x712), EBADF);
  EXPECT_EQ(result_of(config, 0x40000000 | SYS_getpid), 1000 + SIGSYS);
}

TEST(SeccompConfigRootTest, AnErrnoDefaultIsEnosysForNewCalls) {
  const Seccomp config =
      profile("SCMP_ACT_ERRNO", {rule({"exit_group", "getpid", "rt_sigreturn"}, "SCMP_ACT_ALLOW")});
  EXPECT_EQ(result_of(config, SYS_getpid), 0);
  EXPECT_EQ(result_of(config, SYS_getppid), EPERM);
  EXPECT_EQ(result_of(config, 9999), ENOSYS);
}

TEST(SeccompConfigRootTest, AllFlagsAreTaken) {
  Seccomp config = profile("SCMP_ACT_ALLOW", {rule({"getppid"}, "SCMP_ACT_ERRNO")});
  config.flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                  "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  EXPECT_EQ(result_of(config, SYS_getppid), EPERM);
  config.listener_path = "/run/agent";
  config.syscalls.push_back(rule({"getsid"}, "SCMP_ACT_NOTIFY"));
  EXPECT_EQ(result_of(config, SYS_getppid), EPERM);
  EXPECT_EQ(result_of(config, SYS_getsid), ENOSYS);  // the listener is closed already
}

TEST(SeccompConfigRootTest, AKeptProgramDoesTheSame) {
  std::string directory = "/tmp/seccomp_config.XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const Seccomp config = profile("SCMP_ACT_ALLOW", {rule({"getppid"}, "SCMP_ACT_ERRNO", EDOM)});
  for (int round = 0; round < 2; ++round) {
    const auto filter = compile_seccomp(config, directory);
    ASSERT_TRUE(filter);
    EXPECT_EQ(in_child([&] {
                if (!load_filter(filter->program)) return kNotLoaded;
                return ::syscall(SYS_getppid) < 0 ? errno : 0;
              }),
              EDOM);
  }
  const SeccompCache cache(directory);
  ASSERT_TRUE(cache.find(seccomp_cache_key(config)));
  // Root may read the entry of another user, and must not.
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    ASSERT_EQ(::chown(entry.path().c_str(), 1, 1), 0);
  }
  EXPECT_FALSE(cache.find(seccomp_cache_key(config)));
  cache.keep(seccomp_cache_key(config), compile_seccomp(config, "")->program);
  EXPECT_TRUE(cache.find(seccomp_cache_key(config)));
  ASSERT_EQ(::chown(directory.c_str(), 1, 1), 0);
  EXPECT_FALSE(cache.find(seccomp_cache_key(config)));
  std::filesystem::remove_all(directory);
}

// An agent's listening socket in a directory of its own; the path is longer than sun_path.
class Agent {
 public:
  Agent() {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    const std::string deep = directory_ + "/" + std::string(120, 'd');
    EXPECT_EQ(::mkdir(deep.c_str(), 0700), 0);
    path_ = deep + "/agent";
    socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const UniqueFd place(::open(deep.c_str(), O_PATH | O_CLOEXEC));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "/proc/self/fd/" + std::to_string(place.get()) + "/agent";
    std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_.get(), 1), 0);
  }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  ~Agent() { std::filesystem::remove_all(directory_); }
  [[nodiscard]] const std::string& path() const { return path_; }

  // One connection to its end: the text, and the descriptors of the first message.
  [[nodiscard]] std::string receive(UniqueFd& descriptor) const {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 20000) != 1) return "nobody came";
    const UniqueFd stream(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string text;
    while (true) {
      std::array<char, 64> bytes{};
      alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
      iovec part{bytes.data(), bytes.size()};
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      const ssize_t count = ::recvmsg(stream.get(), &message, MSG_CMSG_CLOEXEC);
      if (count <= 0) return text;
      if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
        EXPECT_TRUE(text.empty()) << "only the first message has a descriptor";
        int number = -1;
        std::memcpy(&number, CMSG_DATA(header), sizeof number);
        descriptor.reset(number);
      }
      text.append(bytes.data(), static_cast<std::size_t>(count));
    }
  }

 private:
  std::string directory_ = "/tmp/seccomp_agent.XXXXXX";
  std::string path_;
  UniqueFd socket_;
};

TEST(SeccompListenerRootTest, AnAgentAnswersACallOfTheContainer) {
  const Agent agent;
  Seccomp config = profile("SCMP_ACT_ALLOW", {rule({"mkdir"}, "SCMP_ACT_NOTIFY")});
  config.listener_path = agent.path();
  config.listener_metadata = "who=test";
  const auto filter = compile_seccomp(config, "");
  ASSERT_TRUE(filter) << filter.error().sentence();
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::alarm(20);  // a broken test must not wait for ever
    const auto listener = load_filter(filter->program, filter->flags);
    if (!listener || !listener->valid()) ::_exit(kNotLoaded);
    if ((::fcntl(listener->get(), F_GETFD) & FD_CLOEXEC) == 0) ::_exit(254);
    const auto state = seccomp_process_state(config, ::getpid(),
                                             R"({"ociVersion":"1.2.0","id":"c","bundle":"/b"})");
    if (!state || !send_seccomp_listener(config.listener_path, listener->get(), *state)) {
      ::_exit(253);
    }
    ::_exit(::syscall(SYS_mkdir, "/proc/never", 0700) < 0 ? errno : 0);
  }
  UniqueFd listener;
  const auto state = nlohmann::json::parse(agent.receive(listener), nullptr, false);
  ASSERT_TRUE(state.is_object());
  EXPECT_EQ(state["ociVersion"], "1.2.0");
  EXPECT_EQ(state["fds"], nlohmann::json::parse(R"(["seccompFd"])"));
  EXPECT_EQ(state["pid"], child);
  EXPECT_EQ(state["metadata"], "who=test");
  EXPECT_EQ(state["state"]["id"], "c");
  ASSERT_TRUE(listener.valid());
  seccomp_notif call{};
  ASSERT_EQ(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &call), 0);
  EXPECT_EQ(call.data.nr, SYS_mkdir);
  EXPECT_EQ(call.pid, static_cast<unsigned>(child));
  seccomp_notif_resp reply{.id = call.id, .val = 0, .error = -EXDEV, .flags = 0};
  ASSERT_EQ(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &reply), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), EXDEV);
}

TEST(SeccompListenerRootTest, AnAgentThatIsNotThereIsNamed) {
  const auto refusal = [](const std::string& path) {
    const Step sent = send_seccomp_listener(path, STDIN_FILENO, "{}");
    return sent ? "sent" : sent.error().sentence();
  };
  EXPECT_EQ(refusal("/no/agent"),
            "cannot start: seccomp: linux.seccomp.listenerPath /no/agent cannot be opened: No such "
            "file or directory");
  EXPECT_NE(refusal("/dev/null").find("/dev/null is not a listening stream socket"),
            std::string::npos);
  EXPECT_NE(refusal("").find("cannot be opened"), std::string::npos);
}

TEST(SeccompListenerRootTest, ALongStateArrivesWhole) {
  const Agent agent;
  const std::string text(1U << 20U, 'x');
  const pid_t child = ::fork();
  if (child == 0) ::_exit(send_seccomp_listener(agent.path(), STDIN_FILENO, text) ? 0 : 1);
  UniqueFd descriptor;
  EXPECT_EQ(agent.receive(descriptor), text);
  EXPECT_TRUE(descriptor.valid());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace cgwarden::launcher
