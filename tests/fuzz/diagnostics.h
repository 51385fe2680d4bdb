#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "policy/diagnostic.h"
#include "tests/fuzz/fuzz_target.h"

namespace cgwarden::fuzz {

// A refusal says why, in bounded, printable text, and each place is in the file.
inline void require_clean_diagnostics(const std::vector<policy::Diagnostic>& diagnostics,
                                      std::string_view text) {
  require(!diagnostics.empty(), "a refusal has a reason");
  require(diagnostics.size() <= limits::kDiagnostics + 1, "diagnostics are bounded");
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  for (const auto& diagnostic : diagnostics) {
    require(!diagnostic.message.empty(), "a diagnostic has a message");
    require(diagnostic.position.line <= lines, "a place is in the file");
    require(diagnostic.position.line == 0 || diagnostic.position.column > 0, "columns begin at 1");
  }
  const std::string shown = policy::render(diagnostics);
  require(shown.size() < 64U * 1024U, "what is shown is bounded");
  for (const char byte : shown) {
    require(byte == '\n' || (static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7F),
            "what is shown is printable");
  }
}

}  // namespace cgwarden::fuzz
