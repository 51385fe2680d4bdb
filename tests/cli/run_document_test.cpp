#include "cli/run_document.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "command.h"

#include "agent/policy_source.h"

namespace cgwarden::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

RunOptions shell() {
  RunOptions options;
  options.command = {"/bin/sh", "-c", "echo \"$HOME\": {a}"};
  options.name = "box";
  return options;
}

policy::Workload read(const RunOptions& options) {
  const auto document = run_document(options);
  EXPECT_TRUE(document) << document.error().sentence();
  const auto workload = agent::parse_workload(*document, "command line");
  EXPECT_TRUE(workload) << workload.error().sentence();
  return workload ? *workload : policy::Workload{};
}

TEST(RunDocument, TheLeastIsACommandInTheHostsRoot) {
  const policy::Workload workload = read(shell());
  EXPECT_EQ(workload.name, "box");
  EXPECT_EQ(workload.rootfs, "/");
  EXPECT_THAT(workload.command, ElementsAre("/bin/sh", "-c", "echo \"$HOME\": {a}"));
  EXPECT_TRUE(workload.init);
}

TEST(RunDocument, EveryOptionArrives) {
  RunOptions options = shell();
  options.rootfs = "images/web/";
  options.env = {"A=b=c", "EMPTY="};
  options.mounts = {"/srv/data:/data:ro", "work:/work"};
  options.user = "1000:1001";
  options.cwd = "/tmp";
  options.hostname = "box1";
  options.network = "host";
  options.memory = "64MiB";
  options.cpus = "1.5";
  options.pids = "10";
  options.cap_add = {"CAP_NET_ADMIN"};
  options.cap_drop = {"ALL"};
  options.read_only = true;
  options.no_init = true;
  const policy::Workload workload = read(options);
  EXPECT_EQ(workload.rootfs, std::filesystem::current_path() / "images/web");
  EXPECT_EQ(workload.env.at("A"), "b=c");
  EXPECT_EQ(workload.env.at("EMPTY"), "");
  ASSERT_EQ(workload.mounts.size(), 2U);
  EXPECT_TRUE(workload.mounts[0].readonly);
  EXPECT_EQ(workload.mounts[1].source, std::filesystem::current_path() / "work");
  EXPECT_FALSE(workload.mounts[1].readonly);
  EXPECT_EQ(workload.uid, 1000U);
  EXPECT_EQ(workload.gid, 1001U);
  EXPECT_EQ(workload.cwd, "/tmp");
  EXPECT_EQ(workload.hostname, "box1");
  EXPECT_TRUE(workload.network.mode == policy::WorkloadNetwork::Mode::host);
  EXPECT_FALSE(workload.resources.empty());
  EXPECT_THAT(workload.capabilities_add, ElementsAre("CAP_NET_ADMIN"));
  EXPECT_THAT(workload.capabilities_drop, ElementsAre("ALL"));
  EXPECT_TRUE(workload.readonly_rootfs);
  EXPECT_FALSE(workload.init);
}

TEST(RunDocument, AnImageStandsForTheRootAndForACommand) {
  RunOptions options;
  options.image = "web";
  policy::Workload workload = read(options);
  EXPECT_EQ(workload.image, "web");
  EXPECT_THAT(workload.command, testing::IsEmpty());
  EXPECT_EQ(workload.rootfs, "");
  EXPECT_THAT(workload.name, testing::StartsWith("run-"));
  options = shell();
  options.image = "./web.tar";
  workload = read(options);
  EXPECT_EQ(workload.image, std::filesystem::current_path() / "web.tar");
  EXPECT_THAT(workload.command, ElementsAre("/bin/sh", "-c", "echo \"$HOME\": {a}"));
}

TEST(RunDocument, AnOptionOfAnotherFormIsNamed) {
  const auto refused = [](const RunOptions& options) {
    const auto document = run_document(options);
    return document ? std::string() : document.error().sentence();
  };
  RunOptions options = shell();
  options.env = {"=x"};
  EXPECT_THAT(refused(options), HasSubstr("--env =x"));
  for (const auto* mount : {"/a", "/a:/b:rw", ":/b", "/a:", "/a:/b:ro:x"}) {
    options = shell();
    options.mounts = {mount};
    EXPECT_THAT(refused(options), HasSubstr("--mount"));
  }
  for (const auto* user : {"1:", ":1", "1:2:3"}) {
    options = shell();
    options.user = user;
    EXPECT_THAT(refused(options), HasSubstr("--user"));
  }
  options = shell();
  options.command = {"\xff"};
  EXPECT_THAT(refused(options), HasSubstr("UTF-8"));
}

TEST(RunCommandLine, WhatBelongsToTheCommandStaysTheCommands) {
  // No such directory: it fails before anything runs, in the sentence of the file's reader.
  const Outcome outcome = cgwarden({"run", "--memory", "64Mib", "--", "/bin/sh", "--help", "-d"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("64Mib"));
}

TEST(RunCommandLine, WrongUsageIsTwo) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"run"},
                                                {"run", "a.yaml", "--", "/bin/true"},
                                                {"run", "--name", "x", "a.yaml"},
                                                {"run", "-d", "--rm", "--", "/bin/true"}}) {
    EXPECT_EQ(cgwarden(words).exit_code, 2);
  }
}

}  // namespace
}  // namespace cgwarden::cli
