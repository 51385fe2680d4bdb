// `why`, `ps` and `logs` from the files alone: no agent, no kernel interface is needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/workload_files.h"
#include "diagnosis/store.h"
#include "diagnosis/verdict.h"
#include "launcher/state.h"
#include "tests/cli/command.h"
#include "tests/diagnosis/recorded.h"
#include "tests/paths.h"

namespace cgwarden::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::uint64_t kStart = 1'790'000'000 * kSecond;

TimePoint at(std::uint64_t seconds) {
  return {Usec(seconds * kSecond), Usec(kStart + seconds * kSecond)};
}

class WhyTest : public testing::Test {
 protected:
  WhyTest() : directory_("/tmp/cgwarden-why.XXXXXX") {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    std::filesystem::create_directory(directory_ + "/state");
  }
  ~WhyTest() override { std::filesystem::remove_all(directory_); }

  static diagnosis::Verdict verdict(const std::string& workload, unsigned incarnation,
                                    diagnosis::VerdictClass verdict_class, std::uint64_t when,
                                    const std::string& answer) {
    diagnosis::Verdict made;
    made.workload = workload;
    made.incarnation = incarnation;
    made.verdict = verdict_class;
    made.confidence = diagnosis::Confidence::strong;
    made.death = verdict_class != diagnosis::VerdictClass::throttled;
    made.from = at(when - 5);
    made.when = at(when);
    made.answer = answer;
    return made;
  }
  void store(const std::vector<diagnosis::Verdict>& verdicts) {
    auto writer = diagnosis::StoreWriter::open(directory_ + "/state/store.db", 0);
    ASSERT_TRUE(writer) << writer.error().sentence();
    for (const auto& each : verdicts) ASSERT_TRUE(writer->put(each));
  }
  void note(const std::string& name, unsigned incarnation, bool wanted,
            const std::string& stop_reason = "") {
    agent::AgentNote made;
    made.origin = "/w.yaml";
    made.incarnation = incarnation;
    made.restarts = incarnation - 1;
    made.wanted = wanted;
    made.stop_reason = stop_reason;
    made.stop_boottime_usec = 19 * kSecond;
    ASSERT_TRUE(agent::write_agent_note(directory_, name, made));
  }
  void file(const std::string& name, const std::string& file_name, const std::string& text) {
    const std::string place = agent::workload_directory(directory_, name);
    std::filesystem::create_directories(place);
    std::ofstream(place + "/" + file_name) << text;
  }
  // The shim's record of an end that no agent has seen.
  void exit_record(const std::string& name, int code, int status) {
    launcher::ExitRecord record;
    record.name = name;
    record.incarnation = 1;
    record.pid = 100;
    record.main_pid = 100;
    record.started = at(10);
    record.ended = at(20);
    record.wait = launcher::WaitStatus{code, status};
    record.stderr_tail = "bye\n";
    file(name, "exit.json", to_json(record));
  }
  // This process plays the shim: it is alive.
  void running(const std::string& name, unsigned incarnation) {
    launcher::RunningStatus status;
    status.name = name;
    status.incarnation = incarnation;
    status.shim_pid = ::getpid();
    status.shim_start_time = *launcher::process_start_time(::getpid());
    status.pid = 4242;
    status.main_pid = 4242;
    status.started = at(30);
    status.cgroup = "/cgwarden.slice/" + name + ".scope/payload";
    file(name, "status.json", to_json(status));
  }
  Outcome ask(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--runtime-dir", directory_, "--state-dir",
                                       directory_ + "/state", "--cgroup-root", directory_});
    return cgwarden(std::move(arguments));
  }
  std::string directory_;
};

using enum diagnosis::VerdictClass;

