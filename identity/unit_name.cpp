#include "identity/unit_name.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace cgwarden::identity {
namespace {

constexpr std::size_t kUnitNameBytes = 255;
constexpr std::array<std::string_view, 11> kTypes{"service", "scope",  "slice",    "socket",
                                                  "mount",   "swap",   "target",   "timer",
                                                  "path",    "device", "automount"};

bool is_unit_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view(":-_.\\@").find(c) != std::string_view::npos;
}

}  // namespace

std::string_view without_escape(std::string_view component) {
  if (component.starts_with('_')) component.remove_prefix(1);
  return component;
}

bool is_unit_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (name.size() > kUnitNameBytes || dot == std::string_view::npos || dot == 0) return false;
  if (std::ranges::find(kTypes, name.substr(dot + 1)) == kTypes.end()) return false;
  const std::size_t at = name.find('@');
  if (at == 0 || (at != std::string_view::npos && at + 1 == dot)) return false;
  return std::ranges::all_of(name, is_unit_character);
}

bool is_slice_name(std::string_view name) {
  return name.ends_with(".slice") && name.find('@') == std::string_view::npos && is_unit_name(name);
}

std::optional<std::string_view> between(std::string_view text, std::string_view prefix,
                                        std::string_view suffix) {
  if (text.size() <= prefix.size() + suffix.size() || !text.starts_with(prefix) ||
      !text.ends_with(suffix)) {
    return std::nullopt;
  }
  text.remove_suffix(suffix.size());
  return text.substr(prefix.size());
}

std::optional<std::uint32_t> parse_uid(std::string_view text) {
  const auto uid = parse_integer<std::uint32_t>(text);
  if (!uid || *uid == 0xFFFFU || *uid == 0xFFFFFFFFU) return std::nullopt;
  return uid;
}

std::string unescape_unit(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-') {
      out += '/';
    } else if (text[i] != '\\') {
      out += text[i];
    } else {
      unsigned byte = 0;
      const std::string_view digits = text.substr(i).size() < 4 ? "" : text.substr(i + 2, 2);
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
      if (text.substr(i + 1, 1) != "x" || error != std::errc{} ||
          end != digits.data() + digits.size()) {
        return std::string(text);
      }
      out += static_cast<char>(byte);
      i += 3;
    }
  }
  return out;
}

}  // namespace cgwarden::identity
