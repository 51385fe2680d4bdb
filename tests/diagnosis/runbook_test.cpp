// docs/runbook.md has a section for every class, and each section its four parts: alerts and
// dashboards link there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "base/file.h"
#include "base/text.h"
#include "diagnosis/verdict.h"
#include "tests/paths.h"

namespace cgwarden::diagnosis {
namespace {

TEST(RunbookTest, EveryClassHasItsSectionWithAllParts) {
  const auto text = read_file(in_source("docs/runbook.md"), std::size_t{1} << 20U);
  ASSERT_TRUE(text) << text.error().sentence();
  for (const auto verdict : all_verdict_classes()) {
    std::string anchor(to_string(verdict));
    std::ranges::transform(anchor, anchor.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto start = text->find("\n## " + anchor + "\n");
    ASSERT_NE(start, std::string::npos) << "docs/runbook.md has no section \"## " << anchor << "\"";
    const std::string section = text->substr(start + 1, text->find("\n## ", start + 1) - start - 1);
    for (const auto* part : {"**Means**", "**Proof**", "**Check**", "**Do**"}) {
      EXPECT_THAT(section, ::testing::HasSubstr(part)) << anchor;
    }
  }
}

TEST(RunbookTest, NoSectionIsOfAClassThatIsGone) {
  const auto text = read_file(in_source("docs/runbook.md"), std::size_t{1} << 20U);
  ASSERT_TRUE(text);
  for (const auto line : split(*text, '\n')) {
    if (!line.starts_with("## ")) continue;
    std::string name(line.substr(3));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
    EXPECT_TRUE(verdict_class_from(name)) << line;
  }
}

}  // namespace
}  // namespace cgwarden::diagnosis
