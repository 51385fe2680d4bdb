#include "launcher/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;

std::string document(const std::string& process, const std::string& rest) {
  return R"({"ociVersion":"1.2.0","process":{"cwd":"/","args":["a"])" + process +
         R"(},"root":{"path":"/r"})" + rest + "}";
}

std::string refusal(const std::string& json) {
  const auto spec = parse_config(json, "config.json");
  return spec ? "accepted" : spec.error().sentence();
}

TEST(SpecTest, EverythingSurvivesTheRoundTrip) {
  Spec spec = default_spec();
  spec.process.args = {"/bin/server", "--name", "häßlich \"x\" \\"};
  spec.process.env.emplace_back("A=b=c");
  spec.process.cwd = "/srv";
  spec.process.user = {.uid = 7, .gid = 8, .additional_gids = {9, 10}, .umask = 027};
  spec.process.rlimits = {{"RLIMIT_NOFILE", 1024, 4096}, {"RLIMIT_CORE", 0, ~0ULL}};
  spec.process.no_new_privileges = false;
  spec.process.oom_score_adj = -5;
  spec.process.capabilities.ambient = {"CAP_KILL"};
  spec.process.capabilities.inheritable = {"CAP_KILL"};
  spec.root_path = "/srv/rootfs";
  spec.root_readonly = true;
  spec.hostname = "box";
  spec.namespaces.push_back({NamespaceType::user, ""});
  spec.namespaces[1].path = "/proc/1/ns/net";
  spec.uid_mappings = {{0, 100000, 65536}};
  spec.gid_mappings = {{0, 200000, 65536}};
  spec.init = true;
  spec.seccomp = SeccompProfile::container_default;
  spec.annotations = {{"a", "b"}};
  const std::string text = to_config(spec);
  const auto parsed = parse_config(text, "config.json");
  ASSERT_TRUE(parsed) << parsed.error().sentence();
  EXPECT_EQ(to_config(*parsed), text);
  EXPECT_EQ(parsed->process.args, spec.process.args);
  EXPECT_EQ(parsed->process.user.additional_gids, spec.process.user.additional_gids);
  EXPECT_EQ(parsed->process.user.umask, spec.process.user.umask);
  EXPECT_EQ(parsed->process.oom_score_adj, -5);
  EXPECT_EQ(parsed->process.rlimits[1].hard, ~0ULL);
  EXPECT_EQ(parsed->namespaces[1].path, "/proc/1/ns/net");
  EXPECT_EQ(parsed->gid_mappings[0].host_id, 200000U);
  EXPECT_EQ(parsed->annotations, spec.annotations);
  EXPECT_TRUE(parsed->init);
  EXPECT_TRUE(parsed->root_readonly);
  EXPECT_FALSE(parsed->process.no_new_privileges);
  EXPECT_EQ(parsed->seccomp, SeccompProfile::container_default);
}

TEST(SpecTest, WithoutSeccompAndNoNewPrivilegesOciMeansNone) {
  const auto spec = parse_config(document("", ""), "config.json");
  ASSERT_TRUE(spec) << spec.error().sentence();
  EXPECT_EQ(spec->seccomp, SeccompProfile::unconfined);
  EXPECT_FALSE(spec->process.no_new_privileges);
  EXPECT_TRUE(spec->namespaces.empty());
}

struct Refusal {
  std::string process;
  std::string rest;
  std::string says;
};

