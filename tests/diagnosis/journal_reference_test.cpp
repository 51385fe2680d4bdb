// docs/journal.md against the table of kinds. Its fields are compared with a real journal
// (tests/vm/test_events_systemd.py).
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/text.h"
#include "diagnosis/event.h"
#include "tests/paths.h"

namespace cgwarden::diagnosis {
namespace {

// Of each row of the table: "MESSAGE_ID kind".
std::vector<std::string> documented_ids() {
  std::ifstream file(in_source("docs/journal.md"));
  std::vector<std::string> rows;
  for (std::string line; std::getline(file, line);) {
    const auto cells = split(line, '|');
    if (cells.size() < 4 || trim(cells[1]).size() != 32) continue;
    std::string kind(trim(cells[2]));
    std::erase(kind, '`');
    rows.push_back(std::string(trim(cells[1])) + " " + kind);
  }
  return rows;
}

TEST(JournalReference, HasEachKindWithItsMessageIdAndNoOther) {
  const auto rows = documented_ids();
  for (const EventKind kind : all_event_kinds()) {
    const std::string wanted = std::string(message_id(kind)) + " " + std::string(to_string(kind));
    EXPECT_THAT(rows, ::testing::Contains(wanted)) << "a row for it in docs/journal.md";
  }
  for (const auto& row : rows) {
    const auto kind = event_kind_from(row.substr(33));
    ASSERT_TRUE(kind) << row;
    EXPECT_EQ(row.substr(0, 32), message_id(*kind)) << row;
  }
}

}  // namespace
}  // namespace cgwarden::diagnosis
