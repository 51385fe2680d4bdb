#include "launcher/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.h"

namespace cgwarden::launcher {
namespace {

class HooksTest : public testing::Test {
 protected:
  HooksTest() {
    directory_ = testing::TempDir() + "cgwarden-hooks-XXXXXX";
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  ~HooksTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string file(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] std::string text(const std::string& name) const {
    return read_file(file(name), 1U << 20U).value_or("(absent)");
  }
  [[nodiscard]] static Hook shell(const std::string& script) {
    Hook hook;
    hook.path = "/bin/sh";
    hook.args = {"sh", "-c", script};
    return hook;
  }
  [[nodiscard]] static std::string run(const std::vector<Hook>& hooks) {
    const Step step = run_hooks(hooks, "createRuntime", R"({"id":"box"})");
    return step ? "done" : step.error().sentence();
  }

 private:
  std::string directory_;
};

TEST_F(HooksTest, StateEnvironmentAndArguments) {
  ::setenv("CGWARDEN_LEAK", "1", 1);
  Hook hook =
      shell("cat > " + file("state") + "; echo \"$0 $A ${CGWARDEN_LEAK-none}\" > " + file("seen"));
  hook.args[0] = "given-name";
  hook.args.emplace_back("zero");
  hook.env = {"A=b c", "PATH=/bin:/usr/bin"};
  EXPECT_EQ(run({hook, shell(": > " + file("second"))}), "done");
  ::unsetenv("CGWARDEN_LEAK");
  EXPECT_EQ(text("state"), R"({"id":"box"})");
  EXPECT_EQ(text("seen"), "zero b c none\n");
  EXPECT_EQ(text("second"), "");
}

TEST_F(HooksTest, WithoutAnEnvironmentItHasTheCallersOrTheOneGiven) {
  Hook hook = shell("echo ${CGWARDEN_LEAK-none} > " + file("seen"));
  ::setenv("CGWARDEN_LEAK", "mine", 1);
  EXPECT_EQ(run({hook}), "done");
  EXPECT_EQ(text("seen"), "mine\n");
  const std::vector<std::string> other{"CGWARDEN_LEAK=theirs"};
  EXPECT_TRUE(run_hooks({hook}, "startContainer", "{}", &other));
  EXPECT_EQ(text("seen"), "theirs\n");
  // "env": [] is an environment, an empty one.
  hook.empty_env = true;
  EXPECT_TRUE(run_hooks({hook}, "startContainer", "{}", &other));
  ::unsetenv("CGWARDEN_LEAK");
  EXPECT_EQ(text("seen"), "none\n");
}

TEST_F(HooksTest, WithoutArgumentsThePathIsTheName) {
  Hook hook;
  hook.path = "/bin/true";
  EXPECT_EQ(run({hook}), "done");
}

TEST_F(HooksTest, AFailureEndsItAndIsNamed) {
  EXPECT_EQ(run({shell("echo first >&2; echo 'the last words' >&2; exit 7"),
                 shell(": > " + file("second"))}),
            "cannot start: createRuntime: error running createRuntime hook #0: /bin/sh ended with "
            "exit code 7: the last words");
  EXPECT_EQ(text("second"), "(absent)");
  EXPECT_EQ(run({shell("kill -9 $$")}),
            "cannot start: createRuntime: error running createRuntime hook #0: /bin/sh was killed "
            "by signal 9 (killed)");
  Hook hook;
  hook.path = "/no/such/hook";
  EXPECT_EQ(run({shell(":"), hook}),
            "cannot start: createRuntime: error running createRuntime hook #1: /no/such/hook "
            "cannot be executed: No such file "
            "or directory");
  hook.path = "relative";
  EXPECT_EQ(run({hook}),
            "cannot start: createRuntime: error running createRuntime hook #0: relative is not an "
            "absolute path");
  hook.path = "/bin/true";
  hook.timeout_sec = 0;
  EXPECT_EQ(run({hook}),
            "cannot start: createRuntime: error running createRuntime hook #0: /bin/true has a "
            "timeout of 0 seconds");
}

TEST_F(HooksTest, UnreadStateAndMuchOutputDoNotBlock) {
  const std::string state(1U << 20U, 'x');
  Hook hook =
      shell("i=0; while [ $i -lt 20000 ]; do echo 0123456789 >&2; echo x; i=$((i+1)); done");
  EXPECT_TRUE(run_hooks({hook}, "poststop", state));
}

TEST_F(HooksTest, ADaemonThatKeepsStderrIsNotWaitedFor) {
  Hook hook = shell("sleep 1000 & echo $! > " + file("pid"));
  hook.env = {"PATH=/bin:/usr/bin"};
  EXPECT_EQ(run({hook}), "done");
  const auto daemon = static_cast<pid_t>(std::atol(text("pid").c_str()));
  ASSERT_GT(daemon, 1) << text("pid");
  EXPECT_EQ(::kill(daemon, SIGKILL), 0);
}

TEST_F(HooksTest, NoDescriptorOfTheCallerIsInherited) {
  const int leaky = ::dup(1);
  Hook hook = shell("ls /proc/self/fd > " + file("fds"));
  hook.env = {"PATH=/bin:/usr/bin"};
  EXPECT_EQ(run({hook}), "done");
  ::close(leaky);
  EXPECT_EQ(text("fds"), "0\n1\n2\n3\n");  // 3 is the directory that ls reads
}

}  // namespace
}  // namespace cgwarden::launcher
