#include "diagnosis/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/limits.h"
#include "diagnosis/same_cause.h"
#include "diagnosis/verdict_brief.h"

namespace cgwarden::diagnosis {
namespace {

Verdict full() {
  Verdict verdict;
  verdict.workload = "leaker";
  verdict.incarnation = 4'000'000'000U;
  verdict.verdict = VerdictClass::oom_ancestor_limit;
  verdict.confidence = Confidence::proven;
  verdict.subject = Subject::cgroup;
  verdict.death = false;
  verdict.from = {Usec(1), Usec(UINT64_MAX)};
  verdict.when = {Usec(3), Usec(4)};
  verdict.over = true;
  verdict.answer = "an \"answer\"\n\\";
  verdict.actor = Actor{5, "the kernel's OOM killer"};
  verdict.limit = LimitHit{"/a", "memory.max", "67108864"};
  verdict.victim = Victim{7, "comm", Bytes{9}};
  verdict.evidence = {{"kmsg", "seq 5", "line"}, {"waitid", "pid 7", ""}};
  verdict.ruled_out = {"x"};
  verdict.contributing = {"y", "z"};
  verdict.evidence_lost = {"w"};
  verdict.advice = {"do"};
  verdict.stderr_tail = "last\nwords";
  return verdict;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(VerdictTest, EveryNameIsUniqueAndFindsItsClass) {
  std::set<std::string_view> names;
  for (const auto verdict : all_verdict_classes()) {
    names.insert(to_string(verdict));
    EXPECT_EQ(verdict_class_from(to_string(verdict)), verdict);
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(VerdictClass::unknown) + 1);
  EXPECT_FALSE(verdict_class_from("oom_own_limit"));
  EXPECT_FALSE(verdict_class_from(""));
}

TEST(VerdictJsonTest, EveryFieldComesBack) {
  const auto again = parse_verdict(to_json(full()), "store");
  ASSERT_TRUE(again) << again.error().sentence();
  EXPECT_EQ(to_json(*again), to_json(full()));
  EXPECT_EQ(again->incarnation, 4'000'000'000U);
  EXPECT_EQ(again->verdict, VerdictClass::oom_ancestor_limit);
  EXPECT_EQ(again->subject, Subject::cgroup);
  EXPECT_FALSE(again->death);
  EXPECT_EQ(again->from.wall.count(), UINT64_MAX);
  EXPECT_TRUE(again->over);
  EXPECT_EQ(again->actor->pid, 5);
  EXPECT_EQ(again->limit->value, "67108864");
  EXPECT_EQ(again->victim->rss, Bytes{9});
  EXPECT_EQ(again->evidence[0].quote, "line");
  EXPECT_EQ(again->stderr_tail, "last\nwords");
}

TEST(VerdictJsonTest, AbsentStaysAbsent) {
  Verdict verdict;
  verdict.victim = Victim{7, "", std::nullopt};
  const auto again = parse_verdict(to_json(verdict), "store");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->over);
  EXPECT_FALSE(again->actor);
  EXPECT_FALSE(again->limit);
  EXPECT_FALSE(again->victim->rss);
}

TEST(VerdictJsonTest, EveryClassAndConfidenceComesBack) {
  for (const auto verdict_class : all_verdict_classes()) {
    for (const auto confidence :
         {Confidence::unknown, Confidence::likely, Confidence::strong, Confidence::proven}) {
      Verdict verdict;
      verdict.verdict = verdict_class;
      verdict.confidence = confidence;
      const auto again = parse_verdict(to_json(verdict), "store");
      ASSERT_TRUE(again);
      EXPECT_EQ(again->verdict, verdict_class);
      EXPECT_EQ(again->confidence, confidence);
    }
  }
}

TEST(VerdictJsonTest, BytesThatAreNotUtf8AreReplaced) {
  Verdict verdict = full();
  verdict.victim->comm = "a\xff\xfe";
  const auto again = parse_verdict(to_json(verdict), "store");
  ASSERT_TRUE(again);
  EXPECT_THAT(again->victim->comm, ::testing::StartsWith("a"));
}

TEST(VerdictJsonTest, UnknownKeysAreIgnored) {
  EXPECT_TRUE(parse_verdict(replaced(to_json(full()), "{", R"({"new":[1,{}],)"), "store"));
}

TEST(VerdictJsonTest, RefusesWhatIsNotOne) {
  const std::string good = to_json(full());
  const std::vector<std::string> bad{
      "",
      "{}",
      "[]",
      "null",
      good.substr(0, good.size() - 1),
      good + "x",
      replaced(good, "\"version\":1", "\"version\":2"),
      replaced(good, "\"version\":1", "\"version\":1.5"),
      replaced(good, "\"incarnation\":4000000000", "\"incarnation\":-1"),
      replaced(good, "\"incarnation\":4000000000", "\"incarnation\":99999999999"),
      replaced(good, "\"incarnation\":4000000000", "\"incarnation\":1.5"),
      replaced(good, "\"incarnation\":4000000000", "\"incarnation\":\"1\""),
      replaced(good, "\"death\":false", "\"death\":0"),
      replaced(good, "\"death\":false", "\"death\":false,\"death\":true"),
      replaced(good, "\"proven\"", "\"certain\""),
      replaced(good, "OOM_ANCESTOR_LIMIT", "OOM_SOMETHING"),
      replaced(good, "\"quote\"", "\"quotation\""),
      replaced(good, "\"ruled_out\":[\"x\"]", "\"ruled_out\":[1]"),
      std::string(100'000, '['),
      std::string(limits::kStateFileBytes + 1, ' '),
  };
  for (const auto& text : bad) {
    const auto verdict = parse_verdict(text, "store");
    ASSERT_FALSE(verdict) << text.substr(0, 300);
    EXPECT_EQ(verdict.error().kind, ErrorKind::malformed);
    EXPECT_LT(verdict.error().sentence().size(), 400U);
  }
}

// What a story is made of is the same, whichever way it was read.
TEST(VerdictTest, TheBriefHasWhatMakesACause) {
  Verdict verdict;
  verdict.workload = "unit:/a.service";
  verdict.incarnation = 7;
  verdict.verdict = VerdictClass::oom_own_limit;
  verdict.from = {Usec{5}, Usec{6}};
  verdict.when = {Usec{7}, Usec{8}};
  verdict.limit = LimitHit{"/a \"b\"", "memory.max", "1"};
  verdict.actor = Actor{pid_t{3}, "pid 3 `x`"};
  verdict.actor->exe = "/bin/x";
  verdict.victim = Victim{3, "class", Bytes{9}};
  verdict.evidence = {{"kmsg", "seq 1", "when wall_usec"},
                      {"waitid", "pid 3", "CLD_KILLED, SIGKILL"},
                      {"systemd", "a.service", "Result=oom-kill"}};
  verdict.contributing = {"class", "limit"};
  const auto brief = parse_brief(to_json(verdict));
  ASSERT_TRUE(brief);
  EXPECT_EQ(brief->workload, verdict.workload);
  EXPECT_EQ(brief->incarnation, 7U);
  EXPECT_TRUE(brief->death);
  EXPECT_EQ(brief->from.boottime, Usec{5});
  EXPECT_EQ(brief->from.wall, Usec{6});
  EXPECT_EQ(brief->when.boottime, Usec{7});
  EXPECT_EQ(brief->when.wall, Usec{8});
  const Cause read = cause_of(*brief);
  const Cause meant = cause_of(verdict);
  EXPECT_EQ(read.verdict, meant.verdict);
  EXPECT_EQ(read.limit, meant.limit);
  EXPECT_EQ(read.actor, meant.actor);
  EXPECT_EQ(read.exit, meant.exit);
  for (const auto* text :
       {"", "{", "[]", "7", "{}", R"({"class":"NO_SUCH"})",
        R"({"class":"EXITED","when":{"wall_usec":-1}})", R"([[[[[[[[[[1]]]]]]]]]])",
        R"({"actor":{"cgroup":"x"},"limit":["y"]})"}) {
    EXPECT_FALSE(parse_brief(text)) << text;
  }
}

}  // namespace
}  // namespace cgwarden::diagnosis
