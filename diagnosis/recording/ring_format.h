#pragma once

#include <cstdint>
#include <string_view>

namespace cgwarden::diagnosis::recording {

inline constexpr std::string_view kRingMagic = "cgwring1";
inline constexpr unsigned kTypeBits = 2;
inline constexpr std::uint64_t kDefinition = 0;
inline constexpr std::uint64_t kSample = 1;
inline constexpr std::uint64_t kSampleWithPresence = 2;

}  // namespace cgwarden::diagnosis::recording
