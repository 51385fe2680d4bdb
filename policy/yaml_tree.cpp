#include "policy/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <array>
#include <exception>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "policy/yaml_text.h"

namespace cgwarden::policy {
namespace {

// Leaves yaml-cpp from within an event; why is in the findings.
struct Stop {};

Place place_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column)};
}

// Builds the tree from the events of yaml-cpp, so that its own node graph, which has no place of
// keys, accepts duplicates and resolves aliases, is never made.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Findings& findings) : findings_(findings) {}

  std::vector<Node> take() { return std::move(documents_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    const Place place = place_of(mark);
    if (starts_++ > 0 && !findings_.source().line(place.line).starts_with("---")) {
      findings_.error(place, "this line does not belong to the document above",
                      "check its indentation; separate documents by a line with ---");
      throw Stop{};
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(node(NodeKind::null, mark)); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    findings_.error(place_of(mark), "aliases (*name) are not supported",
                    "write the value out; several cgroups can share one policy by match.cgroups");
    add(node(NodeKind::null, mark));
  }

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    findings_.error(place_of(mark), fmt::format("anchors (&{}) are not supported", name),
                    "a text that begins with & needs quotes");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    Node scalar = node(NodeKind::scalar, mark);
    scalar.scalar = value;
    scalar.quoted = tag == "!";
    if (tag == "!") {
      check_closed(mark);
    } else if (tag != "?" && !tag.empty()) {
      refuse_tag(mark, tag);
    }
    if (value.find('\0') != std::string::npos) {
      findings_.error(scalar.place, "a text with a NUL byte (\\0) cannot be used");
    }
    add(std::move(scalar));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(NodeKind::sequence, mark, tag);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(NodeKind::map, mark, tag);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    bool has_key = false;
    std::string key;
    Place key_place;
    std::map<std::string, Place> keys;
  };

  Node node(NodeKind kind, const YAML::Mark& mark) {
    if (++nodes_ > limits::kYamlNodes) {
      findings_.error(place_of(mark),
                      fmt::format("the file has more than {} values", limits::kYamlNodes));
      throw Stop{};
    }
    Node made;
    made.kind = kind;
    made.place = place_of(mark);
    return made;
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    findings_.error(place_of(mark), fmt::format("tags ({}) are not supported", tag),
                    "remove it; a text that begins with ! needs quotes");
  }

  // yaml-cpp takes the end of the file for the closing quote: a file cut in two would be accepted.
  void check_closed(const YAML::Mark& mark) {
    const std::string_view text = findings_.source().text();
    auto at = static_cast<std::size_t>(mark.pos);
    if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return;
    const char quote = text[at];
    for (++at; at < text.size(); ++at) {
      if (quote == '"' && text[at] == '\\') {
        ++at;
      } else if (text[at] == quote) {
        if (quote == '"' || at + 1 >= text.size() || text[at + 1] != quote) return;
        ++at;
      }
    }
    findings_.error(place_of(mark), "the quote that begins here is not closed");
  }

  void open(NodeKind kind, const YAML::Mark& mark, const std::string& tag) {
    if (stack_.size() >= limits::kYamlDepth) {
      findings_.error(place_of(mark),
                      fmt::format("values are nested more than {} deep", limits::kYamlDepth));
      throw Stop{};
    }
    if (tag != "?" && !tag.empty()) refuse_tag(mark, tag);
    Frame frame;
    frame.node = node(kind, mark);
    stack_.push_back(std::move(frame));
  }

  void close() {
    Node done = std::move(stack_.back().node);
    stack_.pop_back();
    add(std::move(done));
  }

  void add(Node value) {
    if (stack_.empty()) {
      if (value.kind != NodeKind::null) documents_.push_back(std::move(value));
      return;
    }
    Frame& parent = stack_.back();
    if (parent.node.kind == NodeKind::map) {
      if (!parent.has_key) return take_key(parent, value);
      parent.has_key = false;
      value.key = std::move(parent.key);
      value.key_place = parent.key_place;
      if (value.kind == NodeKind::null) value.place = value.key_place;
    }
    parent.node.children.push_back(std::move(value));
  }

  void take_key(Frame& parent, const Node& key) {
    parent.has_key = true;
    parent.key = key.scalar;
    parent.key_place = key.place;
    if (key.kind != NodeKind::scalar) {
      findings_.error(key.place, "a key must be a word", "check for a misplaced colon");
    } else if (key.scalar == "<<" && !key.quoted) {
      findings_.error(key.place, "merge keys (<<) are not supported", "write the values out");
    } else if (const auto [first, is_new] = parent.keys.emplace(key.scalar, key.place); !is_new) {
      const SourcePosition before = findings_.source().position(first->second);
      findings_.error(key.place, fmt::format("the key {} is already given in line {}, column {}",
                                             key.scalar, before.line, before.column));
    }
  }

  Findings& findings_;
  std::vector<Frame> stack_;
  std::vector<Node> documents_;
  std::size_t nodes_ = 0;
  std::size_t starts_ = 0;
};

