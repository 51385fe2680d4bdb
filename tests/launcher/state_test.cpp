#include "launcher/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;

ExitRecord full_record() {
  ExitRecord record;
  record.name = "leaker";
  record.incarnation = 3;
  record.pid = 10;
  record.main_pid = 11;
  record.started = {Usec{5}, Usec{1700000000000000}};
  record.ended = {Usec{9}, Usec{1700000000000009}};
  record.outlived = TimePoint{Usec{7}, Usec{1700000000000007}};
  record.wait = WaitStatus{CLD_KILLED, 9};
  record.init_wait = WaitStatus{CLD_EXITED, 137};
  record.launch_error = LaunchError{"exec", 2, "/bin/x"};
  record.max_rss = Bytes{1024};
  record.user = Usec{7};
  record.system = Usec{8};
  record.stderr_tail = "last\nwords \"x\"";
  record.cgroups = {{"/a/payload",
                     CgroupId{77},
                     {{"memory.events", "oom 0\n"}},
                     {{"memory.events", "oom 2\n"}},
                     {{"memory.events", "oom 1\n"}}},
                    {"/", CgroupId{1}, {}, {}}};
  return record;
}

TEST(StateTest, ExitRecordSurvivesTheRoundTrip) {
  const ExitRecord record = full_record();
  const auto parsed = parse_exit_record(to_json(record), "exit.json");
  ASSERT_TRUE(parsed) << parsed.error().sentence();
  EXPECT_EQ(to_json(*parsed), to_json(record));
  EXPECT_EQ(parsed->wait->status, 9);
  EXPECT_EQ(parsed->init_wait->status, 137);
  EXPECT_EQ(parsed->launch_error->sentence(), record.launch_error->sentence());
  EXPECT_EQ(parsed->cgroups[0].id, CgroupId{77});
  EXPECT_EQ(parsed->cgroups[0].after.at("memory.events"), "oom 2\n");
  EXPECT_EQ(parsed->cgroups[0].outlived.at("memory.events"), "oom 1\n");
  EXPECT_EQ(parsed->outlived->wall, record.outlived->wall);
  EXPECT_EQ(parsed->ended.wall, record.ended.wall);
}

TEST(StateTest, AbsentStaysAbsent) {
  ExitRecord record = full_record();
  record.outlived.reset();
  record.wait.reset();
  record.init_wait.reset();
  record.launch_error.reset();
  const auto parsed = parse_exit_record(to_json(record), "exit.json");
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->outlived);
  EXPECT_FALSE(parsed->wait);
  EXPECT_FALSE(parsed->init_wait);
  EXPECT_FALSE(parsed->launch_error);
  EXPECT_FALSE(parsed->cgroups[0].after.contains("cpu.stat"));
}

TEST(StateTest, RunningStatusSurvivesTheRoundTrip) {
  RunningStatus status{.name = "web",
                       .incarnation = 1,
                       .shim_pid = 4,
                       .shim_start_time = 12345678901,
                       .pid = 5,
                       .main_pid = 6,
                       .started = {Usec{1}, Usec{2}},
                       .cgroup = "/s/web.scope/payload"};
  const auto parsed = parse_running_status(to_json(status), "status.json");
  ASSERT_TRUE(parsed) << parsed.error().sentence();
  EXPECT_EQ(to_json(*parsed), to_json(status));
  EXPECT_EQ(parsed->shim_start_time, 12345678901U);
}

TEST(StateTest, FilesOfAnOlderShimAreReadAndSayNothingOfWhatItDidNotRecord) {
  RunningStatus status{.name = "web",
                       .incarnation = 1,
                       .shim_pid = 4,
                       .shim_start_time = 1,
                       .pid = 5,
                       .pid_start_time = 77,
                       .main_pid = 6,
                       .started = {Usec{1}, Usec{2}},
                       .cgroup = "/s/web.scope/payload"};
  EXPECT_EQ(parse_running_status(to_json(status), "status.json")->pid_start_time, 77U);
  status.pid_start_time.reset();
  const auto old_status = parse_running_status(to_json(status), "status.json");
  ASSERT_TRUE(old_status) << old_status.error().sentence();
  EXPECT_FALSE(old_status->pid_start_time);
  ExitRecord record = full_record();
  const auto old_record = parse_exit_record(to_json(record), "exit.json");
  ASSERT_TRUE(old_record);
  EXPECT_FALSE(old_record->stdout_dropped);
  record.stdout_dropped = Bytes{0};
  record.stderr_dropped = Bytes{4096};
  const auto newer = parse_exit_record(to_json(record), "exit.json");
  ASSERT_TRUE(newer);
  EXPECT_EQ(newer->stdout_dropped, Bytes{0});
  EXPECT_EQ(newer->stderr_dropped, Bytes{4096});
}

