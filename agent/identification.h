#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "identity/block_devices.h"
#include "identity/identity_book.h"

#include "agent/name_lookup.h"
#include "exporters/view.h"

namespace cgwarden::agent {

// Whose the cgroups of each tick are: the book of identities, and the thread that looks its
// questions up.
class Identification {
 public:
  // Names come from files below `root`; without it there are none, and the log says so.
  explicit Identification(const std::string& root = "/");

  // Takes up a snapshot and what was found since the last one. Returns how many files were there
  // but could not be read or were damaged.
  std::size_t observe(const cgroup::Snapshot& snapshot, TimePoint now);
  [[nodiscard]] std::shared_ptr<const identity::Table> table() { return book_.table(); }
  void show_in(exporters::View& view);

 private:
  std::optional<NameLookup> lookup_;
  identity::IdentityBook book_;
  identity::BlockDevices devices_;
};

}  // namespace cgwarden::agent
