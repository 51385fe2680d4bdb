#include "cgroup/control_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "cgroup/control_value.h"
#include "cgroup/directory.h"
#include "cgroup/format.h"
#include "cgroup/path_walk.h"
#include "cgroup/sample_reader.h"
#include "cgroup/write_error.h"

namespace cgwarden::cgroup {
namespace {

Result<std::string> read_current(const WriteSite& site) {
  auto text = read_control_file(site.cgroup, site.file);
  if (!text) return fail(explain_open_error(site, text.error()));
  return text;
}

// What `echo VALUE > FILE` does: one write(2), which the kernel takes as a whole command. The
// kernel needs neither O_TRUNC nor the line end; with them a copy of a tree on an ordinary file
// system reads back what was written, too.
Status write_once(const WriteSite& site, std::string_view value) {
  const auto fd = open_at(site.cgroup, site.file, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NOCTTY);
  if (!fd) return fail(explain_open_error(site, fd.error()));
  const std::string line = std::string(value) + "\n";
  if (const Status written = write_all(fd->get(), line, site.file); !written) {
    return fail(explain_write_error(site, value, written.error().errno_value));
  }
  return {};
}

std::uint64_t page_size() { return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)); }

// The fd of the parent and the last name of `path`.
struct Entry {
  UniqueFd parent;
  std::string name;
};

Result<Entry> locate(const Tree& tree, std::string_view path, const char* operation) {
  CGW_ASSIGN(const std::string relative, relative_path(path));
  if (relative == ".") {
    return fail(Error::invalid(operation, tree.root(), "it is the root of the hierarchy"));
  }
  CGW_ASSIGN(UniqueFd parent, tree.open_cgroup(parent_path(path)));
  return Entry{std::move(parent), std::string(path.substr(path.rfind('/') + 1))};
}

Status write_blindly(const Tree& tree, std::string_view path, const std::string& file,
                     std::string_view value) {
  CGW_ASSIGN(const UniqueFd cgroup, tree.open_cgroup(path));
  return write_once({tree, path, cgroup.get(), file}, value);
}

// A command for each device.
Result<WriteReport> write_lines(const Tree& tree, std::string_view path, const std::string& file,
                                std::string_view lines) {
  std::optional<WriteReport> all;
  for (const std::string_view line : split(lines, '\n')) {
    CGW_ASSIGN(const WriteReport one, write_control_file(tree, path, file, line));
    if (!all) all.emplace().before = one.before;
    all->after = one.after;
    if (one.outcome == WriteOutcome::unchanged || all->outcome == WriteOutcome::adjusted) continue;
    all->outcome = one.outcome;
  }
  return *std::move(all);
}

}  // namespace

Result<WriteReport> write_control_file(const Tree& tree, std::string_view path,
                                       const std::string& file, std::string_view value) {
  if (value.find('\n') != std::string_view::npos) return write_lines(tree, path, file, value);
  CGW_TRY(check_file_name(file));
  // One directory fd for all steps: they cannot hit two cgroups of the same name.
  CGW_ASSIGN(const UniqueFd cgroup, tree.open_cgroup(path));
  const WriteSite site{tree, path, cgroup.get(), file};
  CGW_ASSIGN(const std::string before, read_current(site));
  CGW_ASSIGN(const ControlValue wanted, resolve_value(file, value, before, page_size()));
  CGW_ASSIGN(const std::string shown, shown_value(file, value, before));
  WriteReport report;
  report.before = std::string(trim(before));
  report.after = report.before;
  if (shown == wanted.settled) return report;
  CGW_TRY(write_once(site, wanted.write));
  CGW_ASSIGN(const std::string after, read_current(site));
  CGW_ASSIGN(const std::string now, shown_value(file, value, after));
  report.after = std::string(trim(after));
  report.outcome = now == wanted.write ? WriteOutcome::written : WriteOutcome::adjusted;
  return report;
}

