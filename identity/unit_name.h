#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Unit names of systemd as they stand in paths of cgroups (systemd.unit(5), src/basic/unit-name.c).
namespace cgwarden::identity {

// Without the "_" that systemd puts before a name that the kernel could use for a file.
[[nodiscard]] std::string_view without_escape(std::string_view component);

// A plain unit or an instance of one ("ssh.service", "getty@tty1.service"), no template.
[[nodiscard]] bool is_unit_name(std::string_view name);
[[nodiscard]] bool is_slice_name(std::string_view name);

// The text between: "1000" of "user@1000.service". nullopt when it is not there or empty.
[[nodiscard]] std::optional<std::string_view> between(std::string_view text,
                                                      std::string_view prefix,
                                                      std::string_view suffix);

// A uid in decimal digits, not one of the two that mean "none" (65535, 4294967295).
[[nodiscard]] std::optional<std::uint32_t> parse_uid(std::string_view text);

// What systemd-escape(1) --unescape gives: "-" is "/", "\xNN" is a byte. A text with a broken
// escape is returned as it is.
[[nodiscard]] std::string unescape_unit(std::string_view text);

}  // namespace cgwarden::identity
