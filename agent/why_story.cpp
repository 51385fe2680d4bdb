#include "agent/why_story.h"

#include <algorithm>
#include <iterator>

#include "base/limits.h"
#include "diagnosis/store.h"

namespace cgwarden::agent {
namespace {

std::vector<diagnosis::Verdict> only_deaths(const std::vector<diagnosis::Verdict>& verdicts) {
  std::vector<diagnosis::Verdict> deaths;
  std::ranges::copy_if(verdicts, std::back_inserter(deaths), &diagnosis::Verdict::death);
  return deaths;
}

}  // namespace

std::optional<diagnosis::RestartStory> stored_story(const std::string& store_path,
                                                    const std::vector<diagnosis::Verdict>& verdicts,
                                                    std::optional<Usec> since_wall) {
  std::vector<diagnosis::Verdict> before = only_deaths(verdicts);
  if (before.empty()) return std::nullopt;
  const diagnosis::Verdict newest = std::move(before.front());
  before.erase(before.begin());
  auto story = diagnosis::restart_story(newest, before);
  // Its beginning is among them.
  if (!story || story->deaths <= before.size()) return story;
  const auto store = diagnosis::StoreReader::open(store_path);
  auto stored = store ? store->brief_deaths(newest.workload, limits::kVerdictsPerWorkload)
                      : Result<std::vector<diagnosis::Verdict>>(fail(store.error()));
  if (!stored) {
    story->is_cut = true;
    return story;
  }
  // The oldest go when there are so many; the newest row may be a stall.
  bool knows_all = store->unreadable() == 0 && stored->size() + 1 < limits::kVerdictsPerWorkload;
  // The newest may not be stored yet.
  std::erase_if(*stored, [&](const auto& death) { return death.when.wall >= newest.when.wall; });
  if (since_wall && std::erase_if(*stored, [&](const auto& death) {
                      return death.when.wall < *since_wall;
                    }) > 0) {
    knows_all = false;
  }
  story = diagnosis::restart_story(newest, *stored);
  if (story) story->is_cut = !knows_all && story->deaths > stored->size();
  return story;
}

}  // namespace cgwarden::agent
