#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

// What the JSON documents of the store have in common. Only for .cpp files of this folder; all
// failures are nlohmann's exceptions.
namespace cgwarden::diagnosis::json {

using Json = nlohmann::json;

[[nodiscard]] inline Json to_object(const TimePoint& time) {
  return {{"boottime_usec", time.boottime.count()}, {"wall_usec", time.wall.count()}};
}

[[noreturn]] inline void refuse(const std::string& why) {
  throw Json::other_error::create(501, why, nullptr);
}

// The library converts -1, 1.5 and 2^40 to some unsigned silently.
template <typename Integer>
[[nodiscard]] Integer integer(const Json& object, const char* key) {
  const Json& value = object.at(key);
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  } else if (value.is_number_integer()) {
    const auto number = value.get<std::int64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  }
  refuse(std::string(key) + " is not an integer in its range");
}

[[nodiscard]] inline TimePoint time_of(const Json& object) {
  return {Usec(integer<std::uint64_t>(object, "boottime_usec")),
          Usec(integer<std::uint64_t>(object, "wall_usec"))};
}

// The schema needs three levels; the parser keeps the last of two equal keys, which hides one.
[[nodiscard]] inline Json parse_strictly(const std::string& text) {
  constexpr int kDepth = 8;
  std::vector<std::set<std::string>> keys;
  return Json::parse(text, [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kDepth) refuse("it is nested too deeply");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      refuse("a key is there twice");
    }
    return true;
  });
}

}  // namespace cgwarden::diagnosis::json