TEST(SpecTest, WhatIsNotCarriedOutIsRefusedByName) {
  const Refusal cases[] = {
      {"", R"(,"linux":{"intelRdt":{"closID":"x"}})", "linux.intelRdt is not supported"},
      {"", R"(,"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}})",
       "linux.seccomp is not supported"},
      {"", R"(,"linux":{"resources":{"pids":{"limit":3}}})", "linux.resources is not supported"},
      {"", R"(,"linux":{"sysctl":{"a":"b"}})", "linux.sysctl is not supported"},
      {"", R"(,"hooks":{"poststop":[{"path":"/x"}]})", "hooks is not supported"},
      {"", R"(,"windows":{"x":1})", "windows is not supported"},
      {"", R"(,"domainname":"x")", "domainname is not supported"},
      {R"(,"terminal":true)", "", "process.terminal is not supported"},
      {R"(,"apparmorProfile":"x")", "", "process.apparmorProfile is not supported"},
      {R"(,"scheduler":{"policy":"SCHED_FIFO"})", "", "process.scheduler is not supported"},
      {R"(,"user":{"uid":1,"name":"x"})", "", "process.user.name is not supported"},
      {R"(,"rlimits":[{"type":"RLIMIT_X","soft":1,"hard":1}])", "",
       "process.rlimits[0].type is not a resource limit"},
      {R"(,"capabilities":{"bounding":["CAP_KILL","CAP_FLY"]})", "",
       "process.capabilities.bounding names CAP_FLY, which is not a capability"},
      {"", R"(,"linux":{"namespaces":[{"type":"time"}]})",
       "linux.namespaces[0] asks for the namespace \"time\", which is not supported"},
      {"", R"(,"linux":{"namespaces":[{"type":"pid"},{"type":"pid"}]})",
       "linux.namespaces[1] repeats the namespace pid"},
      {"", R"(,"linux":{"namespaces":[{"type":"mount","path":"/x"}]})",
       "linux.namespaces[0].path is not supported"},
      {"", R"(,"mounts":[{"destination":"/a","type":"tmpfs","options":["tmpcopyup"]}])",
       "mounts[0].options contains tmpcopyup, which is not supported"},
      {"", R"(,"mounts":[{"destination":"a","type":"tmpfs"}])",
       "mounts[0].destination must be an absolute path"},
      {"", R"(,"mounts":[{"destination":"/a"}])", "mounts[0].type is missing"},
      {"", R"(,"annotations":{"io.github.cgwarden.init":"yes"})", "must be \"true\" or \"false\""},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(refusal(document(one.process, one.rest)), HasSubstr(one.says));
  }
}

TEST(SpecTest, PropertiesThatAskForNothingAreAccepted) {
  EXPECT_EQ(refusal(document(R"(,"terminal":false,"apparmorProfile":null)",
                             R"(,"hooks":{},"linux":{"devices":[]})")),
            "accepted");
}

TEST(SpecTest, WrongTypesAndMissingPropertiesAreNamed) {
  EXPECT_THAT(refusal(R"({"ociVersion":"1.2.0","root":{"path":"/r"}})"),
              HasSubstr("process is missing"));
  EXPECT_THAT(refusal(R"({"ociVersion":"1.2.0","process":{"cwd":"/"}})"),
              HasSubstr("root is missing"));
  EXPECT_THAT(refusal(R"({"ociVersion":"2.0","process":{"cwd":"/"},"root":{"path":"/"}})"),
              HasSubstr("ociVersion must be 1.x"));
  EXPECT_THAT(refusal(document(R"(,"env":[1])", "")), HasSubstr("process.env[0] must be a string"));
  EXPECT_THAT(refusal(document(R"(,"user":{"uid":-1})", "")),
              HasSubstr("process.user.uid must be a whole number in range"));
  EXPECT_THAT(refusal(document(R"(,"user":{"uid":4294967296})", "")),
              HasSubstr("process.user.uid must be a whole number in range"));
  EXPECT_THAT(refusal(document(R"(,"user":{"uid":1.0})", "")),
              HasSubstr("process.user.uid must be a whole number in range"));
  EXPECT_THAT(refusal(document(R"(,"oomScoreAdj":1001)", "")),
              HasSubstr("process.oomScoreAdj must be between -1000 and 1000"));
  EXPECT_THAT(refusal(document(R"(,"env":["A=\u0000"])", "")), HasSubstr("zero byte"));
}

TEST(SpecTest, BrokenJsonIsRefused) {
  EXPECT_THAT(refusal(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("{"), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(document("", R"(,"root":{"path":"/other"})")),
              HasSubstr("the property root stands twice"));
  EXPECT_THAT(refusal(document("", R"(,"x":)" + std::string(40, '[') + std::string(40, ']'))),
              HasSubstr("nested too deeply"));
}

TEST(SpecTest, TheDefaultHasTheFourteenCapabilitiesAndNoInheritableOnes) {
  const Spec spec = default_spec();
  EXPECT_EQ(default_capabilities().size(), 14U);
  EXPECT_EQ(spec.process.capabilities.bounding, default_capabilities());
  EXPECT_TRUE(spec.process.capabilities.inheritable.empty());
  EXPECT_TRUE(spec.process.capabilities.ambient.empty());
  EXPECT_TRUE(spec.process.no_new_privileges);
  for (const auto type : {NamespaceType::pid, NamespaceType::network, NamespaceType::mount,
                          NamespaceType::ipc, NamespaceType::uts, NamespaceType::cgroup}) {
    EXPECT_TRUE(spec.has_namespace(type));
  }
  EXPECT_FALSE(spec.has_namespace(NamespaceType::user));
}

}  // namespace
}  // namespace cgwarden::launcher
