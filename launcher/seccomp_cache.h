#pragma once

#include <linux/filter.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/spec.h"

// Compiled seccomp programs kept between launches: libseccomp needs milliseconds for what the
// kernel then loads in microseconds.
namespace cgwarden::launcher {

// All that a program depends on, in full and not as a hash: default action, architectures, rules,
// the native architecture, libseccomp's version and the version of our own compiler. Two profiles
// with one key have one program.
[[nodiscard]] std::string seccomp_cache_key(const Seccomp& config);

// The bytes of an entry.
[[nodiscard]] std::string to_cache_entry(std::string_view key,
                                         std::span<const sock_filter> program);
// The program of an entry; nothing when it is of another key or format, or not a program that ends
// in every case (is_complete_program).
[[nodiscard]] std::optional<std::vector<sock_filter>> parse_cache_entry(std::string_view entry,
                                                                        std::string_view key);
// 1 to 4096 instructions of those that seccomp(2) takes, each jump inside, the last one a return.
[[nodiscard]] bool is_complete_program(std::span<const sock_filter> program);

// A directory of entries. Used only when it is the caller's (effective user) with mode 0700; an
// entry only when it is a regular file of the caller that nobody else may write. Never an error:
// what cannot be used is compiled again.
class SeccompCache {
 public:
  static constexpr std::size_t kEntries = 64;  // some MiB at most; the oldest ones go
  explicit SeccompCache(std::string directory) : directory_(std::move(directory)) {}

  [[nodiscard]] std::optional<std::vector<sock_filter>> find(std::string_view key) const;
  // Creates the directory when there is none.
  void keep(std::string_view key, std::span<const sock_filter> program) const;

 private:
  std::string directory_;  // empty: no cache
};

}  // namespace cgwarden::launcher
