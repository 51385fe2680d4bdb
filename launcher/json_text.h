#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace cgwarden::launcher {

// What a text was found to be.
enum class JsonFault {
  none,
  malformed,  // not one value of JSON (RFC 8259) in UTF-8, with a byte order mark at most
  too_deep,   // more than kJsonDepth arrays and objects in each other
  duplicate,  // an object has a name twice
};

struct JsonText {
  JsonFault fault = JsonFault::none;
  std::string duplicate;  // the first such name
};

// Reads `text` into `value`, which is whole when there is no fault and to be thrown away when there
// is one. Numbers become what nlohmann::json::parse() makes of them: unsigned where they can be,
// else signed, else double. That one takes twice as long, and a runtime reads its config.json
// whenever a container starts. Never throws but for want of memory.
[[nodiscard]] JsonText read_json(const std::string& text, nlohmann::json& value);

}  // namespace cgwarden::launcher
