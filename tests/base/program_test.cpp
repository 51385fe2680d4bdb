#include "base/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "base/file.h"

namespace cgwarden {
namespace {

// What `script` wrote to its descriptor 3; descriptor 4 is `other`.
std::string output_of(const std::string& script, Program program = {}) {
  const UniqueFd output = memory_file("").value();
  const UniqueFd other = memory_file("other").value();
  program.path = "/bin/sh";
  program.words = {"sh", "-c", script};
  program.descriptors.push_back(output.get());
  program.descriptors.push_back(other.get());
  const auto pid = start_program(program);
  if (!pid) return pid.error().sentence();
  int status = 0;
  EXPECT_EQ(::waitpid(*pid, &status, 0), *pid);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(::lseek(output.get(), 0, SEEK_SET), 0);
  return read_all(output.get(), "output", 4096).value();
}

TEST(ProgramTest, HasTheDescriptorsNamedAndNoOthers) {
  const UniqueFd leaked(::fcntl(STDERR_FILENO, F_DUPFD, 20));  // without close-on-exec
  EXPECT_EQ(
      output_of("for fd in 0 1 2; do [ /proc/$$/fd/$fd -ef /dev/null ] && echo null >&3; done"),
      "null\nnull\nnull\n");
  EXPECT_EQ(output_of("cat <&4 >&3"), "other");
  EXPECT_EQ(output_of("[ -e /proc/$$/fd/" + std::to_string(leaked.get()) + " ] || echo closed >&3"),
            "closed\n");
}

// Last words first: the child asks for its limit only when it is told to.
TEST(ProgramTest, RaisedOpenFilesAreOursAlone) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 256;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_open_files(512), 512U);
  EXPECT_EQ(raise_open_files(300), 512U);
  int gate[2];
  ASSERT_EQ(::pipe2(gate, O_CLOEXEC), 0);
  const UniqueFd output = memory_file("").value();
  const auto pid =
      start_program({.path = "/bin/sh",
                     .words = {"sh", "-c", "read word; ulimit -Sn >&3"},
                     .environment = {},
                     .descriptors = {gate[0], Program::kNull, Program::kNull, output.get()}});
  ASSERT_TRUE(pid) << pid.error().sentence();
  EXPECT_EQ(::write(gate[1], "go\n", 3), 3);
  int status = 0;
  EXPECT_EQ(::waitpid(*pid, &status, 0), *pid);
  EXPECT_EQ(::lseek(output.get(), 0, SEEK_SET), 0);
  EXPECT_EQ(read_all(output.get(), "output", 4096).value(), "256\n");
  ::close(gate[0]);
  ::close(gate[1]);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(ProgramTest, DescriptorsMayTradePlaces) {
  // The lowest numbers free, so that source and place overlap.
  const UniqueFd first = memory_file("first").value();
  const UniqueFd second = memory_file("second").value();
  const UniqueFd output = memory_file("").value();
  std::vector<int> places(static_cast<std::size_t>(std::max(first.get(), second.get())) + 1,
                          Program::kNull);
  places[1] = output.get();
  places[static_cast<std::size_t>(first.get())] = second.get();
  places[static_cast<std::size_t>(second.get())] = first.get();
  const std::string words =
      "cat <&" + std::to_string(first.get()) + "; cat <&" + std::to_string(second.get());
  const auto pid = start_program(
      {.path = "/bin/sh", .words = {"sh", "-c", words}, .environment = {}, .descriptors = places});
  ASSERT_TRUE(pid) << pid.error().sentence();
  ASSERT_EQ(::waitpid(*pid, nullptr, 0), *pid);
  ASSERT_EQ(::lseek(output.get(), 0, SEEK_SET), 0);
  EXPECT_EQ(read_all(output.get(), "output", 4096).value(), "secondfirst");
}

TEST(ProgramTest, HasTheEnvironmentGivenAlone) {
  EXPECT_EQ(
      output_of("echo $A ${HOME-none} >&3", {.path = {}, .words = {}, .environment = {"A=b"}}),
      "b none\n");
}

TEST(ProgramTest, HasNoSignalBlockedOrIgnored) {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  sigset_t before;
  ASSERT_EQ(::sigprocmask(SIG_BLOCK, &blocked, &before), 0);
  const auto handler = ::signal(SIGPIPE, SIG_IGN);
  // The C library keeps 32 and 33 for itself.
  EXPECT_EQ(output_of("sed -nE 's/^Sig(Blk|Ign):.*(.{7})$/\\2/p' /proc/self/status >&3"),
            "0000000\n0000000\n");
  ::signal(SIGPIPE, handler);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST(ProgramTest, OneThatIsNotThereIsAnError) {
  const auto pid = start_program({.path = "/no/such", .words = {"such"}, .environment = {}});
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().errno_value, ENOENT);
  EXPECT_EQ(pid.error().sentence(), "cannot start /no/such: No such file or directory");
}

TEST(ProgramTest, AGroupOfItsOwnWhenAsked) {
  const std::string show =
      "[ $(cut -d' ' -f5 /proc/$$/stat) = $$ ] && echo own >&3; "
      "[ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo session >&3";
  EXPECT_EQ(output_of(show), "");
  EXPECT_EQ(
      output_of(show, {.path = {}, .words = {}, .environment = {}, .group = Program::Group::own}),
      "own\n");
  EXPECT_EQ(
      output_of(show,
                {.path = {}, .words = {}, .environment = {}, .group = Program::Group::own_session}),
      "own\nsession\n");
}

}  // namespace
}  // namespace cgwarden
