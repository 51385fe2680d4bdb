#pragma once

#include <cstdint>

// SQLite has signed numbers only; the same 64 bits go there and back.
namespace cgwarden::diagnosis::recording {

[[nodiscard]] constexpr std::int64_t to_sql(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
[[nodiscard]] constexpr std::uint64_t from_sql(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

}  // namespace cgwarden::diagnosis::recording
