#include "launcher/exec.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"

namespace cgwarden::launcher {
namespace {

class ExecTest : public testing::Test {
 protected:
  ExecTest() {
    std::string pattern = testing::TempDir() + "cgwarden-exec-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    for (const char* name : {"/a", "/b"}) std::filesystem::create_directory(directory_ + name);
  }
  ~ExecTest() override { std::filesystem::remove_all(directory_); }

  std::string file(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string path = directory_ + name;
    EXPECT_TRUE(write_file_atomically(path, text));
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  [[nodiscard]] std::string path_variable() const {
    return "PATH=" + directory_ + "/none:relative:" + directory_ + "/a:" + directory_ + "/b";
  }
  std::string directory_;
};

// Runs exec_command in a child: its exit code, or the sentence with which it failed.
std::string run(const std::vector<std::string>& args, const std::vector<std::string>& env) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    const LaunchError error = exec_command(args, env);
    (void)write_all(write_end.get(), error.sentence(), "pipe");
    ::_exit(error.exit_code());
  }
  write_end.reset();
  const std::string sentence = read_all(read_end.get(), "pipe", 10000).value();
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return sentence.empty() ? "exited " + std::to_string(WEXITSTATUS(status))
                          : sentence + " [" + std::to_string(WEXITSTATUS(status)) + "]";
}

TEST_F(ExecTest, FirstRunnableFileOfPathWins) {
  file("/a/tool", "#!/bin/sh\nexit 3\n", 0755);
  file("/b/tool", "#!/bin/sh\nexit 4\n", 0755);
  EXPECT_EQ(run({"tool"}, {path_variable()}), "exited 3");
}

TEST_F(ExecTest, AFileWithoutPermissionIsPassedOverButRemembered) {
  file("/a/tool", "#!/bin/sh\nexit 3\n", 0644);
  EXPECT_EQ(run({"tool"}, {path_variable()}),
            "cannot start: exec: " + directory_ +
                "/a/tool is not executable; chmod +x it: Permission denied [126]");
  file("/b/tool", "#!/bin/sh\nexit 4\n", 0755);
  EXPECT_EQ(run({"tool"}, {path_variable()}), "exited 4");
}

TEST_F(ExecTest, NotFoundNamesThePathThatWasSearched) {
  EXPECT_EQ(run({"tool"}, {"PATH=/x:/y"}),
            "cannot start: exec: tool: executable file not found in $PATH: it is in no directory "
            "of PATH (/x:/y) inside the root file "
            "system: No such file or directory [127]");
  EXPECT_EQ(run({"/x/tool"}, {}),
            "cannot start: exec: /x/tool inside the root file system: No such file or directory "
            "[127]");
}

TEST_F(ExecTest, AMissingInterpreterIsNotAMissingFile) {
  const std::string script = file("/a/script", "#! /no/such/shell -e\n", 0755);
  EXPECT_EQ(run({script}, {}), "cannot start: exec: " + script +
                                   " exists, but its interpreter /no/such/shell is not in the root "
                                   "file system: No such file or directory [127]");
  EXPECT_EQ(run({"script"}, {path_variable()}),
            "cannot start: exec: " + script +
                " exists, but its interpreter /no/such/shell is not in the root file system: No "
                "such file or directory [127]");
}

TEST_F(ExecTest, AMissingElfLoaderIsNamed) {
  std::string program = read_file("/proc/self/exe", 1U << 30U).value();
  const std::size_t at = program.find("/lib64/ld-");
  ASSERT_NE(at, std::string::npos);
  program.replace(at, 10, "/nolib/ld-");
  const std::string path = file("/a/program", program, 0755);
  EXPECT_THAT(run({path}, {}),
              testing::HasSubstr("/a/program exists, but its interpreter /nolib/ld-"));
}

TEST_F(ExecTest, DirectoriesGarbageAndDanglingLinks) {
  EXPECT_EQ(run({directory_ + "/a"}, {}),
            "cannot start: exec: " + directory_ + "/a is a directory: Permission denied [126]");
  // execvp(3) would hand this to /bin/sh, which would even run it.
  const std::string garbage = file("/a/garbage", "exit 9\n", 0755);
  EXPECT_EQ(run({garbage}, {}), "cannot start: exec: " + garbage +
                                    " is neither a program for this machine nor a script that "
                                    "begins with #!: Exec format error [126]");
  const std::string empty = file("/a/empty", "", 0755);
  EXPECT_THAT(run({empty}, {}), testing::HasSubstr("Exec format error [126]"));
  std::filesystem::create_symlink("/no/where", directory_ + "/a/link");
  EXPECT_THAT(run({directory_ + "/a/link"}, {}),
              testing::HasSubstr("is a symbolic link to nothing"));
}

TEST_F(ExecTest, CandidatesAndSearchPath) {
  EXPECT_EQ(search_path({"A=1", "PATH=/x"}), "/x");
  EXPECT_EQ(search_path({"XPATH=/x"}), kDefaultPath);
  EXPECT_THAT(exec_candidates("t", "/x:/y/::rel:"), testing::ElementsAre("/x/t", "/y/t"));
  EXPECT_THAT(exec_candidates("./t", "/x"), testing::ElementsAre("./t"));
  EXPECT_TRUE(exec_candidates("", "/x").empty());
}

TEST(LaunchErrorTest, ExitCodesFollowTheShell) {
  EXPECT_EQ((LaunchError{"exec", ENOENT, ""}.exit_code()), 127);
  EXPECT_EQ((LaunchError{"exec", EACCES, ""}.exit_code()), 126);
  EXPECT_EQ((LaunchError{"exec", ENOEXEC, ""}.exit_code()), 126);
  EXPECT_EQ((LaunchError{"rootfs", ENOENT, ""}.exit_code()), 125);
  EXPECT_EQ((LaunchError{"mount", 0, "x"}.sentence()), "cannot start: mount: x");
}

}  // namespace
}  // namespace cgwarden::launcher
