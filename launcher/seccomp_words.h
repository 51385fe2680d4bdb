#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// The words of linux.seccomp (config-linux.md) and the numbers that the kernel has for them.
namespace cgwarden::launcher {

struct SeccompWord {
  std::string_view name;
  std::uint32_t value;
};

// SCMP_ACT_* -> SECCOMP_RET_*, without an errno.
[[nodiscard]] std::span<const SeccompWord> seccomp_actions();
// SCMP_CMP_* -> enum scmp_compare.
[[nodiscard]] std::span<const SeccompWord> seccomp_operators();
// SECCOMP_FILTER_FLAG_* -> flags of seccomp(2).
[[nodiscard]] std::span<const SeccompWord> seccomp_flags();

[[nodiscard]] std::optional<std::uint32_t> word_value(std::span<const SeccompWord> words,
                                                      std::string_view name);
// "SCMP_ACT_KILL, SCMP_ACT_TRAP, ...": what may stand there, for an error text.
[[nodiscard]] std::string word_list(std::span<const SeccompWord> words);

}  // namespace cgwarden::launcher
