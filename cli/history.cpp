#include "cli/history.h"

#include <algorithm>

#include "base/limits.h"
#include "diagnosis/store.h"

namespace cgwarden::cli {

bool History::has_death(unsigned incarnation, Usec ended_wall) const {
  return std::ranges::any_of(deaths, [&](const diagnosis::Verdict& verdict) {
    return verdict.incarnation == incarnation && verdict.when.wall == ended_wall;
  });
}

Result<History> read_history(const std::string& store_path, const std::string& workload) {
  History history;
  const auto store = diagnosis::StoreReader::open(store_path);
  if (!store) {
    if (store.error().kind == ErrorKind::vanished) return history;
    return fail(store.error());
  }
  CGW_ASSIGN(auto verdicts, store->verdicts(workload, limits::kVerdictsPerWorkload));
  for (auto& verdict : verdicts) {
    auto& list = verdict.death ? history.deaths : history.stalls;
    list.push_back(std::move(verdict));
  }
  return history;
}

}  // namespace cgwarden::cli
