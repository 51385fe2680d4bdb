#include "agent/original_restore.h"

#include <unistd.h>

#include "agent/kept_properties.h"
#include "agent/memory_shrink.h"
#include "base/text.h"
#include "cgroup/control_file.h"
#include "cgroup/control_value.h"

namespace cgwarden::agent {
namespace {

// Does the file's text say what this value would make of it?
Result<bool> says_line(const std::string& file, const std::string& value, const std::string& text) {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  CGW_ASSIGN(const auto wanted, cgroup::resolve_value(file, value, text, page));
  CGW_ASSIGN(const std::string shown, cgroup::shown_value(file, value, text));
  return shown == wanted.settled;
}

Result<bool> says(const std::string& file, const std::string& value, const std::string& text) {
  for (const std::string_view line : split(value, '\n')) {
    CGW_ASSIGN(const bool same, says_line(file, std::string(line), text));
    if (!same) return false;
  }
  return true;
}

// What the text says of the lines of `value`, for people.
Result<std::string> shown_lines(const std::string& file, const std::string& value,
                                const std::string& text) {
  std::string shown;
  for (const std::string_view line : split(value, '\n')) {
    CGW_ASSIGN(const std::string one, cgroup::shown_value(file, line, text));
    shown += (shown.empty() ? "" : "; ") + one;
  }
  return shown;
}

// Its cgroup is not there any more. What a unit was given lasts longer.
RestoreReport without_cgroup(const policy::Original& entry) {
  const std::string unit = entry.key().unit;
  const bool waits = !unit.empty() && keeps_runtime_properties(unit);
  return {waits ? Restored::waits : Restored::gone, ""};
}

// Is the cgroup that has its path now still what the entry is of? A unit that was restarted is.
bool is_of(const policy::Original& entry, CgroupId now) {
  if (now == entry.id) return true;
  const std::string unit = entry.key().unit;
  return !unit.empty() && keeps_runtime_properties(unit);
}

}  // namespace

Result<RestoreReport> look_at_original(const cgroup::Tree& tree, const policy::Original& entry) {
  const auto id = tree.id_of(entry.cgroup);
  if (!id && id.error().kind != ErrorKind::vanished) return fail(id.error());
  if (!id) return without_cgroup(entry);
  if (!is_of(entry, *id)) return RestoreReport{};
  const auto text = tree.read(entry.cgroup, entry.file);
  // With the cgroup, maybe just now.
  if (!text && text.error().kind == ErrorKind::vanished) return without_cgroup(entry);
  if (!text) return fail(text.error());
  CGW_ASSIGN(const std::string before, shown_lines(entry.file, entry.original, *text));
  CGW_ASSIGN(const bool settled, says(entry.file, entry.original, *text));
  if (settled) return RestoreReport{Restored::needless, before};
  CGW_ASSIGN(bool ours, says(entry.file, entry.ours, *text));
  if (!ours && !entry.previous.empty()) {
    CGW_ASSIGN(ours, says(entry.file, entry.previous, *text));
  }
  return RestoreReport{ours ? Restored::written : Restored::foreign, before};
}

Result<RestoreReport> restore_original(const cgroup::Tree& tree, const policy::Original& entry,
                                       Usec patience) {
  CGW_ASSIGN(const RestoreReport report, look_at_original(tree, entry));
  if (report.outcome != Restored::written) return report;
  const policy::Write write = write_of(entry, report.before, entry.original);
  const auto written = may_need_room(write) ? lower_memory(tree, write, patience, kRevertMayKill)
                                            : cgroup::write_control_file(
                                                  tree, entry.cgroup, entry.file, entry.original);
  if (!written && written.error().kind == ErrorKind::vanished) return RestoreReport{};
  if (!written) return fail(written.error());
  return report;
}

policy::Write write_of(const policy::Original& entry, const std::string& before,
                       const std::string& after) {
  policy::Write write;
  write.cgroup = entry.cgroup;
  write.id = entry.id;
  write.file = entry.file;
  write.old_value = before;
  write.new_value = after;
  write.policy = entry.policy;
  write.allow_oom = entry.allow_oom;
  write.through = entry.through;
  return write;
}

}  // namespace cgwarden::agent