TEST_F(WhyTest, TheNewestDeathComesFirstAndEarlierOnesBelow) {
  store({verdict("web", 1, exited, 10, "web exited with code 3."),
         verdict("web", 2, oom_own_limit, 20, "web was killed for its own limit.")});
  const Outcome text = ask({"why", "web"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, StartsWith("web was killed for its own limit."));
  EXPECT_THAT(text.out, HasSubstr("web exited with code 3."));
  EXPECT_THAT(text.out, Not(HasSubstr("\033")));  // no colours into a file
  const auto document = nlohmann::json::parse(ask({"why", "web", "--json"}).out);
  EXPECT_EQ(document.at("version"), 1);
  EXPECT_EQ(document.at("verdict").at("class"), "OOM_OWN_LIMIT");
  EXPECT_EQ(document.at("earlier").at(0).at("class"), "EXITED");
}

TEST_F(WhyTest, OneIncarnationCanBeAskedFor) {
  store({verdict("web", 1, exited, 10, "web exited with code 3."),
         verdict("web", 2, oom_own_limit, 20, "web was killed for its own limit.")});
  EXPECT_THAT(ask({"why", "web", "--incarnation", "1"}).out, StartsWith("web exited with code 3."));
  EXPECT_EQ(ask({"why", "web", "--incarnation", "7"}).exit_code, 3);
}

TEST_F(WhyTest, AUnitAndAContainerAreAskedForByTheirNames) {
  store({verdict("unit:/ssh.service", 1, exited, 10, "ssh.service ended by itself."),
         verdict("unit:/ssh.service", 2, killed_by_user, 20, "ssh.service was killed."),
         verdict("container://shop/web-7d9/nginx", 1, oom_own_limit, 15, "nginx was killed.")});
  EXPECT_THAT(ask({"why", "ssh.service"}).out, StartsWith("ssh.service was killed."));
  EXPECT_THAT(ask({"why", "ssh.service"}).out, HasSubstr("ssh.service ended by itself."));
  for (const auto* name : {"nginx", "web-7d9", "container://shop/web-7d9/nginx"}) {
    EXPECT_THAT(ask({"why", name}).out, StartsWith("nginx was killed.")) << name;
  }
  EXPECT_EQ(ask({"why", "sshd.service"}).exit_code, 3);
  // A workload of the name comes first.
  store({verdict("nginx", 1, exited, 12, "the workload ended.")});
  EXPECT_THAT(ask({"why", "nginx"}).out, StartsWith("the workload ended."));
}

TEST_F(WhyTest, ACgroupIsAskedForByItsPath) {
  store({verdict("unit:/ssh.service", 1, killed_by_user, 20, "ssh.service was killed."),
         verdict("web", 1, exited, 20, "web exited with code 3.")});
  for (const auto* path : {"/system.slice/ssh.service", "/system.slice/ssh.service/inner/most"}) {
    EXPECT_THAT(ask({"why", path}).out, StartsWith("ssh.service was killed.")) << path;
  }
  for (const auto* path : {"/cgwarden.slice/web.scope", "/cgwarden.slice/web.scope/payload"}) {
    EXPECT_THAT(ask({"why", path}).out, StartsWith("web exited with code 3.")) << path;
  }
  EXPECT_EQ(ask({"why", "/system.slice"}).exit_code, 3);
  EXPECT_EQ(ask({"why", "/"}).exit_code, 3);
}

TEST_F(WhyTest, APidThatDoesNotLiveIsSaid) {
  store({verdict("web", 1, exited, 20, "web exited with code 3.")});
  const Outcome asked = ask({"why", "99999999"});
  EXPECT_EQ(asked.exit_code, 3);
  EXPECT_THAT(asked.err, HasSubstr("pid 99999999"));
  EXPECT_THAT(asked.err, HasSubstr("no such process lives"));
}

TEST_F(WhyTest, WhatWasBeforeSinceIsLeftOut) {
  store({verdict("web", 1, exited, 10, "web exited with code 3."),
         verdict("web", 2, oom_own_limit, 20, "web was killed for its own limit.")});
  const auto since = [](std::uint64_t second) {
    return "@" + std::to_string(kStart / kSecond + second);
  };
  const std::string text = ask({"why", "web", "--since", since(15)}).out;
  EXPECT_THAT(text, StartsWith("web was killed for its own limit."));
  EXPECT_THAT(text, Not(HasSubstr("code 3")));
  const Outcome nothing = ask({"why", "web", "--since", since(25)});
  EXPECT_EQ(nothing.exit_code, 0);
  EXPECT_EQ(nothing.out, "web: no death and no stall in that time.\n");
  EXPECT_EQ(ask({"why", "web", "--since", "long ago"}).exit_code, 2);
}

TEST_F(WhyTest, ACrashLoopIsOneStory) {
  std::vector<diagnosis::Verdict> loop;
  for (unsigned i = 1; i <= 4; ++i) {
    loop.push_back(verdict("web", i, exited, 10 * i, "web exited with code 3."));
  }
  store(loop);
  EXPECT_THAT(ask({"why", "web"}).out, HasSubstr("web has died 4 times in a row"));
  const auto document = nlohmann::json::parse(ask({"why", "web", "--json"}).out);
  EXPECT_EQ(document.at("restarts").at("deaths"), 4);
  EXPECT_EQ(document.at("restarts").at("interval_usec"), 10 * kSecond);
}

// More deaths than are shown one by one belong to it, and what the store no longer has is said.
TEST_F(WhyTest, ALongCrashLoopIsCountedToItsBeginning) {
  std::vector<diagnosis::Verdict> loop{
      verdict("web", 1, oom_own_limit, 9, "web was killed for its own limit.")};
  for (unsigned i = 2; i <= 251; ++i) {
    loop.push_back(verdict("web", i, exited, 10 * i, "web exited with code 3."));
  }
  store(loop);
  EXPECT_THAT(ask({"why", "web"}).out, HasSubstr("web has died 250 times in a row"));
  EXPECT_EQ(nlohmann::json::parse(ask({"why", "web", "--json"}).out).at("restarts").at("deaths"),
            250);
  const auto document = nlohmann::json::parse(
      ask({"why", "web", "--json", "--since", "@" + std::to_string(kStart / kSecond + 2000)}).out);
  EXPECT_EQ(document.at("restarts").at("deaths"), 52);
  EXPECT_EQ(document.at("restarts").at("at_least"), true);
}

TEST_F(WhyTest, WhatWasRecordedAroundADeathIsShown) {
  constexpr std::uint64_t kMib = 1U << 20U;
  diagnosis::testing::SegmentBytes segment(1);
  for (std::uint64_t second = 0; second <= 100; ++second) {
    segment.tick((kStart / kSecond + second) * 1000, 7, "/cgwarden.slice/web.scope/payload",
                 diagnosis::testing::row_of({{"memory.current", second * kMib},
                                             {"memory.max", 100 * kMib},
                                             {"cpu.stat.nr_periods", 10 * second},
                                             {"cpu.stat.nr_throttled", 5 * second},
                                             {"memory.pressure.some_usec", 0}}));
  }
  const std::string ring = directory_ + "/recorder";
  std::filesystem::create_directories(ring);
  std::ofstream(ring + "/1.ring", std::ios::binary) << segment.bytes();
  store({verdict("web", 1, oom_own_limit, 100, "web was killed for its own limit."),
         verdict("db", 1, exited, 100, "db exited with code 3.")});
  const std::string text = ask({"why", "web"}).out;
  EXPECT_THAT(text, HasSubstr("\nAround it\n  throttled "));
  EXPECT_THAT(text, HasSubstr("max 100.0 MiB of 100.0 MiB\n"));
  EXPECT_THAT(text, HasSubstr("^ death ("));
  EXPECT_THAT(text, Not(HasSubstr("pressure")));  // there was none
  EXPECT_TRUE(std::ranges::none_of(text, [](char c) { return (c & 0x80) != 0; }));
  const Outcome utf8 =
      run_program({"env", "LANG=C.UTF-8", in_build("cli/cgwarden"), "why", "web", "--runtime-dir",
                   directory_, "--state-dir", directory_ + "/state", "--cgroup-root", directory_});
  EXPECT_THAT(utf8.out, HasSubstr("\u2588"));
  const auto around =
      nlohmann::json::parse(ask({"why", "web", "--json"}).out).at("around").at("rows");
  ASSERT_EQ(around.size(), 2U);
  EXPECT_EQ(around.at(1).at("name"), "memory");
  EXPECT_EQ(around.at(1).at("max"), 100 * kMib);
  EXPECT_DOUBLE_EQ(around.at(0).at("max"), 50);
  EXPECT_THAT(ask({"why", "db"}).out, Not(HasSubstr("Around it")));
  EXPECT_THAT(ask({"why", "web", "-o", "yaml"}).out,
              HasSubstr("\n\"around\":\n  \"column_usec\":"));
}

TEST_F(WhyTest, AVerdictThatCannotBeReadIsCounted) {
  store({verdict("web", 1, exited, 10, "web exited with code 3."),
         verdict("web", 2, exited, 20, "web exited with code 4."),
         verdict("unit:/a.service", 1, exited, 20, "a.service exited.")});
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ + "/state/store.db").c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, "UPDATE verdict SET json='{' WHERE incarnation=2", nullptr,
                         nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  const Outcome asked = ask({"why", "web"});
  EXPECT_EQ(asked.exit_code, 0);
  EXPECT_THAT(asked.out, StartsWith("web exited with code 3."));
  EXPECT_THAT(asked.err, HasSubstr("1 verdict of it cannot be read"));
  EXPECT_EQ(nlohmann::json::parse(ask({"why", "web", "--json"}).out).at("unreadable"), 1);
  EXPECT_EQ(ask({"why", "a.service"}).err, "");
}

