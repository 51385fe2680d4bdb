// Not fnmatch(3): its `?` and ranges depend on the locale of the process, it takes exponential time
// for hostile patterns, and it would need a copy of each component of each path in each tick. The
// unit test uses it as an oracle.
#include "policy/match.h"

#include <algorithm>

#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::policy {
namespace {

constexpr std::string_view kAnyDepth = "**";

// Cuts the first component off `path` ("/a/b" -> "a", leaving "/b").
std::string_view take_component(std::string_view& path) {
  const std::size_t end = path.find('/', 1);
  const std::string_view component = path.substr(1, end == path.npos ? end : end - 1);
  path = end == path.npos ? std::string_view{} : path.substr(end);
  return component;
}

std::size_t character_length(std::string_view text) {
  const std::size_t length = utf8_length(text);
  return length == 0 ? 1 : length;
}

// Offset of the "]" that closes the set which begins `glob`; npos when there is none.
std::size_t set_end(std::string_view glob) {
  std::size_t first = 1;
  if (first < glob.size() && glob[first] == '!') ++first;
  return glob.find(']', first + 1);
}

bool in_set(std::string_view set, char c) {
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (i + 2 < set.size() && set[i + 1] == '-') {
      if (set[i] <= c && c <= set[i + 2]) return true;
      i += 2;
    } else if (set[i] == c) {
      return true;
    }
  }
  return false;
}

// Does the single-character element that begins `glob` match the character that begins `text`? Cuts
// both off when it does.
bool take_character(std::string_view& glob, std::string_view& text) {
  if (glob.empty() || text.empty()) return false;
  std::size_t element = 1;
  std::size_t length = 1;
  if (glob.front() == '?') {
    length = character_length(text);
  } else if (glob.front() == '[') {
    element = set_end(glob) + 1;
    std::string_view set = glob.substr(1, element - 2);
    const bool inverted = set.starts_with('!');
    if (inverted) set.remove_prefix(1);
    length = character_length(text);
    if ((length == 1 && in_set(set, text.front())) == inverted) return false;
  } else if (glob.front() != text.front()) {
    return false;
  }
  glob.remove_prefix(element);
  text.remove_prefix(length);
  return true;
}

// Going back to the last `*` only is enough: what an earlier one could take instead, the last one
// can.
bool component_matches(std::string_view glob, std::string_view text) {
  std::optional<std::string_view> after_star;
  std::string_view retry;
  for (;;) {
    if (glob.starts_with('*')) {
      glob.remove_prefix(1);
      after_star = glob;
      retry = text;
    } else if (glob.empty() && text.empty()) {
      return true;
    } else if (!take_character(glob, text)) {
      if (!after_star || retry.empty()) return false;
      retry.remove_prefix(character_length(retry));
      glob = *after_star;
      text = retry;
    }
  }
}

std::string_view set_fault(std::string_view glob) {
  const std::size_t end = set_end(glob);
  if (end == std::string_view::npos) return "a [ is not closed by ]";
  const std::string_view set = glob.substr(1, end - 1);
  if (set.find("[:") != std::string_view::npos) {
    return "character classes ([:alpha:]) are not supported; write a range: [a-z]";
  }
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (static_cast<unsigned char>(set[i]) >= 0x80) return "a set ([...]) can hold ASCII only";
    if (i > 0 && i + 1 < set.size() && set[i] == '-' && set[i - 1] > set[i + 1]) {
      return "a range in [...] runs backwards";
    }
  }
  return {};
}

std::optional<GlobFault> component_fault(std::string_view component) {
  if (component.empty()) return GlobFault{0, "a component is empty (// or / at the end)"};
  if (component == "." || component == "..") {
    return GlobFault{0, "a cgroup path has no . or .. components"};
  }
  if (component == kAnyDepth) return std::nullopt;
  for (std::size_t at = 0; at < component.size(); ++at) {
    const auto byte = static_cast<unsigned char>(component[at]);
    if (byte < 0x20 || byte == 0x7F) return GlobFault{at, "a control byte cannot be matched"};
    if (component.substr(at).starts_with(kAnyDepth)) {
      return GlobFault{at, "** must be a component of its own: /a/**/b"};
    }
    if (component[at] != '[') continue;
    const std::string_view fault = set_fault(component.substr(at));
    if (!fault.empty()) return GlobFault{at, fault};
    at += set_end(component.substr(at));
  }
  return std::nullopt;
}

}  // namespace

bool glob_matches(std::string_view glob, std::string_view path) {
  if (!glob_fault(glob).empty() || !path.starts_with('/')) return false;
  if (glob == "/") return path == "/";
  if (path == "/") path = {};
  std::optional<std::string_view> after_any;
  std::string_view retry;
  for (;;) {
    std::string_view rest = glob;
    const std::string_view element = glob.empty() ? std::string_view{} : take_component(rest);
    if (element == kAnyDepth) {
      if (rest.empty()) return !path.empty();
      glob = rest;
      after_any = rest;
      retry = path;
      continue;
    }
    if (glob.empty() && path.empty()) return true;
    std::string_view below = path;
    if (!glob.empty() && !path.empty() && component_matches(element, take_component(below))) {
      glob = rest;
      path = below;
      continue;
    }
    if (!after_any || retry.empty()) return false;
    take_component(retry);
    glob = *after_any;
    path = retry;
  }
}

std::optional<GlobFault> find_glob_fault(std::string_view glob) {
  if (glob.empty()) return GlobFault{0, "it is empty"};
  if (!glob.starts_with('/')) {
    return GlobFault{0, "it must begin with / (the root of the cgroup tree)"};
  }
  if (glob.size() > limits::kCgroupPathBytes) return GlobFault{0, "it is longer than any path"};
  if (glob == "/") return std::nullopt;
  for (std::size_t at = 0; at < glob.size();) {
    // A set with a "/" inside is not closed: no component has one.
    const std::size_t end = std::min(glob.find('/', at + 1), glob.size());
    if (auto fault = component_fault(glob.substr(at + 1, end - at - 1))) {
      fault->offset += at + 1;
      return fault;
    }
    at = end;
  }
  return std::nullopt;
}

std::string_view glob_fault(std::string_view glob) {
  const auto fault = find_glob_fault(glob);
  return fault ? fault->message : std::string_view{};
}

std::optional<GlobFault> find_name_glob_fault(std::string_view glob) {
  if (glob.empty()) return GlobFault{0, "it is empty"};
  if (glob.size() > limits::kCgroupPathBytes) return GlobFault{0, "it is longer than any name"};
  if (glob == kAnyDepth) return GlobFault{0, "* is any name, and there is nothing deeper"};
  return component_fault(glob);
}

bool name_matches(std::string_view glob, std::string_view name) {
  return !find_name_glob_fault(glob) && component_matches(glob, name);
}

}  // namespace cgwarden::policy
