#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/limits.h"
#include "launcher/spec.h"
#include "tests/launcher/config_text.h"
#include "tests/paths.h"

// Documents in the shape that the callers of OCI runtimes write them
// (tests/fuzz/corpus/oci_config).
namespace cgwarden::launcher {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string text_of(const std::string& name) {
  const auto text =
      read_file(in_source("tests/fuzz/corpus/oci_config/") + name, limits::kStateFileBytes);
  EXPECT_TRUE(text) << name;
  return text.value_or("");
}

TEST(ConfigProducersTest, Podman) {
  const std::string text = text_of("podman.json");
  EXPECT_THAT(warnings_of(text), IsEmpty());
  const Spec spec = parsed(text);
  EXPECT_EQ(parsed(to_config(spec)), spec);
  EXPECT_EQ(spec.oci_version, "1.0.2-dev");
  EXPECT_TRUE(spec.process.terminal);
  EXPECT_EQ(spec.process.user.umask, 022U);
  EXPECT_EQ(spec.process.oom_score_adj, 0);
  EXPECT_THAT(spec.process.capabilities.inheritable, IsEmpty());
  EXPECT_EQ(spec.hooks.prestart.at(0).timeout_sec, 10U);
  EXPECT_EQ(spec.hooks.poststop.at(0).args.at(0), "cleanup");
  EXPECT_THAT(spec.cgroups_path, HasSubstr("machine.slice:libpod:"));
  EXPECT_EQ(spec.resources.memory.swap, 268435456);
  EXPECT_EQ(spec.resources.pids_limit, 2048);
  EXPECT_EQ(spec.devices.at(0).file_mode, 0666U);
  EXPECT_EQ(spec.rootfs_propagation, "rslave");
  const auto data = std::ranges::find(spec.mounts, "/data", &Mount::destination);
  ASSERT_NE(data, spec.mounts.end());
  EXPECT_THAT(data->options, Contains("idmap"));
  EXPECT_THAT(data->uid_mappings, ElementsAre(IdMapping{0, 1, 65535}));
  ASSERT_TRUE(spec.seccomp_config);
  EXPECT_EQ(spec.seccomp_config->default_errno_ret, 38U);
  EXPECT_EQ(spec.seccomp_config->syscalls.at(0).errno_ret, 1U);
  EXPECT_GT(spec.seccomp_config->syscalls.at(1).names.size(), 250U);
  EXPECT_EQ(spec.seccomp, SeccompProfile::unconfined);
}

TEST(ConfigProducersTest, Docker) {
  const std::string text = text_of("docker.json");
  EXPECT_THAT(warnings_of(text),
              ElementsAre(HasSubstr("linux.resources.memory.swappiness is ignored")));
  const Spec spec = parsed(text);
  EXPECT_EQ(parsed(to_config(spec)), spec);
  EXPECT_FALSE(spec.process.console_size);
  EXPECT_EQ(spec.process.apparmor_profile, "docker-default");
  EXPECT_FALSE(spec.process.no_new_privileges);
  EXPECT_EQ(spec.domainname, "example.org");
  EXPECT_EQ(spec.hooks.prestart.at(0).args.at(0), "libnetwork-setkey");
  EXPECT_EQ(spec.namespaces.at(1), (Namespace{NamespaceType::network, ""}));
  EXPECT_FALSE(spec.resources.devices.at(8).major);
  EXPECT_EQ(spec.resources.devices.at(8).access, "m");
  EXPECT_EQ(spec.resources.devices.at(0).type, 'a');
  EXPECT_FALSE(spec.resources.pids_limit);
  EXPECT_EQ(spec.resources.block_io.weight, 0);
  ASSERT_TRUE(spec.seccomp_config);
  EXPECT_EQ(spec.seccomp_config->architectures.size(), 3U);
}

TEST(ConfigProducersTest, RuncSpec) {
  const std::string text = text_of("runc-spec.json");
  EXPECT_THAT(warnings_of(text), IsEmpty());
  const Spec spec = parsed(text);
  EXPECT_EQ(parsed(to_config(spec)), spec);
  EXPECT_EQ(spec.root_path, "rootfs");
  EXPECT_TRUE(spec.root_readonly);
  EXPECT_FALSE(spec.seccomp_config);
  EXPECT_THAT(spec.mounts.at(0).options, IsEmpty());
  EXPECT_EQ(spec.process.capabilities.ambient.size(), 3U);
}

TEST(ConfigProducersTest, EveryPropertyOfTheSpecificationAtOnce) {
  const Spec spec = parsed(text_of("full.json"));
  EXPECT_EQ(parsed(to_config(spec)), spec);
  EXPECT_EQ(spec.mounts.at(0).destination, "/a");
  EXPECT_EQ(spec.namespaces.size(), 8U);
  EXPECT_TRUE(spec.init);
}

}  // namespace
}  // namespace cgwarden::launcher
