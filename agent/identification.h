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

// Whose the cgroups of each tick are: the book of identities, and the threads that look its
// questions up.
class Identification {
 public:
  // Names come from files below `root`; without it there are none, and the log says so.
  explicit Identification(const std::string& root = "/");

  // Takes up a snapshot and what was found since the last one. Returns how many files were there
  // but could not be read, were damaged, or did not answer.
  std::size_t observe(const cgroup::Snapshot& snapshot, TimePoint now);
  [[nodiscard]] std::shared_ptr<const identity::Table> table() { return book_.table(); }
  [[nodiscard]] std::shared_ptr<const identity::DeviceNames> device_names() const {
    return devices_.names();
  }
  void show_in(exporters::View& view);

 private:
  void warn();

  std::optional<NameLookup> lookup_;
  identity::IdentityBook book_;
  identity::BlockDevices devices_;
  std::size_t hanging_ = 0;  // as last said
};

}  // namespace cgwarden::agent
