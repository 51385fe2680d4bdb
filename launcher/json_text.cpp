#include "launcher/json_text.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "launcher/json.h"

namespace cgwarden::launcher {
namespace {

using nlohmann::json;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What stands in a string as it is: no control character, quotation mark or backslash.
bool stands_as_it_is(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 &&
         c != '"' && c != '\\';
}

// A row of the table of well-formed UTF-8 (Unicode, table 3-7): by its first byte a character has
// so many, of which the second is in a range and the others in that of 0x80.
struct Utf8Row {
  unsigned char first;
  unsigned char last;
  unsigned char second_least;
  unsigned char second_most;
  unsigned size;
};
constexpr Utf8Row kUtf8[] = {{0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
                             {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3},
                             {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
                             {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};

// The bytes of the character outside of ASCII that begins there; 0: it is none.
std::size_t utf8_size(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (const Utf8Row& row : kUtf8) {
    if (byte(0) < row.first || byte(0) > row.last) continue;
    if (text.size() < row.size || byte(1) < row.second_least || byte(1) > row.second_most) return 0;
    for (std::size_t i = 2; i < row.size; ++i) {
      if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
    }
    return row.size;
  }
  return 0;
}

void append_utf8(std::string& to, unsigned code) {
  const auto add = [&to](unsigned byte) { to += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
    return;
  }
  if (code < 0x800) {
    add(0xC0U | code >> 6U);
  } else if (code < 0x10000) {
    add(0xE0U | code >> 12U);
    add(0x80U | (code >> 6U & 0x3FU));
  } else {
    add(0xF0U | code >> 18U);
    add(0x80U | (code >> 12U & 0x3FU));
    add(0x80U | (code >> 6U & 0x3FU));
  }
  add(0x80U | (code & 0x3FU));
}

// Each step takes what it reads from the rest, and says whether that was whole.
class TextReader {
 public:
  explicit TextReader(const std::string& text) : rest_(text) {}

  JsonText document(json& to) {
    (void)take("\xEF\xBB\xBF");
    skip_blanks();
    const bool whole = value(to, 0);
    skip_blanks();
    if (fault_ != JsonFault::too_deep && (!whole || !rest_.empty())) fault_ = JsonFault::malformed;
    return {.fault = fault_, .duplicate = std::move(duplicate_)};
  }

 private:
  [[nodiscard]] char next() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(std::string_view word) {
    const bool there = rest_.starts_with(word);
    if (there) rest_.remove_prefix(word.size());
    return there;
  }
  void skip_blanks() {
    std::size_t count = 0;
    while (count < rest_.size() && (rest_[count] == ' ' || rest_[count] == '\n' ||
                                    rest_[count] == '\t' || rest_[count] == '\r')) {
      ++count;
    }
    rest_.remove_prefix(count);
  }
  bool goes_deeper(int depth) {
    if (depth < kJsonDepth) return true;
    fault_ = JsonFault::too_deep;
    return false;
  }
  // Behind an element: true when another one follows.
  bool take_comma() {
    skip_blanks();
    if (!take(",")) return false;
    skip_blanks();
    return true;
  }

  bool value(json& to, int depth);
  bool object(json& to, int depth);
  bool member(json::object_t& to, int depth);
  bool array(json& to, int depth);
  bool string(std::string& to);
  bool escape(std::string& to);
  std::optional<unsigned> code_unit();
  bool number(json& to);

  std::string_view rest_;
  JsonFault fault_ = JsonFault::none;
  std::string duplicate_;
};

bool TextReader::value(json& to, int depth) {
  switch (next()) {
    case '{':
      return goes_deeper(depth) && object(to, depth + 1);
    case '[':
      return goes_deeper(depth) && array(to, depth + 1);
    case '"':
      to = json::value_t::string;
      return string(to.get_ref<std::string&>());
    case 't':
      to = true;
      return take("true");
    case 'f':
      to = false;
      return take("false");
    case 'n':
      to = nullptr;
      return take("null");
    default:
      return number(to);
  }
}

bool TextReader::object(json& to, int depth) {
  to = json::value_t::object;
  auto& members = to.get_ref<json::object_t&>();
  (void)take("{");
  skip_blanks();
  if (take("}")) return true;
  do {
    if (!member(members, depth)) return false;
  } while (take_comma());
  return take("}");
}

bool TextReader::member(json::object_t& to, int depth) {
  std::string name;
  if (next() != '"' || !string(name)) return false;
  skip_blanks();
  if (!take(":")) return false;
  skip_blanks();
  const auto [place, fresh] = to.try_emplace(std::move(name));
  if (!fresh && fault_ == JsonFault::none) {
    fault_ = JsonFault::duplicate;
    duplicate_ = place->first;
  }
  return value(place->second, depth);
}

bool TextReader::array(json& to, int depth) {
  to = json::value_t::array;
  auto& items = to.get_ref<json::array_t&>();
  (void)take("[");
  skip_blanks();
  if (take("]")) return true;
  do {
    if (!value(items.emplace_back(), depth)) return false;
  } while (take_comma());
  return take("]");
}

bool TextReader::string(std::string& to) {
  (void)take("\"");
  for (;;) {
    std::size_t count = 0;
    while (count < rest_.size() && stands_as_it_is(rest_[count])) ++count;
    to.append(rest_.substr(0, count));
    rest_.remove_prefix(count);
    if (take("\"")) return true;
    if (take("\\")) {
      if (!escape(to)) return false;
      continue;
    }
    const std::size_t size = rest_.empty() ? 0 : utf8_size(rest_);
    if (size == 0) return false;
    to.append(rest_.substr(0, size));
    rest_.remove_prefix(size);
  }
}

bool TextReader::escape(std::string& to) {
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  if (const std::size_t which = rest_.empty() ? kNames.npos : kNames.find(rest_.front());
      which != kNames.npos) {
    to += kValues[which];
    rest_.remove_prefix(1);
    return true;
  }
  const auto first = code_unit();
  if (!first) return false;
  if (*first < 0xD800 || *first > 0xDFFF) {
    append_utf8(to, *first);
    return true;
  }
  // A pair of surrogates, the high one first (RFC 8259, section 7).
  if (*first > 0xDBFF || !take("\\")) return false;
  const auto second = code_unit();
  if (!second || *second < 0xDC00 || *second > 0xDFFF) return false;
  append_utf8(to, 0x10000U + ((*first - 0xD800U) << 10U) + (*second - 0xDC00U));
  return true;
}

// "u" and four hexadecimal digits.
std::optional<unsigned> TextReader::code_unit() {
  constexpr std::size_t kDigits = 4;
  if (!take("u") || rest_.size() < kDigits) return std::nullopt;
  unsigned code = 0;
  const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + kDigits, code, 16);
  if (error != std::errc() || end != rest_.data() + kDigits) return std::nullopt;
  rest_.remove_prefix(kDigits);
  return code;
}

bool TextReader::number(json& to) {
  const char* const begin = rest_.data();
  const auto digits = [this] {
    const std::string_view before = rest_;
    while (is_digit(next())) rest_.remove_prefix(1);
    return rest_.size() < before.size();
  };
  const bool negative = take("-");
  if (!take("0") && !digits()) return false;
  bool whole = true;
  if (take(".")) {
    whole = false;
    if (!digits()) return false;
  }
  if (take("e") || take("E")) {
    whole = false;
    if (!take("+")) (void)take("-");
    if (!digits()) return false;
  }
  const char* const end = rest_.data();
  const auto read = [&]<typename Integer>(Integer number) {
    const bool fits = std::from_chars(begin, end, number).ec == std::errc();
    if (fits) to = number;
    return fits;
  };
  if (whole && (negative ? read(std::int64_t{0}) : read(std::uint64_t{0}))) return true;
  // What follows cannot be taken for a part of it.
  const double number = std::strtod(begin, nullptr);
  to = number;
  return std::isfinite(number);
}

}  // namespace

JsonText read_json(const std::string& text, nlohmann::json& value) {
  return TextReader(text).document(value);
}

}  // namespace cgwarden::launcher
