#include "launcher/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/launcher/config_text.h"

namespace cgwarden::launcher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(SpecTest, WithoutSeccompAndNoNewPrivilegesOciMeansNone) {
  const Spec spec = parsed(document("", ""));
  EXPECT_EQ(spec.seccomp, SeccompProfile::unconfined);
  EXPECT_FALSE(spec.seccomp_config);
  EXPECT_FALSE(spec.process.no_new_privileges);
  EXPECT_TRUE(spec.namespaces.empty());
}

TEST(SpecTest, TheDefaultSurvivesTheRoundTrip) {
  Spec spec = default_spec();
  spec.process.args = {"/bin/server", "--name", "häßlich \"x\" \\"};
  spec.root_path = "rootfs";
  EXPECT_EQ(parsed(to_config(spec)), spec);
}

TEST(SpecTest, OurSeccompAnnotationCountsOnlyWithoutLinuxSeccomp) {
  const std::string annotation = R"(,"annotations":{"io.github.cgwarden.seccomp":"default"})";
  EXPECT_EQ(parsed(document("", annotation)).seccomp, SeccompProfile::container_default);
  const Spec both = parsed(
      document("", R"(,"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}})" + annotation));
  EXPECT_EQ(both.seccomp, SeccompProfile::unconfined);
  ASSERT_TRUE(both.seccomp_config);
  EXPECT_EQ(both.seccomp_config->default_action, "SCMP_ACT_ALLOW");
  EXPECT_EQ(refusal(document("", R"(,"annotations":{"io.github.cgwarden.seccomp":"mine"})")),
            says(R"(annotations.io.github.cgwarden.seccomp must be "default" or "unconfined")"));
}

TEST(SpecTest, OurAnnotationsAreNotPassedOn) {
  const Spec spec =
      parsed(document("", R"(,"annotations":{"io.github.cgwarden.init":"true","a":"b"})"));
  EXPECT_TRUE(spec.init);
  EXPECT_EQ(spec.annotations, (std::map<std::string, std::string>{{"a", "b"}}));
  EXPECT_EQ(refusal(document("", R"(,"annotations":{"io.github.cgwarden.init":"yes"})")),
            says(R"(annotations.io.github.cgwarden.init must be "true" or "false")"));
  EXPECT_EQ(refusal(document("", R"(,"annotations":{"a":1})")),
            says("annotations.a must be a string"));
}

TEST(SpecTest, UnknownPropertiesAndOtherPlatformsAreIgnored) {
  EXPECT_EQ(
      refusal(document(
          R"(,"commandLine":"x","com.example":[1],"user":{"username":"x","x":{}})",
          R"(,"windows":{"layerFolders":["x"]},"solaris":{"milestone":"x"},"vm":{"kernel":{"path":"/k"}},
            "zos":{"namespaces":[{"type":"pid"}]},"freebsd":{"jail":{}},"tomorrow":true,
            "mounts":[{"destination":"/t","type":"tmpfs","tomorrow":1}],
            "linux":{"tomorrow":{"a":1},"resources":{"tomorrow":1,"memory":{"tomorrow":1}}})")),
      "accepted");
}

TEST(SpecTest, NullCountsAsAbsent) {
  EXPECT_EQ(parsed(R"({"ociVersion":"1.2.0","process":null,"root":{"path":"/r","readonly":null},
    "hostname":null,"mounts":null,"hooks":null,"annotations":{"a":null},
    "linux":{"namespaces":null,"resources":{"memory":{"limit":null},"devices":null},
      "seccomp":null,"intelRdt":null}})"),
            parsed(R"({"ociVersion":"1.2.0","root":{"path":"/r"}})"));
}

TEST(SpecTest, WithoutAProcessAContainerCanBeCreated) {
  const Spec spec = parsed(R"({"ociVersion":"1.2.0","root":{"path":"/r"}})");
  EXPECT_FALSE(spec.has_process);
  EXPECT_EQ(to_config(spec).find("\"process\""), std::string::npos);
  EXPECT_TRUE(parsed(document("", "")).has_process);
}

