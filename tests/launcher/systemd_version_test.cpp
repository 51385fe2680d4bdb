#include "launcher/systemd_version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cgwarden::launcher {
namespace {

using ::testing::ElementsAre;

TEST(SystemdVersion, IsTheFirstNumber) {
  for (const std::string text : {"252", "252.39-1~deb12u1", "v252", "v252-3.fc37", "252~rc1"}) {
    EXPECT_EQ(systemd_version(text), 252U) << text;
  }
  for (const std::string text : {"", "v", "systemd 252", "-252", "99999999999999999999"}) {
    EXPECT_EQ(systemd_version(text), std::nullopt) << text;
  }
}

std::vector<std::string> names_known_to(unsigned version) {
  const std::uint64_t one = 1;
  const std::vector<UnitProperty> all{{"Description", std::string("always")},
                                      {"TasksMax", one},
                                      {"MemoryMax", one},
                                      {"CPUWeight", one},
                                      {"CPUQuotaPerSecUSec", one},
                                      {"CollectMode", std::string("inactive-or-failed")},
                                      {"MemoryMin", one},
                                      {"CPUQuotaPeriodUSec", one},
                                      {"AllowedCPUs", std::vector<std::uint8_t>{1}},
                                      {"CPUWeight", std::uint64_t{0}},
                                      {"OOMPolicy", std::string("kill")}};
  std::vector<std::string> names;
  for (const UnitProperty& property : known_to(version, all)) names.push_back(property.name);
  return names;
}

TEST(SystemdVersion, PropertiesOfEach) {
  EXPECT_THAT(names_known_to(231),
              ElementsAre("Description", "TasksMax", "MemoryMax", "CPUQuotaPerSecUSec"));
  EXPECT_THAT(names_known_to(241), ElementsAre("Description", "TasksMax", "MemoryMax", "CPUWeight",
                                               "CPUQuotaPerSecUSec", "CollectMode", "MemoryMin"));
  EXPECT_EQ(names_known_to(242).back(), "CPUQuotaPeriodUSec");
  EXPECT_EQ(names_known_to(244).back(), "AllowedCPUs");
  EXPECT_EQ(names_known_to(251).back(), "AllowedCPUs");
  EXPECT_EQ(names_known_to(252).back(), "CPUWeight");
  EXPECT_EQ(names_known_to(252).size(), 10U);
  EXPECT_EQ(names_known_to(253).back(), "OOMPolicy");
}

}  // namespace
}  // namespace cgwarden::launcher
