#include "policy/diagnostic.h"

#include <gtest/gtest.h>

namespace cgwarden::policy {
namespace {

TEST(DiagnosticTest, PointsAtTheColumn) {
  EXPECT_EQ(render(Diagnostic{
                Severity::error, {"a.yaml", 12, 7}, "it is wrong", "cpu: {wieght: 5}", "weight"}),
            "a.yaml:12:7: error: it is wrong\n"
            "  12 | cpu: {wieght: 5}\n"
            "     |       ^\n"
            "  hint: weight\n");
}

TEST(DiagnosticTest, CountsCharactersAndMakesControlBytesPrintable) {
  EXPECT_EQ(render(Diagnostic{Severity::warning, {"a.yaml", 1, 4}, "x\x1b[31m", "ä\x07ö!", ""}),
            "a.yaml:1:4: warning: x\\x1b[31m\n"
            "  1 | ä\\x07ö!\n"
            "    |       ^\n");
}

TEST(DiagnosticTest, AFileAsAWholeHasNoLine) {
  EXPECT_EQ(render(Diagnostic{Severity::error, {"a\nb.yaml", 0, 0}, "the file is empty", "", ""}),
            "a\\x0ab.yaml: error: the file is empty\n");
}

TEST(DiagnosticTest, SeveralFollowEachOther) {
  const Diagnostic one{Severity::error, {"f", 0, 0}, "one", "", ""};
  EXPECT_EQ(render(std::vector{one, one}), "f: error: one\nf: error: one\n");
  EXPECT_EQ(render(std::vector<Diagnostic>{}), "");
}

}  // namespace
}  // namespace cgwarden::policy
