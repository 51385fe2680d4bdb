#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cgwarden::launcher::oci {

// Values of the command line as people write them. nullopt for anything else.

// "5s", "500ms", "1m30s", "2h" in microseconds.
[[nodiscard]] std::optional<std::uint64_t> duration_usec(const std::string& text);

// Bytes: "1048576", "64M", "1g", "512KiB" (powers of 1024); "-1" is no limit.
[[nodiscard]] std::optional<std::int64_t> byte_count(const std::string& text);

}  // namespace cgwarden::launcher::oci