TEST(SpecTest, VersionsOfTheFirstMajorAreAccepted) {
  for (const auto* version : {"1.0.0", "1.0.2", "1.0.2-dev", "1.0.0-rc5", "1.1.0", "1.1.0+dev",
                              "1.2.0", "1.2.1", "1.3.0", "1.2", "1.3.0-rc.1+build.5"}) {
    EXPECT_EQ(refusal(std::string(R"({"ociVersion":")") + version + R"(","root":{"path":"/r"}})"),
              "accepted")
        << version;
  }
  for (const auto* version : {"", "1", "1.", "1.x", "1.2.", "2.0.0", "0.1.0", "10.2.0", "1.2.3.4",
                              "v1.2.0", "1.-2.0", "-1.0.0"}) {
    EXPECT_EQ(refusal(std::string(R"({"ociVersion":")") + version + R"(","root":{"path":"/r"}})"),
              says("ociVersion must be 1.x"))
        << version;
  }
  EXPECT_EQ(refusal(R"({"root":{"path":"/r"}})"), says("ociVersion is missing"));
}

TEST(SpecTest, ARootIsRequired) {
  EXPECT_EQ(refusal(R"({"ociVersion":"1.2.0"})"), says("root is missing"));
  EXPECT_EQ(refusal(R"({"ociVersion":"1.2.0","root":{}})"), says("root.path is missing"));
  EXPECT_EQ(refusal(R"({"ociVersion":"1.2.0","root":"/r"})"), says("root must be an object"));
  EXPECT_EQ(refusal(R"({"ociVersion":"1.2.0","root":{"path":"/r","readonly":1}})"),
            says("root.readonly must be true or false"));
}

TEST(SpecTest, RelativeMountDestinationsAreTakenFromTheRoot) {
  const std::string text =
      document("", R"(,"mounts":[{"destination":"a/b","type":"tmpfs","source":"tmpfs"}])");
  EXPECT_EQ(parsed(text).mounts.at(0).destination, "/a/b");
  EXPECT_THAT(warnings_of(text), ElementsAre(HasSubstr("mounts[0].destination is relative")));
}

TEST(SpecTest, RelativeBindSourcesAreKeptForTheBundle) {
  const Spec spec = parsed(
      document("", R"(,"mounts":[{"destination":"/a","source":"data","options":["rbind","idmap"],
      "uidMappings":[{"containerID":0,"hostID":1000,"size":1}],
      "gidMappings":[{"containerID":0,"hostID":2000,"size":1}]}])"));
  EXPECT_EQ(spec.mounts.at(0), (Mount{.destination = "/a",
                                      .type = "",
                                      .source = "data",
                                      .options = {"rbind", "idmap"},
                                      .uid_mappings = {{0, 1000, 1}},
                                      .gid_mappings = {{0, 2000, 1}}}));
}

TEST(SpecTest, BadMountsAreRefusedByName) {
  const Refusal cases[] = {
      {R"({"type":"tmpfs"})", "mounts[0].destination is missing"},
      {R"({"destination":"","type":"tmpfs"})", "mounts[0].destination may not be empty"},
      {R"({"destination":"/a"})", "mounts[0].type is missing"},
      {R"({"destination":"/a","type":"bind"})", "mounts[0].source is missing"},
      {R"({"destination":"/a","type":"none","options":["rbind"]})", "mounts[0].source is missing"},
      {R"({"destination":"/a","type":"tmpfs","options":[1]})",
       "mounts[0].options[0] must be a string"},
      {R"({"destination":"/a","type":"tmpfs","uidMappings":[{"containerID":0,"hostID":0,"size":1}]})",
       "mounts[0].gidMappings is missing: both have to be given"},
      {R"({"destination":"/a","type":"tmpfs","gidMappings":[{"containerID":0,"hostID":0}]})",
       "mounts[0].gidMappings[0].size is missing"},
      {"7", "mounts[0] must be an object"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(refusal(document("", R"(,"mounts":[)" + one.json + "]")), says(one.fault));
  }
}

TEST(SpecTest, AllSixKindsOfHooksAreRead) {
  const Spec spec = parsed(document("", R"(,"hooks":{"prestart":[{"path":"/1"}],
    "createRuntime":[{"path":"/2","args":["two","x"],"env":["A=b"],"timeout":30}],
    "createContainer":[{"path":"/3"}],"startContainer":[{"path":"/4"}],
    "poststart":[{"path":"/5"},{"path":"/6"}],"poststop":[{"path":"/7"}]})"));
  EXPECT_EQ(
      spec.hooks.create_runtime,
      (std::vector<Hook>{{.path = "/2", .args = {"two", "x"}, .env = {"A=b"}, .timeout_sec = 30}}));
  EXPECT_EQ(spec.hooks.prestart.at(0).path, "/1");
  EXPECT_FALSE(spec.hooks.prestart.at(0).timeout_sec);
  EXPECT_EQ(spec.hooks.create_container.at(0).path, "/3");
  EXPECT_EQ(spec.hooks.start_container.at(0).path, "/4");
  EXPECT_EQ(spec.hooks.poststart.at(1).path, "/6");
  EXPECT_EQ(spec.hooks.poststop.at(0).path, "/7");
}

TEST(SpecTest, BadHooksAreRefusedByName) {
  const Refusal cases[] = {
      {R"({"path":"x"})", "hooks.poststop[0].path must be an absolute path"},
      {R"({"args":["x"]})", "hooks.poststop[0].path is missing"},
      {R"({"path":"/x","timeout":0})", "hooks.poststop[0].timeout must be more than 0 seconds"},
      {R"({"path":"/x","timeout":-1})",
       "hooks.poststop[0].timeout must be a whole number in range"},
      {R"({"path":"/x","env":"A=b"})", "hooks.poststop[0].env must be an array"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(refusal(document("", R"(,"hooks":{"poststop":[)" + one.json + "]}")),
              says(one.fault));
  }
}

TEST(SpecTest, BrokenJsonIsRefused) {
  EXPECT_THAT(refusal(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("{"), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(document("", R"(,"root":{"path":"/other"})")),
              HasSubstr("the property root stands twice"));
  EXPECT_THAT(refusal(linux_document(R"("sysctl":{"a":"1","a":"2"})")),
              HasSubstr("the property a stands twice"));
  EXPECT_THAT(refusal(document("", R"(,"x":)" + std::string(40, '[') + std::string(40, ']'))),
              HasSubstr("nested too deeply"));
}

TEST(SpecTest, ComplaintsCannotDriveTheTerminal) {
  EXPECT_EQ(refusal(document("", R"(,"annotations":{"\u001b[2J":1})")).find('\x1b'),
            std::string::npos);
  EXPECT_EQ(refusal(R"({"\u001b[2J":1,"\u001b[2J":1})").find('\x1b'), std::string::npos);
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
