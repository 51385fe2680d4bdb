#pragma once

#include <optional>
#include <string>

#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis {

// The verdict with nothing but what restart_story() asks for.
[[nodiscard]] Verdict brief_of(const Verdict& verdict);

// Of the document of a verdict only what restart_story() asks for: class, times, limit, actor, and
// the evidence of the exit (waitid, systemd). A fifth of the work of parse_verdict(), for a
// thousand of them. nullopt: it is not such a document.
[[nodiscard]] std::optional<Verdict> parse_brief(const std::string& json);

}  // namespace cgwarden::diagnosis