TEST(StateTest, WhatTheShimSawBesideTheLastWordsComesBack) {
  ExitRecord record = full_record();
  const auto without = parse_exit_record(to_json(record), "exit.json");
  ASSERT_TRUE(without);
  EXPECT_FALSE(without->descriptors);
  EXPECT_TRUE(without->filesystems.empty());
  record.descriptors = DescriptorUse{
      .pid = 9, .comm = "w", .open = 60, .limit = 64, .at = record.ended, .at_words = true};
  record.filesystems = {{.mount = "/a b",
                         .type = "tmpfs",
                         .size = Bytes{9},
                         .available = Bytes{8},
                         .inodes = 7,
                         .inodes_available = 6}};
  const auto with = parse_exit_record(to_json(record), "exit.json");
  ASSERT_TRUE(with);
  ASSERT_TRUE(with->descriptors);
  EXPECT_EQ(with->descriptors->comm, "w");
  EXPECT_EQ(with->descriptors->open, 60U);
  EXPECT_EQ(with->descriptors->limit, 64U);
  EXPECT_EQ(with->descriptors->at.boottime, record.ended.boottime);
  EXPECT_TRUE(with->descriptors->at_words);
  ASSERT_EQ(with->filesystems.size(), 1U);
  EXPECT_EQ(with->filesystems[0].mount, "/a b");
  EXPECT_EQ(with->filesystems[0].available, Bytes{8});
  EXPECT_EQ(with->filesystems[0].inodes_available, 6U);
}

TEST(StateTest, EveryMissingMemberIsNamed) {
  const std::string whole = to_json(full_record());
  for (const std::string name :
       {"version", "name", "incarnation", "pid", "main_pid", "started", "ended", "max_rss_bytes",
        "user_usec", "system_usec", "stderr_tail"}) {
    std::string text = whole;
    const std::string key = "\"" + name + "\":";
    text.replace(text.rfind(key), key.size(), "\"other_" + name + "\":");
    const auto parsed = parse_exit_record(text, "exit.json");
    ASSERT_FALSE(parsed) << name;
    EXPECT_EQ(parsed.error().kind, ErrorKind::malformed);
    EXPECT_THAT(parsed.error().detail, HasSubstr(name + " is missing"));
  }
}

TEST(StateTest, HalfAFileAndAnotherVersionAreRefused) {
  const std::string whole = to_json(full_record());
  for (std::size_t size = 0; size + 2 < whole.size(); size += 7) {
    EXPECT_FALSE(parse_exit_record(whole.substr(0, size), "exit.json"));
  }
  std::string other = whole;
  other.replace(other.find("\"version\":1"), 11, "\"version\":2");
  EXPECT_THAT(parse_exit_record(other, "exit.json").error().detail, HasSubstr("version is 2"));
}

TEST(StateTest, UnknownMembersAreIgnored) {
  std::string text = to_json(full_record());
  text.insert(1, R"("later":{"x":[1]},)");
  EXPECT_TRUE(parse_exit_record(text, "exit.json"));
}

TEST(StateTest, MessagesOfTheControlSocket) {
  EXPECT_EQ(parse_go_message(go_message("/x/payload")).value(), "/x/payload");
  EXPECT_FALSE(parse_go_message(R"({"cgroup":"relative"})"));
  EXPECT_FALSE(parse_go_message("{}"));
  const auto good = parse_shim_reply(to_json(ShimReply{.pid = 4, .main_pid = 5, .error = {}}));
  ASSERT_TRUE(good);
  EXPECT_EQ(good->main_pid, 5);
  EXPECT_FALSE(good->error);
  const auto bad = parse_shim_reply(
      to_json(ShimReply{.pid = -1, .main_pid = -1, .error = LaunchError{"rootfs", 2, "/x"}}));
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->error->sentence(), "cannot start: rootfs: /x: No such file or directory");
  EXPECT_FALSE(parse_shim_reply(R"({"pid":4})"));
}

TEST(StateTest, StartTimeTellsProcessesApart) {
  const auto own = process_start_time(::getpid());
  ASSERT_TRUE(own) << own.error().sentence();
  EXPECT_GT(*own, 0U);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_GT(child, 0);
  EXPECT_GE(process_start_time(child).value(), *own);  // a zombie still has one
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(process_start_time(child).error().kind, ErrorKind::vanished);
}

TEST(StateTest, BytesThatAreNotTextDoNotBreakTheRecord) {
  ExitRecord record = full_record();
  record.launch_error->text = "\xff\x01";
  record.cgroups[0].path = "/\xfe";
  const auto parsed = parse_exit_record(to_json(record), "exit.json");
  ASSERT_TRUE(parsed) << parsed.error().sentence();
  EXPECT_EQ(parsed->launch_error->text, "\\xff\\x01");
}

}  // namespace
}  // namespace cgwarden::launcher
