#include "launcher/parents_word.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "launcher/network_ahead.h"
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

}  // namespace
}  // namespace cgwarden::launcher
