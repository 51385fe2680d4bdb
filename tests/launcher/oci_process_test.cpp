#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/launcher/config_text.h"

// "process" of config.json.
namespace cgwarden::launcher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(OciProcessTest, EveryPropertyIsRead) {
  const Process process =
      parsed(document(R"(,"terminal":true,"consoleSize":{"height":25,"width":80},
    "user":{"uid":1,"gid":2,"umask":63,"additionalGids":[5,6]},"env":["A=b=c"],
    "capabilities":{"bounding":["CAP_KILL"],"permitted":["CAP_CHOWN"],"inheritable":["CAP_FOWNER"],
      "effective":["CAP_SETUID"],"ambient":["CAP_SETGID"]},
    "rlimits":[{"type":"RLIMIT_NOFILE","soft":1024,"hard":18446744073709551615}],
    "noNewPrivileges":true,"oomScoreAdj":-1000,"apparmorProfile":"acme","selinuxLabel":"a:b:c:s0",
    "scheduler":{"policy":"SCHED_DEADLINE","nice":-5,"priority":7,"flags":["SCHED_FLAG_RECLAIM"],
      "runtime":1,"deadline":2,"period":3},
    "ioPriority":{"class":"IOPRIO_CLASS_IDLE","priority":4},
    "execCPUAffinity":{"initial":"0-3,7","final":"1"})",
                      ""))
          .process;
  EXPECT_TRUE(process.terminal);
  EXPECT_EQ(process.console_size, (ConsoleSize{.height = 25, .width = 80}));
  EXPECT_EQ(process.user, (User{.uid = 1, .gid = 2, .additional_gids = {5, 6}, .umask = 077}));
  EXPECT_THAT(process.env, ElementsAre("A=b=c"));
  EXPECT_EQ(process.capabilities, (Capabilities{.bounding = {"CAP_KILL"},
                                                .effective = {"CAP_SETUID"},
                                                .inheritable = {"CAP_FOWNER"},
                                                .permitted = {"CAP_CHOWN"},
                                                .ambient = {"CAP_SETGID"}}));
  EXPECT_THAT(process.rlimits, ElementsAre(Rlimit{"RLIMIT_NOFILE", 1024, ~0ULL}));
  EXPECT_TRUE(process.no_new_privileges);
  EXPECT_EQ(process.oom_score_adj, -1000);
  EXPECT_EQ(process.apparmor_profile, "acme");
  EXPECT_EQ(process.selinux_label, "a:b:c:s0");
  EXPECT_EQ(process.scheduler, (Scheduler{.policy = "SCHED_DEADLINE",
                                          .nice = -5,
                                          .priority = 7,
                                          .flags = {"SCHED_FLAG_RECLAIM"},
                                          .runtime_nsec = 1,
                                          .deadline_nsec = 2,
                                          .period_nsec = 3}));
  EXPECT_EQ(process.io_priority, (IoPriority{.io_class = "IOPRIO_CLASS_IDLE", .priority = 4}));
  EXPECT_EQ(process.exec_cpu_affinity, (CpuAffinity{.initial = "0-3,7", .settled = "1"}));
}

TEST(OciProcessTest, TheConsoleSizeIsIgnoredWithoutATerminal) {
  EXPECT_FALSE(parsed(document(R"(,"consoleSize":{"height":25})", "")).process.console_size);
}

TEST(OciProcessTest, CapabilitiesThatNoKernelHasAreWarnedAbout) {
  const std::string text =
      document(R"(,"capabilities":{"bounding":["CAP_KILL","CAP_FLY","CAP_CHOWN"]})", "");
  EXPECT_THAT(parsed(text).process.capabilities.bounding, ElementsAre("CAP_KILL", "CAP_CHOWN"));
  EXPECT_THAT(warnings_of(text), ElementsAre(HasSubstr("process.capabilities.bounding names "
                                                       "CAP_FLY")));
}