TEST_F(WhyTest, WatchingEndsWhenNobodyReads) {
  store({verdict("web", 1, exited, 20, "web exited with code 3.")});
  const Outcome watched =
      run_program({"sh", "-c",
                   in_build("cli/cgwarden why web --watch --state-dir ") + directory_ +
                       "/state --runtime-dir " + directory_ + " | head -n 1"});
  EXPECT_EQ(watched.out, "web exited with code 3.\n");
}

TEST_F(WhyTest, AStallOfLongAgoIsOverAndAnEventIsStillTold) {
  running("web", 2);
  auto child = verdict("web", 2, oom_child, 60, "web lives on, its child was killed.");
  child.death = false;
  const auto now = SystemClock().now();
  child.when.wall = now.wall - Usec{600 * kSecond};
  store({child});
  EXPECT_THAT(ask({"why", "web"}).out, StartsWith("web lives on"));
}

TEST_F(WhyTest, AnUnknownVerdictIs4) {
  store({verdict("web", 1, unknown, 10, "It is not known why web died.")});
  EXPECT_EQ(ask({"why", "web"}).exit_code, 4);
  EXPECT_EQ(ask({"why", "web", "--json"}).exit_code, 4);
}

TEST_F(WhyTest, AnUnknownNameIs3WithTheNamesThatAreKnown) {
  store({verdict("web", 1, exited, 10, "web exited.")});
  note("other", 1, true);
  const Outcome outcome = ask({"why", "nobody"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("known are: other, web"));
}

TEST_F(WhyTest, ADeathThatNoAgentSawIsDiagnosedHere) {
  note("job", 1, true);
  exit_record("job", CLD_EXITED, 3);
  const auto verdict = nlohmann::json::parse(ask({"why", "job", "--json"}).out).at("verdict");
  EXPECT_EQ(verdict.at("class"), "EXITED");
  EXPECT_THAT(ask({"why", "job"}).out, HasSubstr("3"));
}

TEST_F(WhyTest, ADeathThatTheStoreHasIsNotDiagnosedAgain) {
  note("job", 1, true);
  exit_record("job", CLD_EXITED, 3);
  store({verdict("job", 1, oom_own_limit, 20, "The agent knew better.")});
  EXPECT_THAT(ask({"why", "job"}).out, StartsWith("The agent knew better."));
  // The same incarnation number of an earlier boot is another death.
  store({verdict("new", 1, exited, 5, "An older one.")});
  note("new", 1, true);
  exit_record("new", CLD_EXITED, 9);
  const auto document = nlohmann::json::parse(ask({"why", "new", "--json"}).out);
  EXPECT_THAT(document.at("verdict").at("answer"), HasSubstr("9"));
  EXPECT_EQ(document.at("earlier").size(), 1U);
}

TEST_F(WhyTest, AStopThatWasAskedForIsToldFromAKill) {
  note("web", 1, false, "stop asked by uid 0 over D-Bus");
  exit_record("web", CLD_KILLED, SIGTERM);
  const auto verdict = nlohmann::json::parse(ask({"why", "web", "--json"}).out).at("verdict");
  EXPECT_EQ(verdict.at("class"), "STOPPED");
}

TEST_F(WhyTest, ARunningOneSaysSoWithItsLastDeath) {
  store({verdict("web", 1, exited, 10, "web exited with code 3.")});
  note("web", 2, true);
  running("web", 2);
  const Outcome outcome = ask({"why", "web"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, StartsWith("web is running since "));
  EXPECT_THAT(outcome.out, HasSubstr("no stall seen"));
  EXPECT_THAT(outcome.out, HasSubstr("Before that\n"));
  EXPECT_THAT(outcome.out, HasSubstr("web exited with code 3."));
  const auto document = nlohmann::json::parse(ask({"why", "web", "--json"}).out);
  EXPECT_TRUE(document.at("verdict").is_null());
  EXPECT_EQ(document.at("running").at("state"), "running");
}

TEST_F(WhyTest, AStallOfThisIncarnationIsTheAnswerAndOneOfAnotherIsNot) {
  note("web", 2, true);
  running("web", 2);
  store({verdict("web", 1, throttled, 10, "An old stall.")});
  EXPECT_THAT(ask({"why", "web"}).out, StartsWith("web is running since "));
  store({verdict("web", 2, throttled, 40, "web is throttled in 80 % of its periods.")});
  EXPECT_THAT(ask({"why", "web"}).out, StartsWith("web is throttled in 80 % of its periods."));
}

TEST_F(WhyTest, AnAskedForStallIsToldAsPast) {
  store({verdict("web", 1, throttled, 10, "web is throttled: 80 % of periods")});
  EXPECT_THAT(ask({"why", "web", "--incarnation", "1"}).out,
              StartsWith("web was throttled until "));
  EXPECT_THAT(ask({"why", "web"}).out, StartsWith("web was throttled until "));
}

TEST_F(WhyTest, ADamagedStoreDoesNotHideWhatIsAtHand) {
  std::ofstream(directory_ + "/state/store.db") << std::string(4096, 'x');
  note("job", 1, true);
  exit_record("job", CLD_EXITED, 3);
  const Outcome outcome = ask({"why", "job"});
  EXPECT_THAT(outcome.err, HasSubstr("earlier verdicts are not shown"));
  EXPECT_THAT(outcome.out, HasSubstr("3"));
  EXPECT_EQ(ask({"why", "other"}).exit_code, 1);
}

TEST_F(WhyTest, PsTellsTheStateFromTheFiles) {
  note("a-runs", 2, true);
  running("a-runs", 2);
  note("b-stops", 1, false, "stop asked by uid 0 over D-Bus");
  running("b-stops", 1);
  note("c-waits", 1, true);
  exit_record("c-waits", CLD_EXITED, 1);
  note("d-over", 1, false);
  exit_record("d-over", CLD_EXITED, 0);
  note("e-starts", 1, true);
  store({verdict("a-runs", 1, oom_own_limit, 10, "x")});
  const auto list = nlohmann::json::parse(ask({"ps", "--json"}).out).at("workloads");
  std::vector<std::string> states;
  for (const auto& entry : list) states.push_back(entry.at("state"));
  EXPECT_THAT(states, testing::ElementsAre("running", "stopping", "backoff", "exited", "starting"));
  EXPECT_EQ(list.at(0).at("last_verdict"), "OOM_OWN_LIMIT");
  EXPECT_EQ(list.at(0).at("pid"), 4242);
  EXPECT_FALSE(list.at(3).contains("pid"));
  EXPECT_EQ(ask({"ps", "-q"}).out, "a-runs\nb-stops\nc-waits\nd-over\ne-starts\n");
  EXPECT_THAT(ask({"ps"}).out, HasSubstr("a-runs"));
}

TEST_F(WhyTest, LogsKeepTheStreamsApart) {
  note("web", 1, true);
  file("web", "stdout.log.1", "one\ntwo\n");
  file("web", "stdout.log", "three\nfour\n");
  file("web", "stderr.log", "oops\n");
  const Outcome both = ask({"logs", "web"});
  EXPECT_EQ(both.out, "one\ntwo\nthree\nfour\n");
  EXPECT_EQ(both.err, "oops\n");
  EXPECT_EQ(ask({"logs", "web", "-n", "3", "--stdout"}).out, "two\nthree\nfour\n");
  EXPECT_EQ(ask({"logs", "web", "-n", "0", "--stdout"}).out, "");
  const Outcome only = ask({"logs", "web", "--stderr"});
  EXPECT_EQ(only.out, "oops\n");
  EXPECT_EQ(only.err, "");
}

}  // namespace
}  // namespace cgwarden::cli
