#include "cgroup/trace_line.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "tests/paths.h"

namespace cgwarden::cgroup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::VariantWith;

// Lines as a trace_pipe of 6.12 gave them.
constexpr std::string_view kKill =
    "              dd-181     [000] d..2.    11.056831: signal_generate: sig=9 errno=0 code=128 "
    "comm=dd pid=182 grp=1 res=0";
constexpr std::string_view kMark =
    "              dd-181     [000] ...1.    11.056853: mark_victim: pid=182 comm=sleep "
    "total-vm=22740kB anon-rss=7860kB file-rss:1472kB shmem-rss:4kB uid=1000 pgtables=44kB "
    "oom_score_adj=0";
constexpr std::string_view kEmptied =
    "           sleep-162     [000] dN.2.     9.184713: cgroup_notify_populated: root=0 id=103 "
    "level=2 path=/t/c1 val=0";

OomMark mark_of(std::string_view line) { return std::get<OomMark>(*parse_trace_line(line)); }

std::string with(std::string_view text, std::string_view from, std::string_view to) {
  std::string changed(text);
  const std::size_t at = changed.rfind(from);
  changed.replace(at, from.size(), to);
  return changed;
}

TEST(TraceLine, TheSignalOfAKill) {
  const auto event = parse_trace_line(kKill);
  ASSERT_TRUE(event) << event.error().sentence();
  const auto& kill = std::get<KernelKill>(*event);
  EXPECT_EQ(kill.boottime, Usec{11'056'831});
  EXPECT_EQ(kill.task, 181);
  EXPECT_EQ(kill.victim, 182);
}

TEST(TraceLine, TheMarkOfAVictim) {
  const OomMark mark = mark_of(kMark);
  EXPECT_EQ(mark.boottime, Usec{11'056'853});
  EXPECT_EQ(mark.task, 181);
  EXPECT_EQ(mark.victim, 182);
  EXPECT_EQ(mark.comm, "sleep");
  EXPECT_EQ(mark.uid, 1000U);
  EXPECT_EQ(mark.rss, Bytes{(7860 + 1472 + 4) * 1024});
}

