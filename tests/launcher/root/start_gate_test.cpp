#include "launcher/start_gate.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/launcher/root/hostile.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

// A command that stands before its gate, as `create` leaves it.
class Waiting {
 public:
  explicit Waiting(const Spec& spec) {
    directory_.reset(::open(state_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    UniqueFd gate = make_gate(directory_.get()).value();
    SpawnRequest request;
    request.spec = &spec;
    request.start_gate = gate.get();
    auto spawned = spawn(request);
    if (!spawned) {
      ADD_FAILURE() << spawned.error().sentence();
      std::abort();  // kill(2) of -1 is everybody
    }
    spawned_ = std::move(*spawned);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    if (spawned_.pid < 0) return;
    ::kill(spawned_.pid, SIGKILL);
    ::waitpid(spawned_.pid, nullptr, 0);
  }
  void signal(int number) const {
    ASSERT_GT(spawned_.pid, 0);
    ASSERT_EQ(::kill(spawned_.pid, number), 0);
  }
  [[nodiscard]] std::optional<LaunchError> start() const {
    return open_gate(directory_.get(), [](pid_t, const UniqueFd&) -> Step { return {}; });
  }
  // 128+signal when killed; -1: it has not ended.
  [[nodiscard]] int end() {
    pollfd watched{.fd = spawned_.pidfd.get(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, 20000) != 1) return -1;
    const WaitStatus status = wait_for(std::exchange(spawned_.pid, -1));
    return status.code == CLD_EXITED ? status.status : 128 + status.status;
  }

 private:
  HostDirectory state_;
  UniqueFd directory_;
  Spawned spawned_;
};

Spec without_pid_namespace(Spec spec) {
  std::erase_if(spec.namespaces,
                [](const Namespace& entry) { return entry.type == NamespaceType::pid; });
  return spec;
}

TEST(StartGate, ASignalEndsTheCommandThatWaits) {
  const Rootfs rootfs;
  const Spec spec = shell_spec(rootfs, "exit 9");
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGRTMIN}) {
    Waiting waiting(spec);
    waiting.signal(number);
    EXPECT_EQ(waiting.end(), 128 + number);
    const auto error = waiting.start();
    ASSERT_TRUE(error);
    EXPECT_EQ(error->stage, "start");
  }
  Waiting outside(without_pid_namespace(spec));
  outside.signal(SIGTERM);
  EXPECT_EQ(outside.end(), 128 + SIGTERM);
  Spec with_init = spec;
  with_init.init = true;
  Waiting below_init(with_init);
  below_init.signal(SIGTERM);
  EXPECT_EQ(below_init.end(), 128 + SIGTERM);
}

TEST(StartGate, ASignalWithoutADefaultActionDoesNot) {
  const Rootfs rootfs;
  for (const int number : {SIGWINCH, SIGCHLD, SIGURG, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU}) {
    Waiting waiting(shell_spec(rootfs, "exit 9"));
    waiting.signal(number);
    EXPECT_FALSE(waiting.start());
    EXPECT_EQ(waiting.end(), 9) << number;
  }
}

TEST(StartGate, WithoutNoNewPrivilegesTheWaitIsUnderTheFilter) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "exit 9");
  spec.process.no_new_privileges = false;
  Waiting waiting(spec);
  waiting.signal(SIGTERM);
  EXPECT_EQ(waiting.end(), 128 + SIGTERM);
}

// Whoever is about to be let through and is ended instead has not been started.
TEST(StartGate, TheSignalComesBeforeTheStart) {
  const Rootfs rootfs;
  Waiting waiting(shell_spec(rootfs, "exit 9"));
  waiting.signal(SIGSTOP);
  waiting.signal(SIGTERM);
  std::optional<LaunchError> error;
  std::thread starter([&] { error = waiting.start(); });
  waiting.signal(SIGCONT);
  starter.join();
  EXPECT_EQ(waiting.end(), 128 + SIGTERM);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->stage, "start");
}

Spec with_hook(const Rootfs& rootfs, const std::string& script) {
  Spec spec = shell_spec(rootfs, "cat /dev/shm/seen; echo runs");
  Hook hook;
  hook.path = "/bin/sh";
  hook.args = {"sh", "-c", script};
  spec.hooks.start_container = {hook};
  Seccomp profile;
  profile.default_action = "SCMP_ACT_ALLOW";
  profile.syscalls = {
      {.names = {"mkdir", "mkdirat"}, .action = "SCMP_ACT_ERRNO", .errno_ret = 1, .args = {}}};
  spec.seccomp_config = profile;
  return spec;
}

TEST(StartContainerHooks, RunConfinedAsTheCommandIs) {
  const Rootfs rootfs;
  const std::string show = "grep -E 'Seccomp:|NoNewPrivs|CapEff' /proc/self/status > /dev/shm/seen";
  for (const bool no_new_privileges : {true, false}) {
    Spec spec = with_hook(rootfs, show + "; mkdir /dev/shm/d 2>> /dev/shm/seen; true");
    spec.process.no_new_privileges = no_new_privileges;
    spec.process.capabilities = {.bounding = {"CAP_KILL"},
                                 .effective = {"CAP_KILL"},
                                 .inheritable = {},
                                 .permitted = {"CAP_KILL"},
                                 .ambient = {}};
    const Launched run = launch(spec);
    ASSERT_TRUE(run.started) << run.error.sentence();
    EXPECT_EQ(run.output, std::string("CapEff:\t0000000000000020\nNoNewPrivs:\t") +
                              (no_new_privileges ? "1" : "0") +
                              "\nSeccomp:\t2\nmkdir: can't create directory '/dev/shm/d': "
                              "Operation not permitted\nruns\n");
  }
}

// An older one does not know the first, and answers that there is no such call.
TEST(StartContainerHooks, AProfileMayForbidWhatTheyAreWaitedForWith) {
  const Rootfs rootfs;
  for (const char* call : {"pidfd_open", "poll"}) {
    Spec spec = with_hook(rootfs, "echo hook > /dev/shm/seen");
    spec.seccomp_config->syscalls[0].names = {call};
    const Launched run = launch(spec);
    ASSERT_TRUE(run.started) << run.error.sentence();
    EXPECT_EQ(run.output, "hook\nruns\n") << call;
  }
}

TEST(StartContainerHooks, AProfileMayForbidWhatOnlyMarksDescriptors) {
  const Rootfs rootfs;
  Spec spec = with_hook(rootfs, "echo hook > /dev/shm/seen");
  spec.seccomp_config->syscalls[0].names = {"close_range"};
  const Launched run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "hook\nruns\n");
}

}  // namespace
}  // namespace cgwarden::launcher
