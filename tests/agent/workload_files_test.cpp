#include "agent/workload_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.h"

namespace cgwarden::agent {
namespace {

class WorkloadFilesTest : public testing::Test {
 protected:
  WorkloadFilesTest() {
    std::string pattern = testing::TempDir() + "cgwarden-files-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~WorkloadFilesTest() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(WorkloadFilesTest, NoDirectoryMeansNoWorkloads) {
  EXPECT_THAT(list_workload_names(directory_ + "/none").value(), testing::IsEmpty());
  EXPECT_EQ(read_workload_files(directory_, "web").error().kind, ErrorKind::vanished);
}

TEST_F(WorkloadFilesTest, TheNoteComesBackWhole) {
  AgentNote note{.origin = "/x/web.yaml",
                 .yaml = "kind: Workload\n# caf\xc3\xa9 \"quoted\"\n",
                 .incarnation = 7,
                 .restarts = 6,
                 .wanted = false,
                 .stop_reason = "asked by uid 0",
                 .stop_boottime_usec = 123,
                 .unconfirmed = true,
                 .decided_incarnation = 6,
                 .restart_boottime_usec = 99,
                 .failures_in_row = 3,
                 .launch_failures_in_row = 2,
                 .shim_pid = 77,
                 .shim_start_time = 88,
                 .scope = "/cgwarden.slice/web.scope",
                 .image = "95a43626341e"};
  ASSERT_TRUE(write_agent_note(directory_, "web", note));
  const auto files = read_workload_files(directory_, "web");
  ASSERT_TRUE(files);
  ASSERT_TRUE(files->note);
  EXPECT_EQ(files->note->yaml, note.yaml);
  EXPECT_EQ(files->note->incarnation, 7U);
  EXPECT_EQ(files->note->restarts, 6U);
  EXPECT_FALSE(files->note->wanted);
  EXPECT_EQ(files->note->stop_reason, note.stop_reason);
  EXPECT_EQ(to_json(*files->note), to_json(note));
  EXPECT_FALSE(files->status);
  EXPECT_FALSE(files->exit);
  EXPECT_THAT(list_workload_names(directory_).value(), testing::ElementsAre("web"));
}

TEST_F(WorkloadFilesTest, TheNoteIsNotForEveryLocalUser) {
  const std::string directory = workload_directory(directory_, "web");
  ASSERT_TRUE(make_directories(directory, 0755));  // of an earlier version
  ASSERT_TRUE(write_agent_note(directory_, "web", {}));
  struct stat status{};
  ASSERT_EQ(::stat(directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750U);
  ASSERT_EQ(::stat((directory + "/agent.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(WorkloadFilesTest, ANoteOfAnEarlierAgentIsUndecided) {
  const auto note = parse_agent_note(
      R"({"version":1,"origin":"/x","yaml":"","incarnation":2,"restarts":1,"wanted":true,)"
      R"("stop_reason":"","stop_boottime_usec":0})",
      "agent.json");
  ASSERT_TRUE(note) << note.error().sentence();
  EXPECT_EQ(note->decided_incarnation, 0U);
  EXPECT_FALSE(note->unconfirmed);
  EXPECT_EQ(note->shim_pid, -1);
}

TEST_F(WorkloadFilesTest, AShimThatLivesHoldsItsWorkload) {
  EXPECT_TRUE(no_shim_holds(directory_, "web"));
  ASSERT_TRUE(write_agent_note(directory_, "web", {}));
  EXPECT_TRUE(no_shim_holds(directory_, "web"));
  const std::string path = workload_directory(directory_, "web") + "/shim.lock";
  auto lock = open_at(AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(lock);
  EXPECT_TRUE(no_shim_holds(directory_, "web"));
  ASSERT_EQ(::flock(lock->get(), LOCK_EX), 0);
  EXPECT_EQ(no_shim_holds(directory_, "web").error().kind, ErrorKind::busy);
  lock->reset();
  EXPECT_TRUE(no_shim_holds(directory_, "web"));
}

TEST_F(WorkloadFilesTest, ADamagedFileIsAnErrorThatNamesIt) {
  ASSERT_TRUE(write_agent_note(directory_, "web", {}));
  for (const auto* text : {"", "{", "[]", R"({"version":99})", R"({"version":1,"origin":5})"}) {
    ASSERT_TRUE(write_file_atomically(directory_ + "/workloads/web/agent.json", text));
    const auto files = read_workload_files(directory_, "web");
    ASSERT_FALSE(files) << text;
    EXPECT_EQ(files.error().kind, ErrorKind::malformed);
    EXPECT_THAT(files.error().where, testing::HasSubstr("web/agent.json"));
  }
}

TEST_F(WorkloadFilesTest, AReusedShimPidIsNotAlive) {
  launcher::RunningStatus status;
  status.name = "web";
  status.incarnation = 1;
  status.shim_pid = ::getpid();
  status.shim_start_time = launcher::process_start_time(::getpid()).value();
  status.pid = 1;
  status.main_pid = 1;
  const std::string file = directory_ + "/workloads/web/status.json";
  ASSERT_TRUE(make_directories(directory_ + "/workloads/web"));
  ASSERT_TRUE(write_file_atomically(file, launcher::to_json(status)));
  EXPECT_TRUE(read_workload_files(directory_, "web")->shim_alive);
  status.shim_start_time += 1;
  ASSERT_TRUE(write_file_atomically(file, launcher::to_json(status)));
  EXPECT_FALSE(read_workload_files(directory_, "web")->shim_alive);
}

}  // namespace
}  // namespace cgwarden::agent
