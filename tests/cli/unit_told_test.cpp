#include "cli/unit_told.h"

#include <gmock/gmock.h>

#include <cstdlib>

namespace cgwarden::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(UnitTold, WhatMayComeBackIsSaidWhereSystemdCannotBeAsked) {
  ASSERT_EQ(::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1), 0);
  policy::Original entry;
  entry.cgroup = "/system.slice/web.service";
  entry.file = "memory.max";
  entry.original = "max";
  entry.ours = "67108864";
  entry.policy = "limits";
  entry.through = policy::Through::systemd;
  const agent::RestoreReport past{agent::Restored::foreign, "134217728"};
  const std::string said = tell_unit(entry, past, {});
  EXPECT_THAT(said, HasSubstr("ask systemd for the properties of web.service"));
  EXPECT_THAT(said, HasSubstr("67108864 of policy limits back when it reads its files anew"));
  // Not written past it, or not a property of that number.
  EXPECT_THAT(tell_unit(entry, {agent::Restored::foreign, "67108864"}, {}), IsEmpty());
  entry.through = policy::Through::cgroupfs;
  EXPECT_THAT(tell_unit(entry, past, {}), IsEmpty());
}

}  // namespace
}  // namespace cgwarden::cli
