#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "base/result.h"

namespace cgwarden::launcher {

// Nesting of config.json and of the state files is below 10; more is an attack on the parser.
inline constexpr int kJsonDepth = 32;

// Strict JSON (RFC 8259): malformed text, a duplicate key, nesting over kJsonDepth and a document
// that is not an object are errors. Never throws.
[[nodiscard]] Result<nlohmann::json> parse_json_object(const std::string& text,
                                                       const std::string& operation,
                                                       const std::string& where);

// One line of JSON without a line end; bytes that are not UTF-8 become U+FFFD. Never throws for
// them.
[[nodiscard]] std::string dump(const nlohmann::json& document);
// The same with a line end.
[[nodiscard]] std::string dump_line(const nlohmann::json& document);

}  // namespace cgwarden::launcher
