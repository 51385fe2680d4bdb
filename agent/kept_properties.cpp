#include "agent/kept_properties.h"

#include <sys/stat.h>

namespace cgwarden::agent {

namespace {

bool is_there(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0;
}

const policy::Original* of_same_unit(const policy::Original* known, CgroupId now) {
  if (known == nullptr || known->id == now || known->key().unit.empty()) return known;
  return keeps_runtime_properties(known->key().unit) ? known : nullptr;
}

}  // namespace

bool keeps_runtime_properties(const std::string& unit) {
  return is_there("/run/systemd/system.control/" + unit + ".d") ||
         is_there("/run/systemd/transient/" + unit + ".d");
}

bool keeps_runtime_property(const std::string& unit, const std::string& property) {
  const std::string file = ".d/50-" + property + ".conf";
  return is_there("/run/systemd/system.control/" + unit + file) ||
         is_there("/run/systemd/transient/" + unit + file);
}

const policy::Original* find_original(const OriginalJournal& journal, const policy::Write& write) {
  const policy::Original* known = of_same_unit(journal.find(knob_key(write)), write.id);
  if (known != nullptr) return known;
  const policy::Original* other = of_same_unit(journal.find(other_key(write)), write.id);
  return other != nullptr && other->cgroup == write.cgroup ? other : nullptr;
}

}  // namespace cgwarden::agent
