#include "diagnosis/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace cgwarden::diagnosis {
namespace {

using ::testing::HasSubstr;

Event full_event() {
  return {.kind = EventKind::oom_kill,
          .when = {Usec(5), Usec(7)},
          .cgroup = "/kubepods/pod1/c1",
          .id = CgroupId{99},
          .workload = "",
          .unit = "",
          .container = "cart",
          .pod = "shop",
          .pod_namespace = "web",
          .verdict = "OOM_OWN_LIMIT",
          .numbers = {{"victims", 2}, {"rss_bytes", ~std::uint64_t{0}}},
          .text = "the kernel killed 2 processes"};
}

TEST(Event, GoesThroughJson) {
  const Event event = full_event();
  const auto again = parse_event(to_json(event), "here");
  ASSERT_TRUE(again) << again.error().sentence();
  EXPECT_EQ(to_json(*again), to_json(event));
  EXPECT_EQ(again->id, CgroupId{99});
  EXPECT_EQ(again->numbers.at("rss_bytes"), ~std::uint64_t{0});
  EXPECT_EQ(again->when.wall, Usec(7));
  EXPECT_EQ(again->subject(), "cart");
}

TEST(Event, WhatIsNotKnownIsLeftOut) {
  const Event event{.kind = EventKind::agent_started};
  const std::string json = to_json(event);
  for (const char* key : {"cgroup", "cgroup_id", "workload", "unit", "numbers", "text"}) {
    EXPECT_THAT(json, ::testing::Not(HasSubstr("\"" + std::string(key) + "\""))) << json;
  }
  EXPECT_FALSE(parse_event(json, "here")->id);
}

TEST(Event, HostileNamesStayJson) {
  Event event = full_event();
  event.cgroup = "/a\x80\"\n\x1b[31m";
  EXPECT_TRUE(parse_event(to_json(event), "here"));
}

TEST(Event, RefusesWhatIsNoEvent) {
  for (
      const char* text :
      {"", "[]", "{}", R"({"version":2,"kind":"death","when":{"boottime_usec":1,"wall_usec":1}})",
       R"({"version":1,"kind":"birth","when":{"boottime_usec":1,"wall_usec":1}})",
       R"({"version":1,"kind":"death","when":{"boottime_usec":-1,"wall_usec":1}})",
       R"({"version":1,"kind":"death","when":{"boottime_usec":1,"wall_usec":1},"numbers":[1]})",
       R"({"version":1,"kind":"death","when":{"boottime_usec":1,"wall_usec":1},"numbers":{"a":1.5}})",
       R"({"version":1,"kind":"death","kind":"death","when":{"boottime_usec":1,"wall_usec":1}})"}) {
    const auto event = parse_event(text, "here");
    ASSERT_FALSE(event) << text;
    EXPECT_EQ(event.error().kind, ErrorKind::malformed);
  }
}

TEST(EventKinds, AreFoundByTheirNamesAndHaveMessageIdsOfTheirOwn) {
  std::set<std::string_view> ids;
  for (const EventKind kind : all_event_kinds()) {
    EXPECT_EQ(event_kind_from(to_string(kind)), kind);
    const std::string_view id = message_id(kind);
    EXPECT_EQ(id.size(), 32U);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string_view::npos);
    EXPECT_TRUE(ids.insert(id).second) << id;
  }
  EXPECT_EQ(event_kind_from("oom"), std::nullopt);
}

}  // namespace
}  // namespace cgwarden::diagnosis
