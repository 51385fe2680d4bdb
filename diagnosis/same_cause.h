#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis {

// What makes two deaths the same, free of what each life has anew: ids of containers, pids, numbers
// of instances. Absent: the verdict does not say.
struct Cause {
  VerdictClass verdict = VerdictClass::unknown;
  std::optional<std::string> limit;  // file and cgroup
  std::optional<std::string> actor;
  std::optional<std::string> exit;
};
[[nodiscard]] Cause cause_of(const Verdict& verdict);

// What only one of them says tells nothing against it: evidence gets lost.
[[nodiscard]] bool same_cause(const Cause& one, const Cause& other);

// `text` with one "#" for each UUID, each 12 or more hexadecimal digits, and each number.
[[nodiscard]] std::string without_numbers(std::string_view text);

}  // namespace cgwarden::diagnosis
