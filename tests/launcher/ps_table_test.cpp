#include "launcher/oci/ps_table.h"

#include <gtest/gtest.h>

namespace cgwarden::launcher::oci {
namespace {

TEST(PsTable, KeepsTheHeadAndTheLinesOfTheProcesses) {
  const std::string table =
      "UID          PID    PPID  C STIME TTY          TIME CMD\n"
      "root           1       0  0 10:00 ?        00:00:01 /sbin/init 12\n"
      "root          12       1  0 10:00 ?        00:00:00 sleep 1\n"
      "app         4711      12  0 10:00 ?        00:00:00 sh -c a  b\n";
  EXPECT_EQ(lines_of(table, {12, 4711}),
            "UID          PID    PPID  C STIME TTY          TIME CMD\n"
            "root          12       1  0 10:00 ?        00:00:00 sleep 1\n"
            "app         4711      12  0 10:00 ?        00:00:00 sh -c a  b\n");
  EXPECT_EQ(lines_of(table, {}), "UID          PID    PPID  C STIME TTY          TIME CMD\n");
}

TEST(PsTable, ThePidMayStandAnywhere) {
  EXPECT_EQ(lines_of("    PID COMMAND\n      7 a\n     77 b\n", {7}),
            "    PID COMMAND\n      7 a\n");
  EXPECT_EQ(lines_of("COMMAND PID\na 7\nb 77\nshort\n", {77}), "COMMAND PID\nb 77\n");
  EXPECT_EQ(lines_of("PPID PID\n7 8\n", {7}), "PPID PID\n");
}

TEST(PsTable, ThreadsAreWithTheirProcess) {
  EXPECT_EQ(lines_of("USER PID LWP\na 7 -\na - 7\na - 8\nb 9 -\nb - 9\n", {7}),
            "USER PID LWP\na 7 -\na - 7\na - 8\n");
}

TEST(PsTable, WithoutThatColumnThereIsNothingToTellBy) {
  EXPECT_FALSE(lines_of("COMMAND\ninit\n", {1}));
  EXPECT_FALSE(lines_of("", {1}));
}

}  // namespace
}  // namespace cgwarden::launcher::oci
