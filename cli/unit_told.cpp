#include "cli/unit_told.h"

#include <fmt/format.h>

#include "agent/unit_says.h"
#include "agent/unit_writer.h"

namespace cgwarden::cli {

Result<bool> unit_has_ours(const policy::Original& entry) {
  for (const std::string& value : {entry.ours, entry.previous}) {
    if (value.empty()) continue;
    const auto same = agent::unit_says(entry.key().unit, entry.file, value);
    if (!same && same.error().kind == ErrorKind::not_supported) return true;
    if (!same) return fail(same.error());
    if (*same) return true;
  }
  return false;
}

std::string tell_unit(const policy::Original& entry, const agent::RestoreReport& report,
                      policy::Write write) {
  if (entry.through != policy::Through::systemd || report.before == entry.ours) return {};
  if (!agent::plain_property(entry.file, report.before)) return {};
  const auto ours = unit_has_ours(entry);
  if (ours ? !*ours : ours.error().kind == ErrorKind::vanished) return {};
  Status told = ours ? Status{} : fail(ours.error());
  if (told) {
    write.new_value = report.before;
    told = agent::set_unit_properties({write});
  }
  if (told) return {};
  return fmt::format(
      "{}: {} of {} was written past systemd, which may bring {} of policy {} back when it reads "
      "its files anew (systemctl daemon-reload) or starts the unit again",
      told.error().sentence(), entry.file, entry.key().unit, entry.ours, entry.policy);
}

}  // namespace cgwarden::cli
