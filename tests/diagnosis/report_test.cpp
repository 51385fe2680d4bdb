// The page that `why` prints, word for word. CGWARDEN_REGENERATE=1 writes the goldens anew.
#include "diagnosis/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "base/text.h"
#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"
#include "tests/paths.h"

namespace cgwarden::diagnosis {
namespace {

using ::testing::HasSubstr;
using testing::kMain;
using testing::kSlice;
using ::testing::Not;
using testing::Scenario;

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = in_source("tests/diagnosis/golden/") + name + ".txt";
  if (std::getenv("CGWARDEN_REGENERATE") != nullptr) {
    ASSERT_TRUE(write_file_atomically(path, text));
    FAIL() << path << " was written; read the difference and commit it";
  }
  const auto committed = read_file(path, std::size_t{1} << 20U);
  ASSERT_TRUE(committed) << committed.error().sentence();
  EXPECT_EQ(*committed, text) << path << " differs; CGWARDEN_REGENERATE=1 writes it anew";
}

Verdict own_limit() {
  Scenario scenario;
  auto kill = Scenario::kill_of(kMain);
  kill.usage = Bytes{64U << 20};
  kill.limit = Bytes{64U << 20};
  scenario.kill_counted(0).logged(kill);
  scenario.payload().memory_peak = Bytes{64U << 20};
  scenario.payload().memory_high = LimitOf<Bytes>(Max{});
  scenario.death.stderr_tail = "cache holds 48 MiB\ncache holds 56 MiB\n";
  return diagnose(scenario.death);
}

TEST(ReportTest, OwnLimit) {
  Verdict earlier = diagnose(Scenario().exited(3).death);
  earlier.incarnation = 1;
  earlier.when.wall -= Usec(60'000'000);
  expect_golden("own_limit", report(own_limit(), {earlier}, {}));
}

TEST(ReportTest, AncestorLimit) {
  expect_golden("ancestor_limit",
                report(diagnose(Scenario()
                                    .kill_counted(2)
                                    .logged(Scenario::kill_of(kMain, kSlice))
                                    .lost("kernel log: 12 records were overwritten")
                                    .death),
                       {}, {}));
}

TEST(ReportTest, KilledByUser) {
  expect_golden("killed_by_user", report(diagnose(Scenario().death), {}, {}));
}

TEST(ReportTest, Exited) {
  Scenario scenario;
  scenario.kill_counted(0).logged(Scenario::kill_of(1300)).exited(137);
  scenario.death.stderr_tail = "worker died, giving up\n";
  expect_golden("exited", report(diagnose(scenario.death), {}, {}));
}

TEST(ReportTest, Throttled) {
  ThrottleEvidence evidence;
  evidence.workload = "server";
  evidence.incarnation = 1;
  evidence.cgroup = "/cgwarden.slice/server.scope/payload";
  evidence.from = {Usec(100'000'000), Usec(1'795'484'000'000'000)};
  evidence.to = {Usec(115'000'000), Usec(1'795'484'015'000'000)};
  for (auto key : {&cgroup::CpuStat::nr_periods, &cgroup::CpuStat::nr_throttled,
                   &cgroup::CpuStat::throttled_usec, &cgroup::CpuStat::usage_usec}) {
    evidence.before.*key = 0;
  }
  evidence.after.nr_periods = 150;
  evidence.after.nr_throttled = 123;
  evidence.after.throttled_usec = 9'100'000;
  evidence.after.usage_usec = 2'000'000;
  evidence.cpu_max = cgroup::CpuMax{Usec(20000), Usec(100000)};
  evidence.cpu_max_burst = Usec(0);
  evidence.cpu_pressure.emplace();
  evidence.cpu_pressure->some = cgroup::PressureLine{61.25, 40.5, 12.0, 9'000'000};
  const auto verdict = diagnose_throttling(evidence);
  ASSERT_TRUE(verdict);
  expect_golden("throttled", report(*verdict, {}, {}));
}

TEST(ReportTest, TheFirstLineIsTheAnswer) {
  const Verdict verdict = own_limit();
  EXPECT_THAT(report(verdict, {}, {}), ::testing::StartsWith(verdict.answer + "\n"));
}

TEST(ReportTest, ColorAndUnicodeOnlyWhenAsked) {
  const std::string plain = report(own_limit(), {}, {});
  EXPECT_THAT(plain, Not(HasSubstr("\033")));
  for (const char byte : plain) EXPECT_LT(static_cast<unsigned char>(byte), 0x80);
  ReportStyle style;
  style.color = true;
  style.unicode = true;
  const std::string rich = report(own_limit(), {}, style);
  EXPECT_THAT(rich, HasSubstr("\033[1m"));
  EXPECT_THAT(rich, HasSubstr("\xe2\x80\xa2"));
}

TEST(ReportTest, WrapsSentencesAtTheWidth) {
  Verdict verdict;
  verdict.answer = "short";
  verdict.advice = {std::string(30, 'a') + " " + std::string(30, 'b') + " " + std::string(30, 'c')};
  ReportStyle style;
  style.width = 70;
  const std::string text = report(verdict, {}, style);
  for (const auto line : split(text, '\n')) EXPECT_LE(line.size(), 70U) << line;
  EXPECT_THAT(text, HasSubstr(std::string(30, 'c')));
}

TEST(ReportTest, NoFieldDrivesATerminal) {
  const std::string evil = "\033]0;t\007\r\x9b\xc2\x9b";
  Verdict verdict = own_limit();
  verdict.workload = verdict.answer = verdict.stderr_tail = evil;
  verdict.actor = Actor{1, evil};
  verdict.limit = LimitHit{evil, evil, evil};
  verdict.victim = Victim{1, evil, std::nullopt};
  verdict.evidence = {{evil, evil, evil}};
  for (auto* list :
       {&verdict.ruled_out, &verdict.contributing, &verdict.evidence_lost, &verdict.advice}) {
    *list = {evil};
  }
  for (const char byte : report(verdict, {verdict}, {})) {
    EXPECT_TRUE(byte == '\n' || (byte >= 0x20 && byte < 0x7F)) << static_cast<int>(byte);
  }
}

}  // namespace
}  // namespace cgwarden::diagnosis