Status enable_controllers(const Tree& tree, std::string_view path,
                          const std::vector<std::string>& controllers) {
  const std::string file = "cgroup.subtree_control";
  CGW_ASSIGN(const UniqueFd cgroup, tree.open_cgroup(path));
  const WriteSite site{tree, path, cgroup.get(), file};
  CGW_ASSIGN(const std::string text, read_current(site));
  CGW_ASSIGN(const std::vector<std::string> enabled, parse_list(text, file));
  auto available_text = read_control_file(cgroup.get(), "cgroup.controllers");
  if (!available_text) return fail(explain_open_error(site, available_text.error()));
  CGW_ASSIGN(const std::vector<std::string> available,
             parse_list(*available_text, "cgroup.controllers"));
  const auto in = [](const std::vector<std::string>& list, const std::string& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  std::string command;
  for (const std::string& controller : controllers) {
    if (in(enabled, controller)) continue;
    if (!in(available, controller)) {
      return fail(
          Error{ErrorKind::not_supported, 0, "enable a controller in",
                display_path(tree.root(), path, file),
                "controller " + controller + " is not available under " + std::string(path)});
    }
    if (!command.empty()) command += ' ';
    command += "+" + controller;
  }
  if (command.empty()) return {};
  return write_once(site, command);
}

Status create_cgroup(const Tree& tree, std::string_view path) {
  CGW_ASSIGN(const Entry entry, locate(tree, path, "create"));
  if (::mkdirat(entry.parent.get(), entry.name.c_str(), 0755) == 0) return {};
  const int errno_value = errno;
  // "Exists" may also mean a control file of that name.
  struct stat status{};
  if (errno_value == EEXIST &&
      ::fstatat(entry.parent.get(), entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISDIR(status.st_mode)) {
    return {};
  }
  std::string detail;
  if (errno_value == EAGAIN) {
    detail = "cgroup.max.depth or cgroup.max.descendants of a cgroup above is reached";
  }
  return fail(Error::from_errno(errno_value, "create", tree.root() + std::string(path), detail));
}

Status remove_cgroup(const Tree& tree, std::string_view path) {
  auto entry = locate(tree, path, "remove");
  if (!entry && entry.error().kind == ErrorKind::vanished) return {};
  if (!entry) return fail(std::move(entry).error());
  if (::unlinkat(entry->parent.get(), entry->name.c_str(), AT_REMOVEDIR) == 0) return {};
  if (errno == ENOENT || errno == ENODEV) return {};
  const int errno_value = errno;
  std::string detail;
  if (errno_value == EBUSY) detail = "it still has processes or child cgroups";
  return fail(Error::from_errno(errno_value, "remove", tree.root() + std::string(path), detail));
}

Status remove_cgroups_below(const Tree& tree, std::string_view path) {
  if (std::ranges::count(path, '/') > static_cast<std::ptrdiff_t>(limits::kCgroupDepth)) {
    return fail(Error::invalid(
        "remove the cgroups below", std::string(path),
        "they are nested deeper than " + std::to_string(limits::kCgroupDepth) + " levels"));
  }
  const auto cgroup = tree.open_cgroup(path);
  auto directory = cgroup ? Directory::open(cgroup->get(), ".") : fail(cgroup.error());
  if (!directory && directory.error().kind == ErrorKind::vanished) return {};
  if (!directory) return fail(std::move(directory).error());
  for (const std::string& name : directory->children()) {
    const std::string child = (path == "/" ? "" : std::string(path)) + "/" + name;
    CGW_TRY(remove_cgroups_below(tree, child));
    CGW_TRY(remove_cgroup(tree, child));
  }
  return {};
}

Status move_process(const Tree& tree, std::string_view path, int pid) {
  return write_blindly(tree, path, "cgroup.procs", std::to_string(pid));
}

Status kill_cgroup(const Tree& tree, std::string_view path) {
  return write_blindly(tree, path, "cgroup.kill", "1");
}

}  // namespace cgwarden::cgroup
