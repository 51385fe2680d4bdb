#include "agent/identification.h"

#include "base/log.h"

namespace cgwarden::agent {

Identification::Identification(const std::string& root) {
  auto names = identity::HostNames::open(root);
  if (names) {
    lookup_.emplace(*std::move(names));
  } else {
    log::warning("names_off", {{"error", names.error().sentence()},
                               {"effect", "containers have ids and no names"}});
  }
}

std::size_t Identification::observe(const cgroup::Snapshot& snapshot, TimePoint now) {
  devices_.observe(snapshot);
  book_.observe(snapshot, now);
  if (!lookup_) return 0;
  std::size_t errors = 0;
  for (const auto& [question, names] : lookup_->take()) {
    if (!names) {
      ++errors;
      log::debug("name_not_read", {{"error", names.error().sentence()}});
    }
    book_.answer(question, names ? *names : std::nullopt, now);
  }
  lookup_->ask(book_.questions(now));
  return errors;
}

void Identification::show_in(exporters::View& view) {
  view.identities = book_.table();
  view.device_names = devices_.names();
}

}  // namespace cgwarden::agent
