#include "cgroup/process_connector.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace cgwarden::cgroup {
namespace {

// A nlmsghdr (16), a cn_msg (20), what, cpu, timestamp, then pid, tgid, exit_code,
// exit_signal, parent_pid, parent_tgid.
class Message {
 public:
  Message(std::uint32_t what, std::uint32_t pid, std::uint32_t group, std::uint32_t status,
          std::uint32_t parent = 0) {
    put(72, parent);
    put(36, what);
    put(52, pid);
    put(56, group);
    put(60, status);
  }
  [[nodiscard]] std::span<const std::byte> bytes(std::size_t size = 76) const {
    return std::span(bytes_).first(size);
  }

 private:
  void put(std::size_t at, std::uint32_t value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  std::array<std::byte, 76> bytes_{};
};

constexpr std::uint32_t kExit = 0x80000000U;

TEST(ProcessEventTest, AnExitHasItsWaitStatus) {
  const auto killed = parse_process_event(Message(kExit, 812, 812, 9).bytes());
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->pid, 812);
  EXPECT_EQ(killed->status, 9);
  EXPECT_EQ(parse_process_event(Message(kExit, 812, 812, 0x8500).bytes())->status, 0x8500);
  EXPECT_EQ(killed->parent, 0);
  EXPECT_EQ(parse_process_event(Message(kExit, 812, 812, 9, 700).bytes())->parent, 700);
  EXPECT_EQ(parse_process_event(Message(kExit, 812, 812, 9, 700).bytes(64))->parent, 0);
}

TEST(ProcessEventTest, AThreadsEndIsNoProcesss) {
  const auto thread = parse_process_event(Message(kExit, 813, 812, 9).bytes());
  ASSERT_TRUE(thread);
  EXPECT_EQ(thread->pid, 812);
  EXPECT_EQ(thread->thread, 813);
}

TEST(ProcessEventTest, WhatIsNoExitIsNothing) {
  EXPECT_FALSE(parse_process_event(Message(1, 812, 812, 9).bytes()));  // a fork
  EXPECT_FALSE(parse_process_event(Message(kExit, 0, 0, 9).bytes()));
  EXPECT_FALSE(parse_process_event(Message(kExit, 0x80000001U, 0x80000001U, 9).bytes()));
  for (std::size_t size = 0; size < 64; ++size) {
    EXPECT_FALSE(parse_process_event(Message(kExit, 812, 812, 9).bytes(size))) << size;
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
