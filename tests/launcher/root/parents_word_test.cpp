#include "launcher/parents_word.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "launcher/network_ahead.h"
#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

// A child that mounts while its parent still writes down that there is one.
namespace cgwarden::launcher {
namespace {

namespace fs = std::filesystem;

// spawn() with a `prepare`; the child has been reaped afterwards. "started", or what went wrong.
std::string outcome(const Spec& spec,
                    const std::function<StepResult<std::string>(pid_t)>& prepare) {
  std::optional<NetworkAhead> network;
  if (NetworkAhead::fits(spec)) network.emplace();
  SpawnRequest request;
  request.spec = &spec;
  request.network = network ? &*network : nullptr;
  request.mounts_meanwhile = true;
  request.prepare = prepare;
  const auto spawned = spawn(request);
  if (!spawned) return spawned.error().stage;
  (void)wait_for(spawned->pid);
  return "started";
}

// Time enough for a child that does not wait.
void linger() { ::usleep(50'000); }

TEST(ParentsWord, IsWaitedForBeforeTheCommandRuns) {
  const Rootfs rootfs;
  bool early = false;
  const std::string ran = rootfs.path("/data/ran");
  EXPECT_EQ(outcome(shell_spec(rootfs, "touch /data/ran"),
                    [&](pid_t) -> StepResult<std::string> {
                      linger();
                      early = fs::exists(ran);
                      return "{}";
                    }),
            "started");
  EXPECT_FALSE(early);
  EXPECT_TRUE(fs::exists(ran));
}

TEST(ParentsWord, IsWaitedForBeforeHooksInTheContainer) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "true");
  const std::string ran = rootfs.path("/data/hook");
  Hook& hook = spec.hooks.create_container.emplace_back();
  hook.path = "/bin/sh";
  hook.args = {"sh", "-c", "cat > " + ran};
  bool early = false;
  EXPECT_EQ(outcome(spec,
                    [&](pid_t) -> StepResult<std::string> {
                      linger();
                      early = fs::exists(ran);
                      return "the state";
                    }),
            "started");
  EXPECT_FALSE(early);
  EXPECT_EQ(fs::file_size(ran), std::string("the state").size());
}

// The report of the child is not lost with the word that it has not read.
TEST(ParentsWord, AMountThatFailsMeanwhileIsReported) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "true");
  spec.mounts.insert(
      spec.mounts.begin(),
      {.destination = "/data", .type = "tmpfs", .source = "tmpfs", .options = {"nonsense"}});
  EXPECT_EQ(outcome(spec,
                    [](pid_t) -> StepResult<std::string> {
                      linger();
                      return "{}";
                    }),
            "mount");
}

TEST(ParentsWord, AParentThatGivesUpHasItsOwnError) {
  const Rootfs rootfs;
  EXPECT_EQ(outcome(shell_spec(rootfs, "touch /data/ran"),
                    [](pid_t) -> StepResult<std::string> {
                      linger();
                      return std::unexpected(LaunchError{"state", 0, "the disk is full"});
                    }),
            "state");
  EXPECT_FALSE(fs::exists(rootfs.path("/data/ran")));
}

// As the kernel answers who has too many descriptors under way (unix(7)).
bool refuse_to_send() {
  std::array<sock_filter, 5> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ETOOMANYREFS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{.len = filter.size(), .filter = filter.data()};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

// Both would wait for each other, with all signals blocked.
TEST(ParentsWord, ThatCannotBeSentIsAnError) {
  const Rootfs rootfs;
  EXPECT_EQ(in_child([&] {
              // Once the child is there.
              const auto refusing = [](pid_t) -> StepResult<std::string> {
                return refuse_to_send() ? "{}" : "no filter";
              };
              return outcome(shell_spec(rootfs, "touch /data/ran"), refusing);
            }),
            "clone");
  EXPECT_FALSE(fs::exists(rootfs.path("/data/ran")));
}

// Who shares the pid namespace may read /proc/PID/net of the child, whoever he is, and keep what he
// has opened there.
TEST(ParentsWord, IsNotWaitedForInTheHostsNetworkWhereOthersSeeTheChild) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "true");
  for (Namespace& entry : spec.namespaces) {
    if (entry.type == NamespaceType::pid) entry.path = "/proc/self/ns/pid";
  }
  std::string seen;
  EXPECT_EQ(outcome(spec,
                    [&](pid_t child) -> StepResult<std::string> {
                      const std::string process = "/proc/" + std::to_string(child);
                      seen = fs::read_symlink(process + "/ns/net");
                      return "{}";
                    }),
            "started");
  EXPECT_THAT(seen, testing::StartsWith("net:["));
  EXPECT_NE(seen, fs::read_symlink("/proc/self/ns/net").string());
}

}  // namespace
}  // namespace cgwarden::launcher
