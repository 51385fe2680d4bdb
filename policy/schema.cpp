#include "policy/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "policy/suggestion.h"

namespace cgwarden::policy {
namespace {

// Enough to recognise a text; a hostile one may have a megabyte.
constexpr std::size_t kQuotedBytes = 60;

std::string in_quotes(std::string_view text) {
  if (text.size() <= kQuotedBytes) return fmt::format("\"{}\"", printable(text));
  return fmt::format("\"{}...\"", printable(text.substr(0, kQuotedBytes)));
}

bool is_name_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// "memory.max" below memory, "swap_max" for swap.max, or a list of what there is.
std::string key_hint(std::string_view key, std::string_view prefix,
                     const std::vector<std::string_view>& known) {
  std::string_view word = key;
  if (!prefix.empty() && word.starts_with(prefix)) word.remove_prefix(prefix.size());
  const std::string_view near = closest_word(word, known);
  if (!near.empty()) return fmt::format("did you mean \"{}\"?", near);
  return fmt::format("the keys here are {}", fmt::join(known, ", "));
}

}  // namespace

MapReader::MapReader(const Node& map, std::string prefix, Findings& findings, MissingValue missing)
    : map_(map), prefix_(std::move(prefix)), findings_(findings), missing_(missing) {}

const Node* MapReader::find(std::string_view key) {
  // Some are asked for twice, and each is named once.
  if (std::ranges::find(asked_, key) == asked_.end()) asked_.push_back(key);
  const auto child =
      std::ranges::find_if(map_.children, [&](const Node& node) { return node.key == key; });
  if (child == map_.children.end()) return nullptr;
  if (child->kind == NodeKind::null) {
    if (missing_ == MissingValue::is_absent) return nullptr;
    findings_.error(child->place, fmt::format("{} has no value", name(key)),
                    "remove the key, or give it a value");
    return nullptr;
  }
  return &*child;
}

const Node* MapReader::require(std::string_view key, std::string_view hint) {
  if (std::ranges::none_of(map_.children, [&](const Node& child) { return child.key == key; })) {
    findings_.error(map_.place, fmt::format("{} is missing", name(key)), std::string(hint));
  }
  return find(key);
}

void MapReader::refuse_unknown() const {
  for (const Node& child : map_.children) {
    if (std::ranges::find(asked_, child.key) != asked_.end()) continue;
    findings_.error(child.key_place, fmt::format("unknown key {}", in_quotes(prefix_ + child.key)),
                    key_hint(child.key, prefix_, asked_));
  }
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case NodeKind::null:
      return "empty";
    case NodeKind::scalar:
      return "a single value";
    case NodeKind::sequence:
      return "a list";
    case NodeKind::map:
      return "a map";
  }
  return "";
}

void report_kind(const Node& node, std::string_view name, std::string_view expected,
                 std::string_view hint, Findings& findings) {
  findings.error(node.place, fmt::format("{} must be {}, not {}", name, expected, kind_name(node)),
                 std::string(hint));
}

void report_fault(const Node& node, std::string_view name, const ValueFault& fault,
                  Findings& findings) {
  findings.error(node.place,
                 fmt::format("{} cannot be {}: {}", name, in_quotes(node.scalar), fault.problem),
                 fault.hint, fault.rule);
}

std::optional<std::string> read_text(const Node& node, std::string_view name, Findings& findings) {
  if (node.kind == NodeKind::scalar) return node.scalar;
  report_kind(node, name, "a text", node.kind == NodeKind::null ? "an empty text is \"\"" : "",
              findings);
  return std::nullopt;
}

std::vector<std::string> read_texts(const Node& node, std::string_view name, std::string_view hint,
                                    Findings& findings) {
  std::vector<std::string> texts;
  if (node.kind != NodeKind::sequence) {
    report_kind(node, name, "a list", hint, findings);
    return texts;
  }
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    auto text = read_text(node.children[i], fmt::format("{}[{}]", name, i), findings);
    if (text) texts.push_back(std::move(*text));
  }
  return texts;
}

std::optional<std::string> read_word(const Node& node, std::string_view name,
                                     const std::vector<std::string_view>& words,
                                     Findings& findings) {
  const std::string choice = fmt::format("{}", fmt::join(words, ", "));
  if (node.kind != NodeKind::scalar) {
    report_kind(node, name, fmt::format("one of {}", choice), "", findings);
    return std::nullopt;
  }
  if (std::ranges::find(words, node.scalar) != words.end()) return node.scalar;
  const std::string_view near = closest_word(node.scalar, words);
  report_fault(node, name,
               {fmt::format("it must be one of {}", choice),
                near.empty() ? "" : fmt::format("did you mean \"{}\"?", near)},
               findings);
  return std::nullopt;
}

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::kWorkloadNameBytes &&
         is_name_letter(name.front()) && is_name_letter(name.back()) &&
         std::ranges::all_of(name,
                             [](char c) { return is_name_letter(c) || c == '.' || c == '-'; });
}

}  // namespace cgwarden::policy
