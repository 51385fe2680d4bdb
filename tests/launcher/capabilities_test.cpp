#include "launcher/capabilities.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include "launcher/rlimits.h"
#include "launcher/shim.h"

namespace cgwarden::launcher {
namespace {

TEST(CapabilitiesTest, NumbersAreTheKernels) {
  EXPECT_EQ(capability_number("CAP_CHOWN"), CAP_CHOWN);
  EXPECT_EQ(capability_number("CAP_KILL"), CAP_KILL);
  EXPECT_EQ(capability_number("CAP_SYS_ADMIN"), CAP_SYS_ADMIN);
  EXPECT_EQ(capability_number("CAP_MKNOD"), CAP_MKNOD);
  EXPECT_EQ(capability_number("CAP_SETFCAP"), CAP_SETFCAP);
  EXPECT_EQ(capability_number("CAP_AUDIT_READ"), CAP_AUDIT_READ);
  EXPECT_EQ(capability_number("CAP_CHECKPOINT_RESTORE"), CAP_CHECKPOINT_RESTORE);
  EXPECT_EQ(capability_number("KILL"), -1);
  EXPECT_EQ(capability_number("cap_kill"), -1);
  EXPECT_EQ(capability_number(""), -1);
}

TEST(CapabilitiesTest, SetsAreMasksAndUnknownNamesAreNamed) {
  const auto sets = capability_sets({.bounding = {"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"},
                                     .effective = {"CAP_KILL"},
                                     .inheritable = {},
                                     .permitted = {"CAP_KILL"},
                                     .ambient = {}});
  ASSERT_TRUE(sets);
  EXPECT_EQ(sets->bounding, 1ULL | 1ULL << 40U);
  EXPECT_EQ(sets->effective, 1ULL << 5U);
  EXPECT_EQ(sets->inheritable, 0U);
  const auto unknown = capability_sets({.bounding = {},
                                        .effective = {"CAP_FLY"},
                                        .inheritable = {},
                                        .permitted = {},
                                        .ambient = {}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().sentence(), "cannot start: capabilities: CAP_FLY is not a capability");
}

TEST(CapabilitiesTest, AmbientNeedsPermittedAndInheritable) {
  const Capabilities ambient{.bounding = {},
                             .effective = {},
                             .inheritable = {"CAP_KILL", "CAP_CHOWN"},
                             .permitted = {"CAP_KILL", "CAP_SETUID"},
                             .ambient = {"CAP_KILL", "CAP_SETUID", "CAP_CHOWN"}};
  EXPECT_EQ(capability_warnings(ambient, true),
            (std::vector<std::string>{
                "CAP_CHOWN is not made ambient: it must be permitted and inheritable",
                "CAP_SETUID is not made ambient: it must be permitted and inheritable"}));
}

TEST(RlimitsTest, NamesAreTheKernels) {
  EXPECT_EQ(rlimit_number("RLIMIT_NOFILE"), 7);
  EXPECT_EQ(rlimit_number("RLIMIT_AS"), 9);
  EXPECT_EQ(rlimit_number("NOFILE"), -1);
}

TEST(ShimOptionsTest, AllSixAreNeededOnce) {
  const std::vector<std::string> good{"--name",      "web", "--incarnation", "2",
                                      "--spec-fd",   "3",   "--control-fd",  "4",
                                      "--state-dir", "/s",  "--cgroup-root", "/c"};
  const auto options = parse_shim_options(good);
  ASSERT_TRUE(options) << options.error().sentence();
  EXPECT_EQ(options->name, "web");
  EXPECT_EQ(options->incarnation, 2U);
  EXPECT_EQ(options->control_fd, 4);
  EXPECT_EQ(options->cgroup_root, "/c");
  for (std::size_t i = 0; i < good.size(); i += 2) {
    auto missing = good;
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i),
                  missing.begin() + static_cast<std::ptrdiff_t>(i) + 2);
    ASSERT_FALSE(parse_shim_options(missing));
    EXPECT_NE(parse_shim_options(missing).error().sentence().find(good[i] + " is missing"),
              std::string::npos);
    auto twice = good;
    twice.insert(twice.end(), {good[i], good[i + 1]});
    EXPECT_FALSE(parse_shim_options(twice));
  }
  auto bad = good;
  bad[3] = "0";
  EXPECT_FALSE(parse_shim_options(bad));
  bad = good;
  bad[5] = "-1";
  EXPECT_FALSE(parse_shim_options(bad));
  bad = good;
  bad.emplace_back("--more");
  EXPECT_FALSE(parse_shim_options(bad));
}

}  // namespace
}  // namespace cgwarden::launcher
