#include "cli/posture_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/unique_fd.h"
#include "cli/audit_report.h"
#include "cli/container_finder.h"
#include "diagnosis/audit/audit.h"
#include "tests/cli/command.h"
#include "tests/paths.h"

namespace cgwarden::cli {
namespace {

using diagnosis::audit::Finding;
using diagnosis::audit::NamespaceType;
using diagnosis::audit::Posture;
using diagnosis::audit::Severity;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Captured: 1 a process of the host, 42 of `unshare --pid --fork --mount`, 43 with all namespaces
// of its own and without capabilities; 44 is a zombie.
const std::string kTree = in_source("tests/cli/posture");

PostureReader fixture() { return PostureReader::open(kTree, kTree + "/sys/fs/cgroup").value(); }

TEST(PostureReader, APoorContainer) {
  const Posture posture = fixture().read(42).value();
  EXPECT_EQ(posture.comm, "sleep");
  for (const auto type : {NamespaceType::net, NamespaceType::ipc, NamespaceType::uts,
                          NamespaceType::cgroup, NamespaceType::user}) {
    EXPECT_TRUE(posture.shares(type));
  }
  EXPECT_TRUE(posture.of(NamespaceType::pid));
  EXPECT_FALSE(posture.shares(NamespaceType::pid));
  EXPECT_FALSE(posture.shares(NamespaceType::mnt));
  EXPECT_EQ(posture.status->permitted, 0x1fffeffffffU);
  EXPECT_EQ(posture.status->seccomp, 0U);
  EXPECT_EQ(*posture.all_capabilities, 0x1ffffffffffU);
  EXPECT_EQ(posture.labels->at(0).label, "unconfined");
  EXPECT_TRUE(*posture.root_is_host_root);
  EXPECT_THAT(*posture.sensitive_paths, ElementsAre("/proc/kcore"));
  ASSERT_EQ(posture.directories->size(), 2U);
  EXPECT_EQ(posture.directories->at(0).link, "cwd");
  EXPECT_EQ(posture.directories->at(1).link, "fd/7");
  EXPECT_EQ(posture.mounts->own.front().mount_point, "/");
  EXPECT_EQ(posture.mounts->own.front().device_major, 254U);
  EXPECT_FALSE(posture.pids_max);
  EXPECT_THAT(posture.pids_max.reason(), HasSubstr("cgroup v1"));
}

TEST(PostureReader, ABetterOne) {
  const Posture posture = fixture().read(43).value();
  for (const auto& pair : posture.namespaces) {
    ASSERT_TRUE(pair);
    EXPECT_FALSE(pair->shared()) << pair->own;
  }
  EXPECT_TRUE(posture.status->no_new_privs);
  EXPECT_EQ(posture.status->bounding, 0U);
  ASSERT_EQ(posture.uid_map->size(), 1U);
  EXPECT_EQ(posture.uid_map->at(0).count, 1U);
  EXPECT_EQ(posture.labels->at(0).label, "docker-default (enforce)");
  EXPECT_FALSE(*posture.root_is_host_root);
  EXPECT_TRUE(posture.devices->empty());
  // The tightest on the way up, wherever it is.
  EXPECT_EQ(std::get<std::uint64_t>(posture.pids_max->value), 100U);
  EXPECT_EQ(posture.pids_max->cgroup, "/outer");
  EXPECT_EQ(std::get<std::uint64_t>(posture.memory_max->value), 1048576U);
  EXPECT_EQ(posture.memory_max->cgroup, "/outer/inner");
}

TEST(PostureReader, WhoIsGoneOrAZombieHasEnded) {
  for (const auto& [pid, words] : {std::pair{44, "it has ended"}, {4444, "no such process"}}) {
    const auto posture = fixture().read(pid);
    ASSERT_FALSE(posture);
    EXPECT_EQ(posture.error().kind, ErrorKind::vanished);
    EXPECT_THAT(posture.error().sentence(), HasSubstr(std::to_string(pid)));
    EXPECT_THAT(posture.error().sentence(), HasSubstr(words));
  }
}

TEST(ContainerFinder, WhatIsAContainer) {
  const auto list = find_containers(fixture().proc_fd()).value();
  EXPECT_EQ(list.unseen, 0U);
  std::vector<std::string> found;
  for (const auto& one : list.containers) {
    found.push_back(one.runtime + " " + one.name.substr(0, 12) + " " + std::to_string(one.pid));
  }
  // 2 is a kernel thread; 45 and 46 are one container, which shares the host's namespaces.
  EXPECT_THAT(found, ElementsAre("- pid 42 42", "- pid 43 43", "docker 0123456789ab 45"));
}

TEST(PostureReader, ThisProcess) {
  const auto reader = PostureReader::open("/", "");
  ASSERT_TRUE(reader);
  const UniqueFd directory(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto posture = reader->read(::getpid());
  ASSERT_TRUE(posture);
  EXPECT_EQ(posture->comm, "cli_test");
  std::vector<std::string> links;
  for (const auto& handle : *posture->directories) links.push_back(handle.link);
  EXPECT_THAT(links, Contains("cwd"));
  EXPECT_THAT(links, Contains("fd/" + std::to_string(directory.get())));
  // What may be read of process 1 depends on who runs this; what may not says which file.
  for (const auto& pair : posture->namespaces) {
    if (pair) continue;
    EXPECT_THAT(pair.reason(), HasSubstr("/proc/1/ns/"));
  }
}

TEST(PostureReader, AProcessThatEndedAndWasNotReaped) {
  const auto reader = PostureReader::open("/", "");
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto posture = reader->read(child);
  ::waitpid(child, nullptr, 0);
  ASSERT_FALSE(posture);
  EXPECT_EQ(posture.error().kind, ErrorKind::vanished);
}

TEST(ProcessText, StatusMustBeWhole) {
  const std::string good =
      "Name:\tx\nState:\tS (sleeping)\nUid:\t1\t2\t3\t4\nNSpid:\t9\t1\nCapInh:\t00\nCapPrm:\t0f\n"
      "CapEff:\t0e\nCapBnd:\t1ff\nNoNewPrivs:\t1\n";
  const auto status = parse_status(good, "s");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->process.effective_uid, 2U);
  EXPECT_EQ(status->process.effective, 0x0eU);
  EXPECT_EQ(status->process.seccomp, 0U);  // a kernel without it
  EXPECT_THAT(status->namespace_pids, ElementsAre(9, 1));
  for (const auto* line : {"State", "Uid", "CapInh", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs"}) {
    std::string text = good;
    text.replace(text.find(line), 2, "??");
    const auto bad = parse_status(text, "s");
    ASSERT_FALSE(bad) << line;
    EXPECT_THAT(bad.error().sentence(), HasSubstr(line));
  }
  EXPECT_FALSE(parse_status("", "s"));
  EXPECT_FALSE(parse_status(good + "Seccomp:\tmany\n", "s"));
}

TEST(ProcessText, IdMapsAndCgroups) {
  EXPECT_EQ(parse_id_map("         0     100000      65536\n", "m").value().at(0).outside, 100000U);
  EXPECT_TRUE(parse_id_map("", "m").value().empty());
  for (const auto* text : {"0 1\n", "0 1 x\n", "0 1 2 3\n", "0 1 4294967296\n"}) {
    EXPECT_FALSE(parse_id_map(text, "m")) << text;
  }
  const auto cgroup = parse_process_cgroup("9:cpu,pids:/a\n1:name=systemd:/\n0::/b:c\nnoise\n");
  EXPECT_EQ(cgroup.unified, "/b:c");
  EXPECT_THAT(cgroup.v1_controllers, Contains("pids"));
}

AuditedContainer hostile() {
  const std::string name = "evil\033[2J\n\x9b";
  AuditedContainer audited{{"docker", name, 7}, name, "/a/" + name, {}};
  audited.audit.findings.push_back(
      Finding{"x", Severity::high, name + " at /m\033]0;t\007", "/proc/7/mountinfo", "w", "r"});
  audited.audit.not_checked.push_back({"devices", Severity::high, "at " + name});
  return audited;
}

TEST(AuditReport, ForeignNamesCannotDriveTheTerminal) {
  const std::string text = audit_text(hostile(), {}) + audit_table({hostile()});
  for (const char c : {'\033', '\007', '\x9b'})
    EXPECT_THAT(text, Not(HasSubstr(std::string(1, c))));
  EXPECT_THAT(text, HasSubstr("evil\\x1b[2J\\x0a"));
  EXPECT_THAT(text, HasSubstr("Not checked\n  devices (could be high)"));
}

TEST(AuditReport, JsonHasItsVersionAndIsUtf8) {
  const AuditAnswer answer{{hostile()}, 0, Severity::critical};
  const auto document = nlohmann::json::parse(audit_json(answer));
  EXPECT_EQ(document.at("version"), 1);
  EXPECT_EQ(document.at("fail_on"), "critical");
  EXPECT_EQ(document.at("failed"), false);
  const auto& one = document.at("containers").at(0);
  EXPECT_EQ(one.at("worst"), "high");
  EXPECT_EQ(one.at("findings").at(0).at("severity"), "high");
  EXPECT_EQ(one.at("not_checked").at(0).at("could_be"), "high");
}

TEST(AuditAnswer, FailsFromTheChosenSeverityOn) {
  EXPECT_TRUE((AuditAnswer{{hostile()}, 0, Severity::high}).failed());
  EXPECT_FALSE((AuditAnswer{{hostile()}, 0, Severity::critical}).failed());
  EXPECT_FALSE((AuditAnswer{{hostile()}, 9, std::nullopt}).failed());
  EXPECT_TRUE((AuditAnswer{{}, 1, Severity::critical}).failed());
}

TEST(AuditCommand, ExitCodes) {
  const std::string self = std::to_string(::getpid());
  // This test is no container: whatever may be read of it is bad, and what may not counts as bad.
  EXPECT_EQ(cgwarden({"audit", self}).exit_code, 1);
  const Outcome json = cgwarden({"audit", self, "--json", "--fail-on", "never"});
  EXPECT_EQ(json.exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(json.out).at("containers").at(0).at("pid"), ::getpid());
  for (const auto* nobody : {"nobody", "4194305", "../../etc"}) {
    const Outcome outcome = cgwarden({"audit", nobody, "--runtime-dir", "/nonexistent"});
    EXPECT_EQ(outcome.exit_code, 3) << nobody;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, testing::StartsWith("cgwarden: "));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"audit"},
                                                {"audit", "web", "--all"},
                                                {"audit", "web", "--fail-on", "bad"}}) {
    EXPECT_EQ(cgwarden(wrong).exit_code, 2);
  }
}

}  // namespace
}  // namespace cgwarden::cli
