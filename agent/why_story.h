#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "diagnosis/restart_story.h"
#include "diagnosis/verdict.h"

namespace cgwarden::agent {

// The story of the crash loop that the newest death of `deaths` (newest first, stalls among them)
// is the last of. When `deaths` ends before the story begins, the rest is read from the store, all
// that it keeps; `since_wall`: but nothing older. nullopt: no story.
[[nodiscard]] std::optional<diagnosis::RestartStory> stored_story(
    const std::string& store_path, const std::vector<diagnosis::Verdict>& deaths,
    std::optional<Usec> since_wall);

}  // namespace cgwarden::agent
