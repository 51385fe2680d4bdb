#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/diagnostic.h"

namespace cgwarden::policy {

// A place in a text: line from 1 and byte in the line from 0. Line 0: the text as a whole.
struct Place {
  std::size_t line = 0;
  std::size_t byte = 0;
};

// A text with its name, by lines. Refers to `text`, which must outlive it.
class SourceText {
 public:
  SourceText(std::string_view text, std::string file);

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  // Without its end; empty for a line that does not exist.
  [[nodiscard]] std::string_view line(std::size_t number) const;
  [[nodiscard]] Place place_of_offset(std::size_t offset) const;
  // The column counts characters.
  [[nodiscard]] SourcePosition position(Place place) const;

 private:
  std::string_view text_;
  std::string file_;
  std::vector<std::size_t> line_starts_;
};

}  // namespace cgwarden::policy
