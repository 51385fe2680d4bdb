#pragma once
#include <cstddef>
namespace cgwarden::limits {
inline constexpr std::size_t kForeignStalls = 64;
inline constexpr std::size_t kForeignBegun = 200;
inline constexpr std::size_t kVerdictsExplained = 100;
}  // namespace cgwarden::limits
