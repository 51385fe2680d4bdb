#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <string>

#include "launcher/namespaces.h"
#include "launcher/process_attributes.h"
#include "launcher/procfs.h"

namespace cgwarden::launcher {
namespace {

StepResult<std::string> offsets_text(const Spec& spec) {
  std::string text;
  for (const auto& [clock, offset] : spec.time_offsets) {
    if (clock != "monotonic" && clock != "boottime") {
      return refused("timeOffsets", "\"" + clock + "\" is not a clock of a time namespace");
    }
    text +=
        clock + " " + std::to_string(offset.secs) + " " + std::to_string(offset.nanosecs) + "\n";
  }
  return text;
}

// /proc/self: the host's, unless somebody else has made what is mounted here (CVE-2025-52881).
StepResult<UniqueFd> own_directory(const Spec& spec) {
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  UniqueFd self;
  if (joins_namespace(spec, NamespaceType::mount)) {
    CGW_ASSIGN(const UniqueFd procfs, open_procfs());
    self = open_in_procfs(procfs.get(), "self", kFlags);
  } else {
    self.reset(::open("/proc/self", kFlags));
  }
  if (!self.valid()) return failed("timeOffsets", "/proc/self cannot be opened");
  return self;
}

Step write_offsets(int self, const std::string& text) {
  if (text.empty()) return {};
  const std::string file = "/proc/self/timens_offsets";
  const UniqueFd fd = open_in_procfs(self, "timens_offsets", O_WRONLY);
  if (!fd.valid()) return failed("timeOffsets", file + " cannot be opened");
  // All in one write(2).
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return failed("timeOffsets",
                  file + " refuses the offsets" +
                      (errno == ERANGE ? " (the clock would be negative or too far away)" : ""));
  }
  return {};
}

}  // namespace

Step make_time_namespace(const Spec& spec) {
  if (!makes_namespace(spec, NamespaceType::time)) {
    if (spec.time_offsets.empty()) return {};
    return refused("timeOffsets", "linux.timeOffsets needs a new time namespace");
  }
  CGW_ASSIGN(const std::string text, offsets_text(spec));
  CGW_ASSIGN(const UniqueFd self, own_directory(spec));
  if (::unshare(CLONE_NEWTIME) != 0) {
    return failed("namespace", "a new time namespace cannot be made");
  }
  CGW_TRY(write_offsets(self.get(), text));
  // unshare(2) made it for the children; the command is no child.
  const UniqueFd made(::openat(self.get(), "ns/time_for_children", O_RDONLY | O_CLOEXEC));
  if (!made.valid() || ::setns(made.get(), CLONE_NEWTIME) != 0) {
    return failed("namespace", "the new time namespace cannot be entered");
  }
  return {};
}

}  // namespace cgwarden::launcher
