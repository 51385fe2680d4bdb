#include "diagnosis/fault_log.h"

#include <gtest/gtest.h>

namespace cgwarden::diagnosis::fault_log {
namespace {

std::optional<FaultRecord> parsed(std::string text, unsigned priority = 6) {
  KmsgRecord record;
  record.priority = priority;
  record.sequence = 7;
  record.boottime = Usec(9);
  record.text = std::move(text);
  return parse_fault(record);
}

constexpr const char* kSegfault =
    "t[267]: segfault at 10 ip 000000000040193b sp 00007ffec235ca20 error 6 in t[401000+98000] "
    "likely on CPU 1 (core 1, socket 0)";

TEST(FaultLogTest, ASegfault) {
  const auto fault = parsed(kSegfault);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->thread, 267);
  EXPECT_EQ(fault->what, "segfault");
  EXPECT_EQ(fault->line, kSegfault);
  EXPECT_EQ(fault->sequence, 7U);
  EXPECT_FALSE(fault->syscall);
}

TEST(FaultLogTest, Traps) {
  for (const auto* what :
       {"trap invalid opcode", "trap divide error", "trap int3", "general protection fault"}) {
    const auto fault = parsed("traps: t[271] " + std::string(what) +
                              " ip:4027ee sp:7fff88e4bbd0 error:0 in t[401000+98000]");
    ASSERT_TRUE(fault) << what;
    EXPECT_EQ(fault->thread, 271);
    EXPECT_EQ(fault->what, what);
  }
}

TEST(FaultLogTest, ASeccompLine) {
  const auto fault = parsed(
      "audit: type=1326 audit(1795484000.123:2): auid=4294967295 uid=0 gid=0 ses=4294967295 "
      "subj=docker-default pid=9 (enforce) pid=288 comm=\"t\" exe=\"/bin/t\" sig=31 arch=c000003e "
      "syscall=258 compat=0 ip=0x450069 code=0x80000000",
      5);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->thread, 288);
  EXPECT_EQ(fault->what, "seccomp");
  EXPECT_EQ(fault->signal, 31);
  EXPECT_EQ(fault->syscall, 258);
  EXPECT_EQ(fault->arch, "c000003e");
}

TEST(FaultLogTest, SignalsToAll) {
  EXPECT_EQ(parsed("sysrq: Terminate All Tasks")->signal, 15);
  const auto killed = parsed("sysrq: Kill All Tasks");
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->what, "sysrq");
  EXPECT_EQ(killed->signal, 9);
  EXPECT_FALSE(parsed("sysrq: Kill All Tasks", 14));
  EXPECT_FALSE(parsed("sysrq: Manual OOM execution"));
}

TEST(FaultLogTest, ALineThatAProcessWroteIsNone) { EXPECT_FALSE(parsed(kSegfault, 14)); }

TEST(FaultLogTest, NamesThatLookLikeTheKernelsWords) {
  EXPECT_EQ(parsed("x[1]: segfault [267]: segfault at 0 ip 0 sp 0 error 4")->thread, 267);
  EXPECT_EQ(parsed("a[1] trap[271] trap int3 ip:1 sp:2 error:0 in [5] trap int3").has_value(),
            false);
  EXPECT_EQ(parsed("traps: a[1] trap[271] trap int3 ip:1 sp:2 error:0 in b[4] trap x")->thread,
            271);
  EXPECT_EQ(parsed("traps: [1] trap ip:0 s[271] trap int3 ip:1 sp:2 error:0")->thread, 271);
  EXPECT_EQ(parsed("t[2]: segfault at 0 ip 0 sp 0 error 4 in [3]: segfault at 1[1+2]")->thread, 2);
}

TEST(FaultLogTest, OtherLinesAreNone) {
  for (const auto* text :
       {"", "traps: ", "t[x]: segfault at 1", "t[267] segfault at 1", "audit: type=1326 ",
        "audit: type=1400 audit(1:2): pid=3 comm=\"t\" sig=31 syscall=1",
        "a name that is too long[5]: segfault at 1 ip 2 sp 3 error 4",
        "traps: t[1] something ip:1"}) {
    EXPECT_FALSE(parsed(text)) << text;
  }
}

}  // namespace
}  // namespace cgwarden::diagnosis::fault_log
