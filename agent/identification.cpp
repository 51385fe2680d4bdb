#include "agent/identification.h"

#include "base/log.h"

namespace cgwarden::agent {

Identification::Identification(const std::string& root) {
  auto names = identity::HostNames::open(root);
  if (names) {
    lookup_.emplace(*names);
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
  for (const auto& [question, names] : lookup_->take(now.boottime)) {
    if (!names) {
      ++errors;
      log::debug("name_not_read", {{"error", names.error().sentence()}});
    }
    if (!names && names.error().kind == ErrorKind::busy) {
      book_.postpone(question, now);
    } else {
      book_.answer(question, names ? *names : std::nullopt, now);
    }
  }
  lookup_->ask(book_.questions(now), now.boottime);
  warn();
  return errors;
}

void Identification::warn() {
  const std::size_t hanging = lookup_->hanging();
  if (hanging > hanging_) {
    log::warning("names_hang", {{"owners", std::to_string(hanging)},
                                {"effect",
                                 "their containers have ids and no names until their "
                                 "file system answers"}});
  }
  hanging_ = hanging;
}

void Identification::show_in(exporters::View& view) {
  view.identities = book_.table();
  view.device_names = devices_.names();
}

}  // namespace cgwarden::agent