TEST(TraceLine, TheMarkOfAKernelThatTellsThePidOnly) {
  const OomMark mark =
      mark_of("     kthreadd-2       [001] .....  1234.000001: mark_victim: pid=77");
  EXPECT_EQ(mark.victim, 77);
  EXPECT_EQ(mark.boottime, Usec{1'234'000'001});
  EXPECT_EQ(mark.comm, "");
  EXPECT_FALSE(mark.uid);
  EXPECT_FALSE(mark.rss);
}

TEST(TraceLine, AnEmptiedCgroup) {
  const auto emptied = std::get<CgroupEmptied>(*parse_trace_line(kEmptied));
  EXPECT_EQ(emptied.task, 162);
  EXPECT_EQ(emptied.id, CgroupId{103});
  EXPECT_EQ(emptied.level, 2U);
  EXPECT_EQ(emptied.path, "/t/c1");
}

TEST(TraceLine, APathMayHoldAnything) {
  for (const std::string path : {"/a val=1 b", "/x: mark_victim: pid=1 comm=y", "/a path=/b",
                                 "/: signal_generate: sig=9 grp=1"}) {
    const auto event = parse_trace_line(with(kEmptied, "/t/c1", path));
    ASSERT_TRUE(event) << path;
    EXPECT_EQ(std::get<CgroupEmptied>(*event).path, path);
  }
}

TEST(TraceLine, APathThatTheKernelCutIsNoPath) {
  const std::string longest = "/" + std::string(1021, 'a');
  EXPECT_EQ(std::get<CgroupEmptied>(*parse_trace_line(with(kEmptied, "/t/c1", longest))).path,
            longest);
  EXPECT_EQ(std::get<CgroupEmptied>(*parse_trace_line(with(kEmptied, "/t/c1", longest + "b"))).path,
            "");
}

TEST(TraceLine, ACommMayHoldAnything) {
  for (const std::string comm : {"a pid=1 b", " uid=0 comm=", ": mark_victim: ", "x-1 [0] 1.0: y",
                                 "total-vm=1kB", " total-vm=", "kworker/0:1-ev", "-", "", "()"}) {
    const OomMark mark = mark_of(with(kMark, "comm=sleep", "comm=" + comm));
    EXPECT_EQ(mark.comm, comm);
    EXPECT_EQ(mark.victim, 182) << comm;
    EXPECT_EQ(mark.uid, 1000U) << comm;
    EXPECT_EQ(mark.rss, Bytes{9336 * 1024}) << comm;
    const auto kill = parse_trace_line(with(kKill, "comm=dd", "comm=" + comm));
    ASSERT_TRUE(kill) << comm;
    EXPECT_EQ(std::get<KernelKill>(*kill).victim, 182);
    std::string header(kMark);
    header.replace(header.find("dd-181"), 2, comm);
    EXPECT_EQ(mark_of(header).task, 181) << comm;
  }
}

TEST(TraceLine, RefusesWhatIsNoEvent) {
  for (const std::string& line :
       {std::string(), std::string("# tracer: nop"), with(kMark, "pid=182", "pid=-1"),
        with(kMark, "pid=182", "pid=0"), with(kMark, "11.056853", "11.05685"),
        with(kMark, "dd-181", "dd181"), with(kKill, "code=128", "code=0"),
        with(kKill, "sig=9 ", "sig=19 "), with(kKill, " pid=182", " pid=9999999999"),
        with(kEmptied, "val=0", "val=1"), with(kEmptied, "root=0", "root=3"),
        with(kEmptied, "id=103", "id=x"), with(kEmptied, "path=/", "path=")}) {
    const auto event = parse_trace_line(line);
    ASSERT_FALSE(event) << line;
    EXPECT_EQ(event.error().kind, ErrorKind::malformed);
  }
}

TEST(TraceLines, AreTheSameInPiecesOfAnySize) {
  const std::string text = std::string(kKill) + "\n" + std::string(kMark) + "\n" +
                           "CPU:1 [LOST 5 EVENTS]\n" + std::string(kEmptied) + "\n";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    TraceLines lines;
    std::vector<TraceEvent> events;
    for (std::size_t at = 0; at < text.size(); at += size) {
      for (auto& event : lines.feed(std::string_view(text).substr(at, size))) {
        events.push_back(std::move(event));
      }
    }
    EXPECT_THAT(events, ElementsAre(VariantWith<KernelKill>(::testing::_),
                                    VariantWith<OomMark>(::testing::_),
                                    VariantWith<CgroupEmptied>(::testing::_)));
    EXPECT_EQ(lines.lost(), 5U);
    EXPECT_EQ(lines.malformed(), 0U);
  }
}

TEST(TraceLines, ACommWithLineEndsIsPutTogether) {
  TraceLines lines;
  const auto events =
      lines.feed(with(kMark, "comm=sleep", "comm=\n\nCPU:0 [LOST 9") + "\n" +
                 with(kKill, "comm=dd", "comm=\n") + "\n" + std::string(kEmptied) + "\n");
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(std::get<OomMark>(events[0]).comm, "\n\nCPU:0 [LOST 9");
  EXPECT_EQ(std::get<OomMark>(events[0]).uid, 1000U);
  EXPECT_EQ(std::get<KernelKill>(events[1]).victim, 182);
  EXPECT_EQ(lines.lost(), 0U);
}

TEST(TraceLines, ACommInTheHeaderWithALineEndLosesNothing) {
  std::string line(kMark);
  line.replace(line.find("dd-181"), 2, "x\n-5 [0] 1.0: y");
  TraceLines lines;
  const auto events = lines.feed(line + "\n");
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(std::get<OomMark>(events[0]).task, 181);
  EXPECT_EQ(lines.malformed(), 1U);
}

TEST(TraceLines, AMarkThatIsCutDoesNotSwallowTheNextEvent) {
  TraceLines lines;
  const auto events = lines.feed(std::string(kMark.substr(0, kMark.find(" total"))) + "\n" +
                                 std::string(kEmptied) + "\n");
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_FALSE(std::get<OomMark>(events[0]).rss);
}

TEST(TraceLines, ALineWithoutEndIsNotKept) {
  TraceLines lines;
  EXPECT_THAT(lines.feed(std::string(1U << 20U, 'x')), IsEmpty());
  EXPECT_THAT(lines.feed("\n" + std::string(kMark) + "\n"), SizeIs(1));
}

// Six OOM kills, three of them of a group of three, as tests/vm captured them.
TEST(TraceLines, WhatTheKernelsWroteIsRead) {
  for (const std::string kernel : {"6.1", "6.12"}) {
    std::ifstream file(in_source("tests/fixtures/") + kernel + "/trace_pipe");
    std::stringstream text;
    text << file.rdbuf();
    TraceLines lines;
    std::size_t kills = 0;
    std::size_t marks = 0;
    std::size_t emptied = 0;
    for (const auto& event : lines.feed(text.str())) {
      kills += std::holds_alternative<KernelKill>(event) ? 1U : 0U;
      marks += std::holds_alternative<OomMark>(event) ? 1U : 0U;
      emptied += std::holds_alternative<CgroupEmptied>(event) ? 1U : 0U;
    }
    EXPECT_EQ(kills, 15U) << kernel;
    EXPECT_EQ(marks, 12U) << kernel;
    EXPECT_EQ(emptied, 12U) << kernel;
    EXPECT_EQ(lines.malformed(), 0U) << kernel;
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
