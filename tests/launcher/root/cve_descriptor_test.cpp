#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "tests/launcher/root/hostile.h"

// CVE-2024-21626: a descriptor of the host that the command or its working directory inherits is a
// way out of the container.
namespace cgwarden::launcher {
namespace {

using testing::StartsWith;
namespace fs = std::filesystem;

// Open directories of the host without close-on-exec, as a careless caller leaves them to us.
class Leaks {
 public:
  Leaks() {
    EXPECT_TRUE(write_file_atomically(host_.path("/mark"), "the host's\n"));
    for (int i = 0; i < 4; ++i) {
      fds_.emplace_back(::open(host_.path().c_str(), O_RDONLY | O_DIRECTORY));
    }
  }
  [[nodiscard]] int last() const { return fds_.back().get(); }

 private:
  HostDirectory host_;
  std::vector<UniqueFd> fds_;
};

std::string by_descriptor(const std::string& process, int fd) {
  return "/proc/" + process + "/fd/" + std::to_string(fd);
}

TEST(Cve202421626, RunDoesNotBeginInADescriptorOfTheHost) {
  const Leaks leaks;
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "cat mark");
  const auto begin_in = [&](const std::string& directory) {
    spec.process.cwd = directory;
    const auto run = launch(spec);
    EXPECT_FALSE(run.started) << directory << run.output;
    return run.error;
  };
  EXPECT_EQ(begin_in(by_descriptor("self", leaks.last())).sentence(),
            "cannot start: cwd: " + by_descriptor("self", leaks.last()) +
                " is outside of the root file system");
  for (int fd = 3; fd <= leaks.last() + 8; ++fd) {
    EXPECT_EQ(begin_in(by_descriptor("self", fd)).stage, "cwd") << fd;
  }
  EXPECT_EQ(begin_in(by_descriptor("self", leaks.last()) + "/..").stage, "cwd");
  // As WORKDIR of an image: through a link that the image has.
  fs::create_symlink(by_descriptor("thread-self", leaks.last()), rootfs.path("/work"));
  EXPECT_EQ(begin_in("/work").stage, "cwd");
}

TEST(Cve202421626, ExecDoesNotBeginInADescriptorOfTheHost) {
  const Leaks leaks;
  const Rootfs rootfs;
  fs::create_symlink(by_descriptor("self", leaks.last()), rootfs.path("/work"));
  const OciContainer container(shell_spec(rootfs, "exec sleep 1000"));
  const auto begin_in = [&](const std::string& directory) {
    const auto done = container.exec({"--cwd", directory}, {"/bin/cat", "mark"});
    EXPECT_EQ(done.exit_code, 255) << directory;
    EXPECT_THAT(done.output, StartsWith("cgwarden-oci: cannot start: cwd: " + directory));
  };
  // The runtime has let go of its caller's descriptors by then: the numbers are of its own.
  for (int fd = 3; fd <= leaks.last() + 8; ++fd) begin_in(by_descriptor("self", fd));
  begin_in("/work");
}

TEST(Cve202421626, TheCommandInheritsNoDescriptor) {
  const Leaks leaks;
  const Rootfs rootfs;
  const char* const script = "exec ls /proc/self/fd";
  const char* const own = "0\n1\n2\n3\n";  // 3 is the directory that ls reads
  EXPECT_EQ(launch(rootfs, script).output, own);
  const OciContainer container(shell_spec(rootfs, "exec sleep 1000"));
  EXPECT_EQ(container.exec(script).output, own);
}

// And nobody in the container reaches the descriptors that the runtime itself has open while it
// joins: it is not to be looked into until its execve(2), and then they are closed.
TEST(Cve202421626, TheRuntimesOwnDescriptorsAreOutOfReach) {
  const Leaks leaks;
  const Rootfs rootfs;
  const OciContainer container(shell_spec(rootfs, "exec sleep 1000"));
  // Until it is killed, whatever new process there is.
  Running thief(container.exec_words(
      {}, {"/bin/sh", "-c",
           "while [ ! -e /data/end ]; do cat /proc/[0-9]*/fd/*/mark /proc/[0-9]*/cwd/mark; done "
           "2> /dev/null"}));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(container.exec("true").exit_code, 0);
  rootfs.write("/data/end", "");
  const auto stolen = thief.wait();
  EXPECT_EQ(stolen.output, "");
}

// What a caller leaves open is nothing that a process of the container can take from the child on
// its way: here the container's own hook, which may trace.
TEST(Cve202421626, AHookInTheContainerFindsNoDescriptorOfTheCallers) {
  const Leaks leaks;
  const Rootfs rootfs;
  const HostDirectory bundle;
  Spec spec = shell_spec(rootfs, "cat /data/found");
  auto& sets = spec.process.capabilities;
  for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted}) {
    *set = default_capabilities();
    set->emplace_back("CAP_SYS_PTRACE");
  }
  Hook& hook = spec.hooks.start_container.emplace_back();
  hook.path = "/bin/sh";
  hook.args = {"sh", "-c", "for i in /proc/1/fd/*; do cat $i/mark; done >/data/found 2>&1; true"};
  ASSERT_TRUE(write_file_atomically(bundle.path("/config.json"), to_config(spec)));
  const auto said = Running({runtime_program(), "--cgroup-manager", "disabled", "--root",
                             bundle.path("/state"), "run", "--bundle", bundle.path(), "leaked"})
                        .wait();
  EXPECT_EQ(said.exit_code, 0) << said.output;
  EXPECT_THAT(said.output, testing::Not(testing::HasSubstr("the host's")));
}

// The first file that a program opens gets the number of a stream that its caller has closed.
TEST(Cve202421626, ClosedStreamsOfTheCallerAreTheNullDevice) {
  const Rootfs rootfs;
  const HostDirectory bundle;
  const Spec spec =
      shell_spec(rootfs, "for i in 0 1 2; do readlink /proc/self/fd/$i; done >/data/streams; true");
  ASSERT_TRUE(write_file_atomically(bundle.path("/config.json"), to_config(spec)));
  const std::string run = runtime_program() + " --cgroup-manager disabled --log " +
                          bundle.path("/log") + " --root " + bundle.path("/state") +
                          " run --bundle " + bundle.path() + " closed ";
  for (const char* closed : {"<&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"}) {
    const auto said = Running({"/bin/sh", "-c", "exec " + run + closed}).wait();
    EXPECT_EQ(said.exit_code, 0) << closed << said.output;
    const std::string streams = read_file(rootfs.path("/data/streams"), 4096).value_or("");
    EXPECT_THAT(streams, StartsWith("/dev/null\n")) << closed;
    if (std::string_view(closed).ends_with("2>&-")) {
      EXPECT_THAT(streams, testing::EndsWith("\n/dev/null\n")) << closed;
    }
  }
}

}  // namespace
}  // namespace cgwarden::launcher
