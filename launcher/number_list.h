#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace cgwarden::launcher {

// The list format of cpuset(7) ("0-3,7"; spaces around a piece are allowed) as a bit mask of
// `count` bits, in the words that sched_setaffinity(2) and set_mempolicy(2) take. Nothing for an
// empty list, another format and a number that is not below `count`.
[[nodiscard]] std::optional<std::vector<unsigned long>> bit_mask_of(std::string_view list,
                                                                    unsigned count);

}  // namespace cgwarden::launcher
