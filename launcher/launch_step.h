#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include "base/result.h"
#include "launcher/spawn.h"

namespace cgwarden::launcher {

// A failure with errno(3) as it stands.
[[nodiscard]] inline std::unexpected<LaunchError> failed(std::string stage, std::string text) {
  const int errno_value = errno;
  return std::unexpected(LaunchError{std::move(stage), errno_value, std::move(text)});
}
// A refusal in which no system call failed.
[[nodiscard]] inline std::unexpected<LaunchError> refused(std::string stage, std::string text) {
  return std::unexpected(LaunchError{std::move(stage), 0, std::move(text)});
}

}  // namespace cgwarden::launcher
