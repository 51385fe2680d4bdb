#include "cgroup/format.h"

#include <algorithm>
#include <cstddef>

#include "base/text.h"
#include "cgroup/quote.h"
#include "cgroup/scan.h"

namespace cgwarden::cgroup {
namespace {

// The kernel ends each line it prints; text without that end was cut and its last value may be a
// shorter number than the true one.
Result<std::string_view> single_line(std::string_view text, std::string_view where) {
  if (!text.ends_with('\n')) return fail(malformed(where, "the line has no end"));
  text.remove_suffix(1);
  if (text.find('\n') != std::string_view::npos) {
    return fail(malformed(where, "one line was expected"));
  }
  return text;
}

// Takes the next complete line off `text`.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

Status require_unique(std::vector<std::string_view>& keys, std::string_view where) {
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) return fail(malformed(where, "key " + quote(*twice) + " occurs twice"));
  return {};
}

// The "SUBKEY=VALUE" pieces of one line after its key. Several blanks may stand between them: the
// io.stat of 6.1 prints two where a device has no bytes yet.
Status split_pairs(std::string_view text, std::string_view where, std::vector<NestedPair>& pairs) {
  pairs.clear();
  for (const std::string_view piece : split(text, ' ')) {
    if (piece.empty()) continue;
    const std::size_t equals = piece.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return fail(malformed(where, quote(piece) + " is not SUBKEY=VALUE"));
    }
    pairs.push_back({piece.substr(0, equals), piece.substr(equals + 1)});
  }
  std::vector<std::string_view> keys;
  keys.reserve(pairs.size());
  for (const NestedPair& pair : pairs) keys.push_back(pair.key);
  return require_unique(keys, where);
}

}  // namespace

Result<std::uint64_t> parse_number(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const std::string_view line, single_line(text, where));
  const auto value = parse_integer<std::uint64_t>(line);
  if (!value) return fail(malformed(where, quote(line) + " is not a number"));
  return *value;
}

bool scan_number(std::string_view text, std::uint64_t& out) {
  if (!text.ends_with('\n')) return false;
  text.remove_suffix(1);
  const auto value = parse_integer<std::uint64_t>(text);
  if (value) out = *value;
  return value.has_value();
}

Result<LimitOf<std::uint64_t>> parse_limit(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const std::string_view line, single_line(text, where));
  if (line == "max") return LimitOf<std::uint64_t>(Max{});
  const auto value = parse_integer<std::uint64_t>(line);
  if (!value) return fail(malformed(where, quote(line) + " is neither a number nor max"));
  return LimitOf<std::uint64_t>(*value);
}

Result<bool> parse_flag(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const std::string_view line, single_line(text, where));
  if (line == "0") return false;
  if (line == "1") return true;
  return fail(malformed(where, quote(line) + " is neither 0 nor 1"));
}

Result<std::vector<std::string>> parse_list(std::string_view text, std::string_view where) {
  std::vector<std::string> values;
  if (text.empty()) return values;  // cgroup.subtree_control with nothing enabled
  CGW_ASSIGN(const std::string_view line, single_line(text, where));
  if (line.empty()) return values;
  std::vector<std::string_view> pieces = split(line, ' ');
  values.reserve(pieces.size());
  for (const std::string_view piece : pieces) {
    if (piece.empty()) return fail(malformed(where, "there is an empty element"));
    values.emplace_back(piece);
  }
  CGW_TRY(require_unique(pieces, where));
  return values;
}

Status parse_flat_keyed(
    std::string_view text, std::string_view where,
    const std::function<bool(std::string_view key, std::string_view value)>& field) {
  if (!text.empty() && !text.ends_with('\n')) {
    return fail(malformed(where, "the last line has no end"));
  }
  std::vector<std::string_view> keys;
  keys.reserve(64);  // memory.stat of 6.12 has 60
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t blank = line.find(' ');
    if (blank == 0 || blank == std::string_view::npos || blank + 1 == line.size()) {
      return fail(malformed(where, quote(line) + " is not KEY VALUE"));
    }
    const std::string_view key = line.substr(0, blank);
    const std::string_view value = line.substr(blank + 1);
    if (!field(key, value)) {
      return fail(malformed(where, "bad value " + quote(value) + " of key " + quote(key)));
    }
    keys.push_back(key);
  }
  return require_unique(keys, where);
}

Status parse_nested_keyed(
    std::string_view text, std::string_view where,
    const std::function<bool(std::string_view key, const std::vector<NestedPair>& pairs)>& line) {
  if (!text.empty() && !text.ends_with('\n')) {
    return fail(malformed(where, "the last line has no end"));
  }
  std::vector<std::string_view> keys;
  std::vector<NestedPair> pairs;
  while (!text.empty()) {
    const std::string_view whole = take_line(text);
    const std::size_t blank = whole.find(' ');
    const std::string_view key = whole.substr(0, blank);
    if (key.empty()) return fail(malformed(where, quote(whole) + " has no key"));
    CGW_TRY(split_pairs(whole.substr(key.size()), where, pairs));
    if (!line(key, pairs)) return fail(malformed(where, "bad line " + quote(whole)));
    keys.push_back(key);
  }
  return require_unique(keys, where);
}

}  // namespace cgwarden::cgroup
