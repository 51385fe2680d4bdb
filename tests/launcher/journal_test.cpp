#include "launcher/journal.h"

#include <gmock/gmock.h>

namespace cgwarden::launcher {
namespace {

TEST(JournalEntry, TheFieldsAndTheMessage) {
  EXPECT_EQ(journal_entry("PRIORITY=6\nCGWARDEN_WORKLOAD=web\n", "a=b \x01"),
            "PRIORITY=6\nCGWARDEN_WORKLOAD=web\nMESSAGE=a=b \x01\n");
}

}  // namespace
}  // namespace cgwarden::launcher
