#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cgwarden::cgroup {

// A wanted value worked out against the text the file holds now.
struct ControlValue {
  std::string write;    // what to write: complete and canonical ("50000 100000" for "50000")
  std::string settled;  // how the kernel shows it once it is in force (memory rounded to pages)
};

// Pure. invalid for a value that is not of the file's kind, and for memory limits of 1..4095 bytes,
// which the kernel accepts and stores as 0. Files without a rule of their own take any one line.
[[nodiscard]] Result<ControlValue> resolve_value(const std::string& file, std::string_view wanted,
                                                 std::string_view current, std::uint64_t page_size);

// The part of the file's text that `wanted` speaks of (one device of io.max), in the form of
// ControlValue::settled: equal to it when the wanted value is in force.
[[nodiscard]] Result<std::string> shown_value(const std::string& file, std::string_view wanted,
                                              std::string_view current);

}  // namespace cgwarden::cgroup
