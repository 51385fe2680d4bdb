#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/findings.h"
#include "policy/values.h"
#include "policy/yaml_tree.h"

// Reads typed values out of a tree. Each function reports what is wrong where it stands and returns
// nothing then; `name` is the value's name in messages ("cpu.weight").
namespace cgwarden::policy {

// What "key:" alone is.
enum class MissingValue { is_reported, is_absent };

// A map whose keys are all known. Keys are asked for one by one; then refuse_unknown() reports the
// rest.
class MapReader {
 public:
  // `prefix` stands before the keys' names in messages ("cpu."). `map` must be of kind map.
  MapReader(const Node& map, std::string prefix, Findings& findings,
            MissingValue missing = MissingValue::is_reported);

  // The child with this key; nullptr when there is none or it has no value.
  [[nodiscard]] const Node* find(std::string_view key);
  // Reports a missing key too; `hint` shows how to write it.
  [[nodiscard]] const Node* require(std::string_view key, std::string_view hint);
  [[nodiscard]] std::string name(std::string_view key) const { return prefix_ + std::string(key); }
  void refuse_unknown() const;

 private:
  const Node& map_;
  std::string prefix_;
  Findings& findings_;
  MissingValue missing_;
  std::vector<std::string_view> asked_;
};

[[nodiscard]] std::string_view kind_name(const Node& node);

// "NAME must be EXPECTED, not a list".
void report_kind(const Node& node, std::string_view name, std::string_view expected,
                 std::string_view hint, Findings& findings);

// "NAME cannot be "TEXT": PROBLEM".
void report_fault(const Node& node, std::string_view name, const ValueFault& fault,
                  Findings& findings);

// Any scalar as its text; nothing is converted.
[[nodiscard]] std::optional<std::string> read_text(const Node& node, std::string_view name,
                                                   Findings& findings);

// A list of texts.
[[nodiscard]] std::vector<std::string> read_texts(const Node& node, std::string_view name,
                                                  std::string_view hint, Findings& findings);

// One of `words`.
[[nodiscard]] std::optional<std::string> read_word(const Node& node, std::string_view name,
                                                   const std::vector<std::string_view>& words,
                                                   Findings& findings);

// A value by one of the functions of values.h.
template <typename Parse>
[[nodiscard]] auto read_value(const Node& node, std::string_view name, Findings& findings,
                              Parse parse)
    -> std::optional<typename decltype(parse(std::string_view{}))::value_type> {
  if (node.kind != NodeKind::scalar) {
    report_kind(node, name, "one value", "", findings);
    return std::nullopt;
  }
  auto value = parse(std::string_view(node.scalar));
  if (value) return std::move(*value);
  report_fault(node, name, value.error(), findings);
  return std::nullopt;
}

// Lower-case letters, digits, "." and "-" between letters and digits; at most
// limits::kWorkloadNameBytes.
[[nodiscard]] bool valid_name(std::string_view name);

}  // namespace cgwarden::policy
