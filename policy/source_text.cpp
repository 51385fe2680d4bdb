#include "policy/source_text.h"

#include <algorithm>

#include "base/text.h"

namespace cgwarden::policy {

SourceText::SourceText(std::string_view text, std::string file)
    : text_(text), file_(std::move(file)) {
  line_starts_.push_back(0);
  for (std::size_t at = text.find('\n'); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    line_starts_.push_back(at + 1);
  }
}

std::string_view SourceText::line(std::size_t number) const {
  if (number == 0 || number > line_starts_.size()) return {};
  const std::size_t start = line_starts_[number - 1];
  return text_.substr(start, text_.find('\n', start) - start);
}

Place SourceText::place_of_offset(std::size_t offset) const {
  const auto after = std::ranges::upper_bound(line_starts_, offset);
  const auto line = static_cast<std::size_t>(after - line_starts_.begin());
  return {line, offset - line_starts_[line - 1]};
}

SourcePosition SourceText::position(Place place) const {
  if (place.line == 0) return {file_, 0, 0};
  const std::string_view before = line(place.line).substr(0, place.byte);
  std::size_t column = 1;
  for (std::size_t at = 0; at < before.size(); ++column) {
    const std::size_t length = utf8_length(before.substr(at));
    at += length == 0 ? 1 : length;
  }
  return {file_, place.line, column};
}

}  // namespace cgwarden::policy
