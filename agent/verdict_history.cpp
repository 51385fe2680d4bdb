#include "agent/verdict_history.h"

#include <algorithm>

#include "identity/subject.h"

#include "base/limits.h"
#include "diagnosis/store.h"

namespace cgwarden::agent {

namespace {

// Of a container's id, as docker and podman show them.
constexpr std::size_t kIdDigits = 12;

Usec newest_of(const History& history) {
  Usec newest{0};
  for (const auto* list : {&history.deaths, &history.stalls}) {
    if (!list->empty()) newest = std::max(newest, list->front().when.wall);
  }
  return newest;
}

}  // namespace

bool History::has_death(unsigned incarnation, Usec ended_wall) const {
  return std::ranges::any_of(deaths, [&](const diagnosis::Verdict& verdict) {
    return verdict.incarnation == incarnation && verdict.when.wall == ended_wall;
  });
}

Result<History> read_history(const std::string& store_path, const std::string& workload,
                             std::size_t most) {
  History history;
  const auto store = diagnosis::StoreReader::open(store_path);
  if (!store) {
    if (store.error().kind == ErrorKind::vanished) return history;
    return fail(store.error());
  }
  CGW_ASSIGN(auto verdicts, store->verdicts(workload, most));
  for (auto& verdict : verdicts) {
    auto& list = verdict.death ? history.deaths : history.stalls;
    list.push_back(std::move(verdict));
  }
  history.unreadable = store->unreadable();
  return history;
}

Result<History> read_subject_history(const std::string& store_path, const std::string& name,
                                     std::size_t most) {
  History newest;
  const auto store = diagnosis::StoreReader::open(store_path);
  if (!store) {
    if (store.error().kind == ErrorKind::vanished) return newest;
    return fail(store.error());
  }
  CGW_ASSIGN(const auto keys, store->workloads());
  for (const auto& key : keys) {
    const auto subject = identity::parse_subject_key(key);
    const bool by_id = subject && subject->kind == identity::Subject::Kind::container &&
                       identity::is_passing(*subject) && name.size() >= kIdDigits &&
                       subject->name.starts_with(name);
    const bool called = subject && (subject->name == name || subject->pod == name || by_id);
    if (!called && key != name) continue;
    CGW_ASSIGN(auto history, read_history(store_path, key, most));
    if (newest.empty() || newest_of(history) > newest_of(newest)) newest = std::move(history);
  }
  return newest;
}

}  // namespace cgwarden::agent