TEST(OciProcessTest, BadValuesAreRefusedByName) {
  const Refusal cases[] = {
      {R"("env":[1])", "process.env[0] must be a string"},
      {R"("env":["A=\u0000"])", "process.env[0] may not contain a zero byte"},
      {R"("terminal":"yes")", "process.terminal must be true or false"},
      {R"("terminal":true,"consoleSize":{"height":25})", "process.consoleSize.width is missing"},
      {R"("terminal":true,"consoleSize":{"height":-1,"width":1})",
       "process.consoleSize.height must be a whole number in range"},
      {R"("user":{"uid":-1})", "process.user.uid must be a whole number in range"},
      {R"("user":{"uid":4294967296})", "process.user.uid must be a whole number in range"},
      {R"("user":{"uid":1.0})", "process.user.uid must be a whole number in range"},
      {R"("user":{"umask":512})", "process.user.umask must be at most 0777"},
      {R"("user":{"additionalGids":[1,-1]})",
       "process.user.additionalGids[1] must be a whole number in range"},
      {R"("user":"root")", "process.user must be an object"},
      {R"("capabilities":{"ambient":"CAP_KILL"})", "process.capabilities.ambient must be an array"},
      {R"("rlimits":[{"type":"RLIMIT_X","soft":1,"hard":1}])",
       "process.rlimits[0].type is not a resource limit"},
      {R"("rlimits":[{"type":"RLIMIT_CPU","soft":1}])", "process.rlimits[0].hard is missing"},
      {R"("rlimits":[{"type":"RLIMIT_CPU","soft":1,"hard":1},{"type":"RLIMIT_CPU","soft":1,"hard":1}])",
       "process.rlimits[1].type stands twice"},
      {R"("rlimits":[{"type":"RLIMIT_CPU","soft":-1,"hard":1}])",
       "process.rlimits[0].soft must be a whole number in range"},
      {R"("oomScoreAdj":1001)", "process.oomScoreAdj must be between -1000 and 1000"},
      {R"("scheduler":{"nice":1})", "process.scheduler.policy is missing"},
      {R"("scheduler":{"policy":"SCHED_FIFO","priority":2147483648})",
       "process.scheduler.priority must be a whole number in range"},
      {R"("ioPriority":{"class":"IOPRIO_CLASS_NONE"})",
       "process.ioPriority.class is not an I/O scheduling class"},
      {R"("ioPriority":{"class":"IOPRIO_CLASS_BE","priority":8})",
       "process.ioPriority.priority must be between 0 and 7"},
      {R"("execCPUAffinity":{"final":1})", "process.execCPUAffinity.final must be a string"},
      {R"("apparmorProfile":false)", "process.apparmorProfile must be a string"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(refusal(document("," + one.json, "")), says(one.fault));
  }
}

TEST(OciProcessTest, ACommandAndADirectoryAreRequired) {
  const auto with = [](const std::string& process) {
    return R"({"ociVersion":"1.2.0","root":{"path":"/r"},"process":)" + process + "}";
  };
  EXPECT_EQ(refusal(with("{}")), says("process.args must name a command"));
  EXPECT_EQ(refusal(with(R"({"args":[],"cwd":"/"})")), says("process.args must name a command"));
  EXPECT_EQ(refusal(with(R"({"args":["a"]})")), says("process.cwd is missing"));
  EXPECT_EQ(refusal(with(R"({"args":["a"],"cwd":"tmp"})")),
            says("process.cwd must be an absolute path"));
}

TEST(OciProcessTest, ParsedAloneItHasTheSameNames) {
  std::vector<std::string> warnings;
  const auto process = parse_process(
      R"({"args":["id"],"cwd":"/tmp","capabilities":{"bounding":["CAP_FLY"]}})", "p", &warnings);
  ASSERT_TRUE(process) << process.error().sentence();
  EXPECT_THAT(process->args, ElementsAre("id"));
  EXPECT_EQ(process->cwd, "/tmp");
  EXPECT_FALSE(process->no_new_privileges);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("process.capabilities.bounding")));
  const auto refused = parse_process(R"({"args":["id"],"cwd":"x"})", "process.json");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().sentence(),
              HasSubstr("process.json: process.cwd must be an absolute path"));
  EXPECT_FALSE(parse_process("[]", "process.json"));
}

}  // namespace
}  // namespace cgwarden::launcher