struct SyntaxText {
  std::string_view parser;  // how yaml-cpp's message begins (yaml-cpp/exceptions.h)
  const char* message;
  const char* hint;
};

constexpr std::array kSyntaxTexts{
    SyntaxText{"illegal map value", "a value cannot begin here",
               "check the indentation of this line and of the one above; a text with \": \" needs "
               "quotes"},
    SyntaxText{"end of map flow not found", "a { is not closed", "close it with }"},
    SyntaxText{"end of sequence flow not found", "a [ is not closed", "close it with ]"},
    SyntaxText{"end of map not found", "a line of this map is not \"key: value\"",
               "check its indentation"},
    SyntaxText{"end of sequence not found", "a line of this list does not begin with \"- \"",
               "check its indentation"},
    SyntaxText{"illegal flow end", "a } or ] closes nothing",
               "a text with [ ] { } or a comma needs quotes inside of a list or map"},
    SyntaxText{"illegal block entry", "a list cannot begin here",
               "write - on a line of its own; a text that begins with - needs quotes"},
    SyntaxText{"unknown token", "a text cannot begin with this character", "put it in quotes"},
    SyntaxText{"the referenced anchor is not defined", "aliases (*name) are not supported",
               "a text that begins with * needs quotes"},
    SyntaxText{"illegal tab", "a tab in the indentation", "indent with spaces"},
    SyntaxText{"unknown escape character", "an unknown escape (\\) in double quotes",
               "in 'single quotes' a backslash stands for itself"},
};

// yaml-cpp trips over a tab only later, and then speaks of something else.
Place find_tab_indent(const SourceText& source, std::size_t last_line) {
  for (std::size_t line = 1; line <= last_line; ++line) {
    const std::string_view text = source.line(line);
    const std::size_t at = text.find_first_not_of(' ');
    if (at != std::string_view::npos && text[at] == '\t') return {line, at};
  }
  return {};
}

void report_syntax(const YAML::Exception& error, Findings& findings) {
  const Place place = place_of(error.mark);
  if (const Place tab = find_tab_indent(findings.source(), place.line); tab.line != 0) {
    findings.error(tab, "a tab in the indentation", "indent with spaces");
    return;
  }
  for (const SyntaxText& text : kSyntaxTexts) {
    if (error.msg.starts_with(text.parser)) {
      findings.error(place, text.message, text.hint);
      return;
    }
  }
  findings.error(place, fmt::format("this is not YAML: {}", error.msg));
}

}  // namespace

std::vector<Node> parse_yaml(Findings& findings, bool may_be_empty) {
  check_text(findings);
  if (findings.has_errors()) return {};
  TreeBuilder builder(findings);
  try {
    std::istringstream stream{std::string(findings.source().text())};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop&) {
    return {};
  } catch (const YAML::Exception& error) {
    report_syntax(error, findings);
    return {};
  } catch (const std::exception& error) {
    findings.error(Place{}, fmt::format("the YAML parser failed: {}", error.what()));
    return {};
  }
  std::vector<Node> documents = builder.take();
  if (documents.empty() && !may_be_empty && !findings.has_errors()) {
    findings.error(Place{}, "the file is empty");
  }
  return documents;
}

}  // namespace cgwarden::policy
