#pragma once

#include "cgroup/scan.h"
#include "tests/cgroup/facts.h"
#include "tests/fuzz/fuzz_target.h"

// The laws of every parser of cgroup/format.h, checked for one input.
namespace cgwarden::fuzz {

// Each value, as the kernel would print it, is a piece of the text.
inline bool stands_in(std::string_view text, const std::string& value) {
  return text.find(value) != std::string_view::npos;
}

struct Laws {
  bool whole_lines = true;   // a success ends with a line end, or is empty
  bool values_occur = true;  // each present value stands in the text
};

template <typename Parse>
int check_parser(const std::uint8_t* data, std::size_t size, Parse parse, Laws laws = {}) {
  const std::string_view text = text_of(data, size);
  const auto value = parse(text);
  if (!value) {
    require_clean_error(value.error());
    return 0;
  }
  const auto found = cgroup::testing::facts(*value);
  const auto again = parse(std::string(text));
  require(again.has_value() && cgroup::testing::facts(*again) == found, "parsing is a function");
  if (laws.whole_lines) {
    require(text.empty() || text.ends_with('\n'), "a half line is rejected");
  }
  for (const auto& [key, number] : found) {
    if (laws.values_occur) require(stands_in(text, number), "a present value stands in the text");
  }
  // One byte less, which is the line end: its last line is cut.
  if (!text.empty()) {
    const auto cut = parse(text.substr(0, text.size() - 1));
    require(!cut || text.size() == 1, "a text without its last line end is rejected");
  }
  return 0;
}

// What cgroup/scan.h takes is what the parser makes of it.
template <typename Value, typename Parse>
void check_scan(const std::uint8_t* data, std::size_t size, bool (*scan)(std::string_view, Value&),
                Parse parse) {
  const std::string_view text = text_of(data, size);
  Value scanned{};
  if (!scan(text, scanned)) return;
  const auto value = parse(text);
  require(value && cgroup::testing::facts(*value) == cgroup::testing::facts(scanned),
          "a scan says what the parser says");
}

}  // namespace cgwarden::fuzz
