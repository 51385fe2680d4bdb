#include "agent/kernel_log_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

using diagnosis::KernelLogLine;
using Reason = diagnosis::StoredKernelLogGap::Reason;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kKill = "Memory cgroup out of memory: Killed process 7 (x) total-vm:1kB";

class KernelLogKeeperTest : public ::testing::Test {
 protected:
  void say(const std::string& text, bool continuation = false) {
    keeper_.add({.sequence = sequence_++,
                 .printk = now_,
                 .when = {now_, Usec(1'000'000'000) + now_},
                 .priority = 6,
                 .continuation = continuation,
                 .text = text});
  }
  KernelLogKeeper keeper_;
  std::uint64_t sequence_ = 0;
  Usec now_{50'000'000};
};

TEST_F(KernelLogKeeperTest, KeepsAnOrdinaryLogWhole) {
  for (std::size_t i = 0; i < limits::kKernelLogBurst; ++i) say("a boot has many lines");
  EXPECT_THAT(keeper_.pending().lines, SizeIs(limits::kKernelLogBurst));
  EXPECT_THAT(keeper_.pending().gaps, IsEmpty());
  keeper_.stored();
  EXPECT_TRUE(keeper_.is_empty());
  now_ += Usec(60'000'000);
  for (std::size_t i = 0; i < 60 * limits::kKernelLogLinesPerSecond; ++i) say("more");
  EXPECT_EQ(keeper_.dropped(), 0U);
}

TEST_F(KernelLogKeeperTest, AFloodIsCutAndSaysSo) {
  for (std::size_t i = 0; i < limits::kKernelLogBurst; ++i) say("flood");
  const Usec first = now_;
  for (int second = 0; second < 10; ++second, now_ += Usec(1'000'000)) {
    for (int i = 0; i < 9500; ++i) say("flood");
    keeper_.read_up_to(sequence_);
  }
  const auto& pending = keeper_.pending();
  EXPECT_LE(pending.lines.size(), limits::kKernelLogBurst + 10 * limits::kKernelLogLinesPerSecond);
  ASSERT_THAT(pending.gaps, SizeIs(1));
  EXPECT_EQ(pending.gaps[0].reason, Reason::dropped);
  EXPECT_EQ(pending.gaps[0].gap.count, keeper_.dropped());
  EXPECT_EQ(pending.gaps[0].gap.count + pending.lines.size(), sequence_);
  EXPECT_EQ(pending.gaps[0].gap.from, first);
  EXPECT_EQ(pending.gaps[0].gap.to, now_ - Usec(1'000'000));
  // What is stored does not grow any more.
  keeper_.stored();
  say("flood");
  for (int i = 0; i < 100; ++i) say("flood");
  ASSERT_THAT(keeper_.pending().gaps, SizeIs(1));
  EXPECT_LE(keeper_.pending().gaps[0].gap.count, 101U);
}

TEST_F(KernelLogKeeperTest, AFloodCostsNoKill) {
  for (std::size_t i = 0; i < limits::kKernelLogBurst + 1000; ++i) say("flood");
  keeper_.stored();
  say("oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/a,task_");
  say("memcg=/a,task=x,pid=7,uid=0", /*continuation=*/true);
  say(kKill);
  say("flood");
  say("the rest of the flood", /*continuation=*/true);
  EXPECT_THAT(keeper_.pending().lines, SizeIs(3));
}

TEST_F(KernelLogKeeperTest, ADiskThatTakesNothingIsBounded) {
  for (int minute = 0; minute < 200; ++minute, now_ += Usec(60'000'000)) {
    for (int i = 0; i < 100; ++i) say("hello");
    keeper_.add_gap({Reason::overwritten, {now_, now_, 5}, now_});
  }
  EXPECT_EQ(keeper_.pending().lines.size(), limits::kPendingKernelLog);
  EXPECT_EQ(keeper_.pending().gaps.size(), limits::kKernelLogGaps);
  std::uint64_t overwritten = 0;
  std::uint64_t dropped = 0;
  for (const auto& gap : keeper_.pending().gaps) {
    (gap.reason == Reason::dropped ? dropped : overwritten) += gap.gap.count;
  }
  EXPECT_EQ(dropped + overwritten, keeper_.dropped() + 200 * 5);
  EXPECT_EQ(keeper_.dropped() + limits::kPendingKernelLog, sequence_);
}

}  // namespace
}  // namespace cgwarden::agent
