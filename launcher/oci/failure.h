#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/result.h"
#include "launcher/spawn.h"

namespace cgwarden::launcher::oci {

// Why a command of the runtime failed: one sentence for stderr and --log, and the exit status.
struct Failure {
  std::string text;
  int exit_code = 1;

  explicit Failure(std::string sentence, int code = 1)
      : text(std::move(sentence)), exit_code(code) {}
  // Implicit, so that CGW_TRY and CGW_ASSIGN pass both kinds of errors on.
  Failure(const Error& error) : text(error.sentence()) {}  // NOLINT(google-explicit-constructor)
  // With the words of errno in lower case: docker's command line tells by "permission denied" and
  // "no such file or directory", as Go writes them, whether to exit with 126 or 127.
  Failure(const LaunchError& error);  // NOLINT(google-explicit-constructor)
};

template <typename T>
using Outcome = std::expected<T, Failure>;

[[nodiscard]] inline std::unexpected<Failure> refuse(std::string sentence, int code = 1) {
  return std::unexpected(Failure(std::move(sentence), code));
}

}  // namespace cgwarden::launcher::oci
