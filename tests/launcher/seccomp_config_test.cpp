#include "launcher/seccomp_config.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <nlohmann/json.hpp>
#include <sys/syscall.h>

#include <cerrno>

#include "launcher/seccomp_program.h"
#include "launcher/seccomp_rules.h"
#include "launcher/seccomp_words.h"
#include "tests/launcher/bpf_machine.h"

namespace cgwarden::launcher {
namespace {

constexpr std::uint32_t kErrno = SECCOMP_RET_ERRNO;
constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kNative = AUDIT_ARCH_X86_64;

Seccomp profile(std::string default_action, std::vector<SeccompRule> rules) {
  Seccomp config;
  config.default_action = std::move(default_action);
  config.syscalls = std::move(rules);
  return config;
}

SeccompRule rule(std::vector<std::string> names, std::string action,
                 std::vector<SeccompArgument> args = {},
                 std::optional<std::uint32_t> errno_ret = std::nullopt) {
  return {.names = std::move(names),
          .action = std::move(action),
          .errno_ret = errno_ret,
          .args = std::move(args)};
}

SeccompFilter compiled(const Seccomp& config) {
  auto filter = compile_seccomp(config, "");
  EXPECT_TRUE(filter) << filter.error().sentence();
  return filter ? *std::move(filter) : SeccompFilter{};
}

std::string seccomp_refusal(const Seccomp& config) {
  const auto filter = compile_seccomp(config, "");
  EXPECT_FALSE(filter);
  if (filter) return "compiled";
  EXPECT_EQ(filter.error().stage, "seccomp");
  EXPECT_EQ(filter.error().errno_value, 0);
  return filter.error().text;
}

TEST(SeccompConfigTest, EveryActionIsWhatTheKernelCallsIt) {
  const std::pair<const char*, std::uint32_t> actions[] = {
      {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
      {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
      {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
      {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
      {"SCMP_ACT_ERRNO", kErrno | EPERM},
      {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE | EPERM},
      {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
      {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
  };
  for (const auto& [word, value] : actions) {
    Seccomp config = profile("SCMP_ACT_ALLOW", {rule({"mkdir"}, word)});
    config.listener_path = "/run/agent";
    const auto filter = compiled(config);
    EXPECT_EQ(answer(filter.program, kNative, SYS_mkdir), value) << word;
    EXPECT_EQ(answer(filter.program, kNative, SYS_rmdir), kAllow) << word;
    if (value == SECCOMP_RET_USER_NOTIF) continue;
    const auto inverse = compiled(profile(word, {rule({"mkdir"}, "SCMP_ACT_ALLOW")}));
    EXPECT_EQ(answer(inverse.program, kNative, SYS_mkdir), kAllow) << word;
    EXPECT_EQ(answer(inverse.program, kNative, SYS_rmdir), value) << word;
  }
}

TEST(SeccompConfigTest, ErrnoRetIsTheAnswerZeroIncluded) {
  Seccomp config = profile(
      "SCMP_ACT_ERRNO",
      {rule({"mkdir"}, "SCMP_ACT_ERRNO", {}, ENOSYS), rule({"rmdir"}, "SCMP_ACT_ERRNO", {}, 0),
       rule({"chdir"}, "SCMP_ACT_TRACE", {}, 0xFFFF), rule({"link"}, "SCMP_ACT_ERRNO", {}, 4094),
       rule({"getpid"}, "SCMP_ACT_ALLOW")});
  config.default_errno_ret = EACCES;
  const auto filter = compiled(config);
  EXPECT_EQ(answer(filter.program, kNative, SYS_mkdir), kErrno | ENOSYS);
  EXPECT_EQ(answer(filter.program, kNative, SYS_rmdir), kErrno);
  EXPECT_EQ(answer(filter.program, kNative, SYS_chdir), SECCOMP_RET_TRACE | 0xFFFFU);
  EXPECT_EQ(answer(filter.program, kNative, SYS_link), kErrno | 4094U);
  EXPECT_EQ(answer(filter.program, kNative, SYS_getpid), kAllow);
  EXPECT_EQ(answer(filter.program, kNative, SYS_getppid), kErrno | EACCES);
}

TEST(SeccompConfigTest, EveryOperatorComparesUnsigned64Bits) {
  constexpr std::uint64_t kBig = 0x8000000100000005;
  const auto allows = [](const char* op, std::uint64_t value, std::uint64_t two,
                         std::uint64_t arg) {
    const auto filter = compiled(profile(
        "SCMP_ACT_ERRNO", {rule({"mkdir"}, "SCMP_ACT_ALLOW",
                                {{.index = 2, .value = value, .value_two = two, .op = op}})}));
    return answer(filter.program, kNative, SYS_mkdir, {0, 0, arg}) == kAllow;
  };
  struct Row {
    const char* op;
    bool below, same, above;
  };
  for (const Row& row :
       {Row{"SCMP_CMP_NE", true, false, true}, Row{"SCMP_CMP_LT", true, false, false},
        Row{"SCMP_CMP_LE", true, true, false}, Row{"SCMP_CMP_EQ", false, true, false},
        Row{"SCMP_CMP_GE", false, true, true}, Row{"SCMP_CMP_GT", false, false, true}}) {
    for (const std::uint64_t value : {std::uint64_t{5}, kBig}) {
      EXPECT_EQ(allows(row.op, value, 0, value - 1), row.below) << row.op;
      EXPECT_EQ(allows(row.op, value, 0, value), row.same) << row.op;
      EXPECT_EQ(allows(row.op, value, 0, value + 1), row.above) << row.op;
    }
    EXPECT_EQ(allows(row.op, kBig, 0, 5), row.below) << row.op;
  }
  EXPECT_TRUE(allows("SCMP_CMP_MASKED_EQ", 0xF0000000F0, 0x1000000020, 0x1F00000F2F));
  EXPECT_FALSE(allows("SCMP_CMP_MASKED_EQ", 0xF0000000F0, 0x1000000020, 0x1000000030));
  EXPECT_FALSE(allows("SCMP_CMP_MASKED_EQ", 0xF0000000F0, 0x1000000020, 0x20));
  EXPECT_TRUE(allows("SCMP_CMP_MASKED_EQ", 0x7E020000, 0, 0x11));
  EXPECT_FALSE(allows("SCMP_CMP_MASKED_EQ", 0x7E020000, 0, 0x10000011));
}

TEST(SeccompConfigTest, ArgumentsAreAllNeededButOnOneIndexAnyIsEnough) {
  const auto both =
      compiled(profile("SCMP_ACT_ERRNO", {rule({"mkdir"}, "SCMP_ACT_ALLOW",
                                               {{.index = 0, .value = 1, .op = "SCMP_CMP_EQ"},
                                                {.index = 5, .value = 2, .op = "SCMP_CMP_EQ"}})}));
  EXPECT_EQ(answer(both.program, kNative, SYS_mkdir, {1, 0, 0, 0, 0, 2}), kAllow);
  EXPECT_EQ(answer(both.program, kNative, SYS_mkdir, {1}), kErrno | EPERM);
  EXPECT_EQ(answer(both.program, kNative, SYS_mkdir, {0, 0, 0, 0, 0, 2}), kErrno | EPERM);

  const auto any =
      compiled(profile("SCMP_ACT_ERRNO", {rule({"mkdir"}, "SCMP_ACT_ALLOW",
                                               {{.index = 0, .value = 1, .op = "SCMP_CMP_EQ"},
                                                {.index = 0, .value = 7, .op = "SCMP_CMP_EQ"},
                                                {.index = 5, .value = 2, .op = "SCMP_CMP_EQ"}})}));
  EXPECT_EQ(answer(any.program, kNative, SYS_mkdir, {1}), kAllow);
  EXPECT_EQ(answer(any.program, kNative, SYS_mkdir, {7}), kAllow);
  EXPECT_EQ(answer(any.program, kNative, SYS_mkdir, {3, 0, 0, 0, 0, 2}), kAllow);
  EXPECT_EQ(answer(any.program, kNative, SYS_mkdir, {3}), kErrno | EPERM);
}

TEST(SeccompConfigTest, RulesThatAreTheDefaultAndUnknownNamesAreLeftOut) {
  const auto filter =
      compiled(profile("SCMP_ACT_ALLOW", {rule({"mkdir", "no_such_call"}, "SCMP_ACT_ALLOW"),
                                          rule({"no_such_call", "rmdir"}, "SCMP_ACT_ERRNO"),
                                          rule({"rmdir"}, "SCMP_ACT_ERRNO")}));
  EXPECT_EQ(answer(filter.program, kNative, SYS_mkdir), kAllow);
  EXPECT_EQ(answer(filter.program, kNative, SYS_rmdir), kErrno | EPERM);
}

TEST(SeccompConfigTest, ManyNamesAreATreeWithTheSameAnswers) {
  SeccompRule allowed = rule({}, "SCMP_ACT_ALLOW");
  allowed.names = {"read",        "open",       "stat",       "lstat",    "lseek",     "mprotect",
                   "brk",         "pread64",    "readv",      "access",   "select",    "mremap",
                   "mincore",     "shmget",     "shmctl",     "dup2",     "nanosleep", "alarm",
                   "getpid",      "socket",     "accept",     "recvfrom", "recvmsg",   "bind",
                   "getsockname", "socketpair", "getsockopt", "fork",     "execve",    "wait4",
                   "uname",       "semop",      "shmdt",      "msgsnd",   "msgctl",    "flock",
                   "fdatasync",   "ftruncate",  "getcwd",     "fchdir",   "mkdir",     "creat",
                   "unlink"};
  const auto filter = compiled(profile("SCMP_ACT_ERRNO", {allowed}));
  for (const long number : {SYS_read, SYS_open, SYS_brk, SYS_execve, SYS_unlink}) {
    EXPECT_EQ(answer(filter.program, kNative, number), kAllow) << number;
  }
  for (const long number : {SYS_write, SYS_close, SYS_clone, SYS_reboot, SYS_openat}) {
    EXPECT_EQ(answer(filter.program, kNative, number), kErrno | EPERM) << number;
  }
}

TEST(SeccompConfigTest, ForeignArchitecturesAndX32DieUnlessNamed) {
  constexpr long kX32 = 0x40000000;
  Seccomp config = profile("SCMP_ACT_ERRNO", {rule({"mkdir"}, "SCMP_ACT_ALLOW")});
  const auto alone = compiled(config);
  EXPECT_EQ(answer(alone.program, AUDIT_ARCH_I386, 39), SECCOMP_RET_KILL_THREAD);
  EXPECT_EQ(answer(alone.program, AUDIT_ARCH_AARCH64, 34), SECCOMP_RET_KILL_THREAD);
  EXPECT_EQ(answer(alone.program, kNative, kX32 + SYS_mkdir), SECCOMP_RET_KILL_THREAD);

  config.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  const auto three = compiled(config);
  EXPECT_EQ(answer(three.program, AUDIT_ARCH_I386, 39), kAllow);  // mkdir of i386
  EXPECT_EQ(answer(three.program, AUDIT_ARCH_I386, 83), kErrno | EPERM);
  EXPECT_EQ(answer(three.program, kNative, SYS_mkdir), kAllow);
  EXPECT_EQ(answer(three.program, kNative, kX32 + SYS_mkdir), kAllow);
  EXPECT_EQ(answer(three.program, kNative, kX32 + SYS_rmdir), kErrno | EPERM);
  EXPECT_EQ(answer(three.program, AUDIT_ARCH_AARCH64, 34), SECCOMP_RET_KILL_THREAD);

  config.architectures = {"SCMP_ARCH_X86"};  // the native one is always in
  EXPECT_EQ(answer(compiled(config).program, kNative, SYS_mkdir), kAllow);
}

TEST(SeccompConfigTest, CallsNewerThanTheLibraryAreEnosysWhenTheDefaultIsAnErrno) {
  Seccomp config = profile("SCMP_ACT_ERRNO", {rule({"mkdir"}, "SCMP_ACT_ALLOW")});
  config.architectures = {"SCMP_ARCH_X86"};
  const auto filter = compiled(config);
  const int highest = highest_named_call(kNative).value();
  for (const std::uint32_t architecture : {kNative, std::uint32_t{AUDIT_ARCH_I386}}) {
    EXPECT_EQ(answer(filter.program, architecture, highest), kErrno | EPERM);
    EXPECT_EQ(answer(filter.program, architecture, highest + 1), kErrno | ENOSYS);
    EXPECT_EQ(answer(filter.program, architecture, 9999), kErrno | ENOSYS);
  }
  EXPECT_EQ(answer(filter.program, kNative, -1), kErrno | EPERM);  // a call that a tracer skips
  for (const char* action : {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_KILL_PROCESS"}) {
    const auto other = compiled(profile(action, {}));
    EXPECT_EQ(answer(other.program, kNative, 9999), answer(other.program, kNative, 0)) << action;
  }
}

// file_setattr of Linux 6.17: no libseccomp of Debian 12 has the name.
TEST(SeccompConfigTest, NewCallsThatTheProfileNamesAreAnsweredByNumberOnEveryArchitecture) {
  constexpr long kFileSetattr = 469;
  Seccomp config = profile("SCMP_ACT_ERRNO", {rule({"file_setattr"}, "SCMP_ACT_ALLOW"),
                                              rule({"file_setattr"}, "SCMP_ACT_TRAP"),
                                              rule({"open_tree_attr"}, "SCMP_ACT_ERRNO")});
  config.architectures = {"SCMP_ARCH_X86"};
  const auto allowed = compiled(config);
  EXPECT_EQ(answer(allowed.program, kNative, kFileSetattr), kAllow);
  EXPECT_EQ(answer(allowed.program, AUDIT_ARCH_I386, kFileSetattr), kAllow);
  EXPECT_EQ(answer(allowed.program, kNative, 467), kErrno | EPERM);  // named, so not unknown
  EXPECT_EQ(answer(allowed.program, kNative, kFileSetattr + 1), kErrno | ENOSYS);
  const auto denied =
      compiled(profile("SCMP_ACT_ALLOW", {rule({"file_setattr"}, "SCMP_ACT_KILL_PROCESS")}));
  EXPECT_EQ(answer(denied.program, kNative, kFileSetattr), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(answer(denied.program, kNative, kFileSetattr + 1), kAllow);
}

TEST(SeccompConfigTest, WordsThatAreNotKnownAreNamed) {
  EXPECT_EQ(seccomp_refusal(profile("SCMP_ACT_NOPE", {})),
            "linux.seccomp.defaultAction \"SCMP_ACT_NOPE\" is not one of " +
                word_list(seccomp_actions()));
  EXPECT_NE(seccomp_refusal(profile("", {})).find("defaultAction \"\""), std::string::npos);
  EXPECT_NE(seccomp_refusal(profile("SCMP_ACT_ALLOW",
                                    {rule({"mkdir"}, "SCMP_ACT_ALLOW"), rule({"mkdir"}, "allow")}))
                .find("linux.seccomp.syscalls[1].action \"allow\""),
            std::string::npos);
  EXPECT_NE(seccomp_refusal(profile("SCMP_ACT_ALLOW", {rule({"mkdir"}, "SCMP_ACT_ERRNO",
                                                            {{.index = 0, .op = "SCMP_CMP_IS"}})}))
                .find("linux.seccomp.syscalls[0].args[0].op \"SCMP_CMP_IS\""),
            std::string::npos);
  EXPECT_EQ(seccomp_refusal(profile("SCMP_ACT_ALLOW", {rule({"mkdir"}, "SCMP_ACT_ERRNO",
                                                            {{.index = 6, .op = "SCMP_CMP_EQ"}})})),
            "linux.seccomp.syscalls[0].args[0].index 6 is above 5");
  for (const char* word :
       {"SCMP_ARCH_VAX", "X86", "SCMP_ARCH_x86", "SCMP_ARCH_", "SCMP_ARCH_NATIVE"}) {
    Seccomp config = profile("SCMP_ACT_ALLOW", {});
    config.architectures = {"SCMP_ARCH_X86", word};
    EXPECT_EQ(seccomp_refusal(config), "linux.seccomp.architectures[1] \"" + std::string(word) +
                                           "\" is not known to libseccomp");
  }
  Seccomp config = profile("SCMP_ACT_ALLOW", {});
  config.flags = {"SECCOMP_FILTER_FLAG_NEW_LISTENER"};
  EXPECT_NE(
      seccomp_refusal(config).find("linux.seccomp.flags \"SECCOMP_FILTER_FLAG_NEW_LISTENER\""),
      std::string::npos);
}

TEST(SeccompConfigTest, ErrnoRetWhereItHasNoMeaningIsRefused) {
  Seccomp config = profile("SCMP_ACT_ALLOW", {});
  config.default_errno_ret = 1;
  EXPECT_EQ(seccomp_refusal(config),
            "linux.seccomp.defaultErrnoRet has no meaning for SCMP_ACT_ALLOW: remove it");
  for (const char* action : {"SCMP_ACT_KILL", "SCMP_ACT_TRAP", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY"}) {
    EXPECT_NE(seccomp_refusal(profile("SCMP_ACT_ALLOW", {rule({"mkdir"}, action, {}, 1)}))
                  .find("syscalls[0].errnoRet has no meaning"),
              std::string::npos)
        << action;
  }
  EXPECT_EQ(
      seccomp_refusal(profile("SCMP_ACT_ALLOW", {rule({"mkdir"}, "SCMP_ACT_ERRNO", {}, 4095)})),
      "linux.seccomp.syscalls[0].errnoRet 4095 is above 4094");
  EXPECT_EQ(
      seccomp_refusal(profile("SCMP_ACT_ALLOW", {rule({"mkdir"}, "SCMP_ACT_TRACE", {}, 0x10000)})),
      "linux.seccomp.syscalls[0].errnoRet 65536 is above 65535");
}

TEST(SeccompConfigTest, RulesNeedNames) {
  EXPECT_EQ(seccomp_refusal(profile("SCMP_ACT_ALLOW", {rule({}, "SCMP_ACT_ERRNO")})),
            "linux.seccomp.syscalls[0].names is empty: name a system call");
  EXPECT_EQ(seccomp_refusal(profile("SCMP_ACT_ALLOW", {rule({"read", ""}, "SCMP_ACT_ERRNO")})),
            "linux.seccomp.syscalls[0].names has an empty name");
}

TEST(SeccompConfigTest, NotifyNeedsAListenerThatCanBeHandedOver) {
  Seccomp config = profile("SCMP_ACT_ALLOW", {rule({"mkdir"}, "SCMP_ACT_NOTIFY")});
  EXPECT_EQ(seccomp_refusal(config),
            "linux.seccomp.listenerPath is missing: SCMP_ACT_NOTIFY needs it");
  config.listener_path = "/run/agent";
  EXPECT_EQ(compiled(config).flags,
            unsigned{SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW});
  config.syscalls[0].names = {"mkdir", "write"};
  EXPECT_NE(seccomp_refusal(config).find("SCMP_ACT_NOTIFY for write"), std::string::npos);
  config = profile("SCMP_ACT_NOTIFY", {});
  config.listener_path = "/run/agent";
  EXPECT_NE(seccomp_refusal(config).find("defaultAction cannot be SCMP_ACT_NOTIFY"),
            std::string::npos);
  config = profile("SCMP_ACT_ALLOW", {});
  config.listener_metadata = "x";
  EXPECT_EQ(seccomp_refusal(config), "linux.seccomp.listenerMetadata is set without listenerPath");
  config.listener_path = "/run/agent";  // ignored without SCMP_ACT_NOTIFY
  EXPECT_EQ(compiled(config).flags, unsigned{SECCOMP_FILTER_FLAG_SPEC_ALLOW});
}

// The default of the field; an empty list is a list.
TEST(SeccompConfigTest, WithoutFlagsSpeculationIsAllowed) {
  Seccomp config = profile("SCMP_ACT_ALLOW", {});
  EXPECT_EQ(compiled(config).flags, unsigned{SECCOMP_FILTER_FLAG_SPEC_ALLOW});
  config.flags.emplace();
  EXPECT_EQ(compiled(config).flags, 0U);
  config.flags = {"SECCOMP_FILTER_FLAG_LOG"};
  EXPECT_EQ(compiled(config).flags, unsigned{SECCOMP_FILTER_FLAG_LOG});
}

TEST(SeccompConfigTest, FlagsAreThoseOfTheSystemCall) {
  Seccomp config = profile("SCMP_ACT_ALLOW", {});
  config.flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                  "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  constexpr unsigned kPlain =
      SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC;
  // The kernel refuses WAIT_KILLABLE_RECV without a listener.
  EXPECT_EQ(compiled(config).flags, kPlain);
  config.syscalls = {rule({"mkdir"}, "SCMP_ACT_NOTIFY")};
  config.listener_path = "/run/agent";
  EXPECT_EQ(compiled(config).flags, kPlain | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV |
                                        SECCOMP_FILTER_FLAG_NEW_LISTENER |
                                        SECCOMP_FILTER_FLAG_TSYNC_ESRCH);
}

TEST(SeccompListenerTest, TheProcessStateHasTheContainersState) {
  Seccomp config;
  const std::string state = R"({"ociVersion":"1.2.0","id":"c","status":"creating","pid":7})";
  auto text = seccomp_process_state(config, 42, state);
  ASSERT_TRUE(text) << text.error().sentence();
  EXPECT_EQ(nlohmann::json::parse(*text),
            nlohmann::json::parse(R"({"ociVersion":"1.2.0","fds":["seccompFd"],"pid":42,"state":)" +
                                  state + "}"));
  config.listener_metadata = "a\xFF\"b";
  text = seccomp_process_state(config, 42, state);
  ASSERT_TRUE(text);
  EXPECT_EQ(nlohmann::json::parse(*text)["metadata"], "a\uFFFD\"b");
  EXPECT_FALSE(seccomp_process_state(config, 42, "{"));
  EXPECT_FALSE(seccomp_process_state(config, 42, R"({"id":"c"})"));
}

}  // namespace
}  // namespace cgwarden::launcher
