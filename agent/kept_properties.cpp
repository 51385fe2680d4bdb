#include "agent/kept_properties.h"

#include <sys/stat.h>

namespace cgwarden::agent {

bool keeps_runtime_properties(const std::string& unit) {
  struct stat status{};
  const std::string directory = "/run/systemd/system.control/" + unit + ".d";
  return ::stat(directory.c_str(), &status) == 0;
}

const policy::Original* find_original(const OriginalJournal& journal, const policy::Write& write) {
  const policy::KnobKey key = knob_key(write);
  const policy::Original* known = journal.find(key);
  if (known == nullptr || known->id == write.id || key.unit.empty()) return known;
  return keeps_runtime_properties(key.unit) ? known : nullptr;
}

}  // namespace cgwarden::agent
