#include "policy/yaml_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"

namespace cgwarden::policy {
namespace {

using ::testing::HasSubstr;

std::vector<Node> parse(const std::string& text) {
  const SourceText source(text, "f.yaml");
  Findings findings(source);
  auto documents = parse_yaml(findings);
  EXPECT_EQ(render(findings.take_errors()), "");
  return documents;
}

// "LINE:COLUMN: MESSAGE" of each error.
std::string faults(const std::string& text) {
  const SourceText source(text, "f.yaml");
  Findings findings(source);
  (void)parse_yaml(findings);
  std::string out;
  for (const Diagnostic& error : findings.take_errors()) {
    if (!out.empty()) out += "\n";
    out += std::to_string(error.position.line) + ":" + std::to_string(error.position.column) +
           ": " + error.message;
  }
  return out;
}

TEST(YamlTreeTest, KeepsTextsAndPlaces) {
  const auto documents = parse("a: no\nb:\n  - 010\n  - \"null\"\nc: {d: }\né: [ü, x]\n");
  ASSERT_EQ(documents.size(), 1U);
  const auto& map = documents[0];
  ASSERT_EQ(map.kind, NodeKind::map);
  ASSERT_EQ(map.children.size(), 4U);
  EXPECT_EQ(map.children[0].key, "a");
  EXPECT_EQ(map.children[0].scalar, "no");
  EXPECT_EQ(map.children[0].place.byte, 3U);
  EXPECT_EQ(map.children[1].children[0].scalar, "010");
  EXPECT_EQ(map.children[1].children[0].place.line, 3U);
  EXPECT_EQ(map.children[1].children[1].kind, NodeKind::scalar);
  EXPECT_TRUE(map.children[1].children[1].quoted);
  EXPECT_EQ(map.children[2].children[0].kind, NodeKind::null);
  EXPECT_EQ(map.children[2].children[0].place.byte, 4U);  // of the key
  const SourceText source("é: [ü, x]", "f");
  EXPECT_EQ(source.position({1, map.children[3].children[1].place.byte}).column, 8U);
}

TEST(YamlTreeTest, DocumentsAreSeparatedAndEmptyOnesLeftOut) {
  EXPECT_EQ(parse("a: 1\n---\n---\nb: 2\n---\n").size(), 2U);
  EXPECT_EQ(parse("---\na: 1\n...\n---\nb: 2\n").size(), 2U);
  EXPECT_EQ(parse("%YAML 1.2\n---\na: 1\n").size(), 1U);
}

TEST(YamlTreeTest, Strings) {
  EXPECT_EQ(parse("a: |\n  x\n  \ty\n")[0].children[0].scalar, "x\n\ty\n");
  EXPECT_EQ(parse("a: 'it''s'\n")[0].children[0].scalar, "it's");
  EXPECT_EQ(parse("a: \"q\\\"\\\\\"\n")[0].children[0].scalar, "q\"\\");
  EXPECT_EQ(parse("a: 'x: &y *z !t <<'\n")[0].children[0].scalar, "x: &y *z !t <<");
}

struct YamlCase {
  std::string text;
  const char* fault;
};

TEST(YamlTreeTest, TextsThatAreNoYamlOfOurs) {
  using std::string_literals::operator""s;
  for (const YamlCase& row : std::vector<YamlCase>{
           {"", "0:0: the file is empty"},
           {"  \n# only a comment\n", "0:0: the file is empty"},
           {"---\n---\n", "0:0: the file is empty"},
           {"\xEF\xBB\xBF"
            "a: 1\n",
            "1:1: the file begins with a byte order mark"},
           {"a: 1\r\nb: 2\r\n", "1:5: the line ends in CR LF, or has a carriage return"},
           {"a: 1\nb: \0x\n"s, "2:4: the file has a NUL byte: it is not a text file"},
           {"a: \"\x04\"\n", "1:5: the file has a control byte (0x04)"},
           {"a: \x7f\n", "1:4: the file has a control byte (0x7f)"},
           {"ä: \xff\n", "1:4: the byte 0xff here is not UTF-8"},
           {"a: \xc3", "1:4: the byte 0xc3 here is not UTF-8"},
           {"\xff\xfe"
            "a\0"s,
            "1:1: the byte 0xff here is not UTF-8"},
           {"a:\n\tb: 1\n", "2:1: a tab in the indentation"},
           {"a: 1\n\tb: 2\n", "2:1: a tab in the indentation"},
           {"a: 1\na: 2\n", "2:1: the key a is already given in line 1, column 1"},
           {"x: {b: 1,\n  c: 1, b: 2}\n", "2:9: the key b is already given in line 1, column 5"},
           {"a: &x 1\n", "1:4: anchors (&x) are not supported"},
           {"a: &x 1\nb: *x\n",
            "1:4: anchors (&x) are not supported\n2:4: aliases (*name) are not supported"},
           {"a: *nope\n", "1:4: aliases (*name) are not supported"},
           {"<<: {a: 1}\n", "1:1: merge keys (<<) are not supported"},
           {"a: !!int 3\n", "1:4: tags (tag:yaml.org,2002:int) are not supported"},
           {"a: !x [1]\n", "1:4: tags (!x) are not supported"},
           {"? [a]\n: 1\n", "1:3: a key must be a word"},
           {"{a: 1}: 2\n", "1:1: a key must be a word"},
           {"~: 1\n", "1:1: a key must be a word"},
           {"a: b: c\n", "1:5: a value cannot begin here"},
           {"a: 1\n b: 2\n", "2:3: a value cannot begin here"},
           {"a: {b: 1\n", "2:1: a { is not closed"},
           {"a: [1\nb: 2\n", "2:2: a [ is not closed"},
           {"{a: 1}\n}\n", "2:1: a } or ] closes nothing"},
           {"a: -\n", "1:4: a list cannot begin here"},
           {"a: @x\n", "1:4: a text cannot begin with this character"},
           {"a: \"\\q\"\n", "1:7: an unknown escape (\\) in double quotes"},
           {"a: 'x\n", "1:4: the quote that begins here is not closed"},
           {"a: \"x\\\"\n", "1:4: the quote that begins here is not closed"},
           {"a: \"x\\0y\"\n", "1:4: a text with a NUL byte (\\0) cannot be used"},
           {"- a\nb: 1\n", "2:1: this line does not belong to the document above"},
           {"[a] [b]\n", "1:5: this line does not belong to the document above"},
           {"  a: 1\n b: 2\n", "2:2: this line does not belong to the document above"},
       }) {
    EXPECT_EQ(faults(row.text), row.fault) << row.text;
  }
}

TEST(YamlTreeTest, DepthNodesAndSizeAreBounded) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(faults(nested(limits::kYamlDepth)), "");
  EXPECT_EQ(faults(nested(limits::kYamlDepth + 1)), "1:33: values are nested more than 32 deep");
  EXPECT_THAT(faults(std::string(500000, '[')), HasSubstr("nested more than 32 deep"));
  EXPECT_THAT(faults(std::string(1000, '{')), HasSubstr("nested more than 32 deep"));
  std::string many = "[";
  for (std::size_t i = 0; i < limits::kYamlNodes; ++i) many += "a,";
  EXPECT_THAT(faults(many + "]"), HasSubstr("the file has more than 50000 values"));
  EXPECT_THAT(faults("a: " + std::string(limits::kYamlFileBytes, 'x')),
              HasSubstr("0:0: the file has 1048579 bytes, more than the 1048576 allowed"));
}

TEST(YamlTreeTest, ABillionLaughsIsRefusedAtItsFirstAnchor) {
  std::string text = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + before + ", *a" +
            before + "]\n";
  }
  EXPECT_THAT(faults(text), ::testing::StartsWith("1:5: anchors (&a0) are not supported"));
}

TEST(YamlTreeTest, ErrorsAreBoundedAndTheRestCounted) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "k: 1\n";
  const std::string found = faults(text);
  EXPECT_THAT(found, HasSubstr("21:1: the key k"));
  EXPECT_THAT(found, ::testing::Not(HasSubstr("22:1:")));
  EXPECT_THAT(found, ::testing::EndsWith("0:0: 9 more errors are not shown"));
}

TEST(YamlTreeTest, ALongLineIsCutOrLeftOut) {
  const std::string text =
      "a: [" + std::string(1000, 'x') + ", &b c]\nk: &c " + std::string(1000, 'y') + "\n";
  const SourceText source(text, "f.yaml");
  Findings findings(source);
  (void)parse_yaml(findings);
  const auto errors = findings.take_errors();
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0].source_line, "");
  EXPECT_EQ(errors[1].source_line.size(), 403U);
  EXPECT_TRUE(errors[1].source_line.ends_with("..."));
}

}  // namespace
}  // namespace cgwarden::policy
