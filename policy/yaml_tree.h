#pragma once

#include <string>
#include <vector>

#include "policy/findings.h"

namespace cgwarden::policy {

enum class NodeKind { null, scalar, sequence, map };

// One value of a YAML document. Scalars are text: what `no`, `010` or `1e3` means is decided by the
// schema, never guessed.
struct Node {
  NodeKind kind = NodeKind::null;
  std::string scalar;
  bool quoted = false;         // "text", 'text', | and >: null or true in quotes is a text
  Place place;                 // of the value; of the key when there is no value
  std::string key;             // of a child of a map
  Place key_place;             // of a child of a map
  std::vector<Node> children;  // in the order of the text; keys of a map are unique
};

// The documents of a text that are not empty. Anchors, aliases, merge keys and tags are refused, as
// are duplicate keys, unclosed quotes, bytes that are not printable UTF-8, and anything over
// limits::kYamlFileBytes, kYamlDepth and kYamlNodes. The result is usable only without errors.
// Without any such document: an error, unless the text `may_be_empty`.
[[nodiscard]] std::vector<Node> parse_yaml(Findings& findings, bool may_be_empty = false);

}  // namespace cgwarden::policy
