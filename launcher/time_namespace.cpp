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

UniqueFd own_directory(int procfs) {
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  if (procfs >= 0) return open_in_procfs(procfs, "self", kFlags);
  return UniqueFd(::open("/proc/self", kFlags));
}

constexpr const char* kFile = "/proc/self/timens_offsets";

}  // namespace

StepResult<TimeOffsets> TimeOffsets::open(const Spec& spec, int procfs) {
  TimeOffsets result;
  if (!makes_namespace(spec, NamespaceType::time)) {
    if (spec.time_offsets.empty()) return result;
    return refused("timeOffsets", "linux.timeOffsets needs a new time namespace");
  }
  result.makes_ = true;
  CGW_ASSIGN(result.text_, offsets_text(spec));
  result.self_ = own_directory(procfs);
  if (!result.self_.valid()) return failed("timeOffsets", "/proc/self cannot be opened");
  if (!result.text_.empty()) {
    result.file_ = open_in_procfs(result.self_.get(), "timens_offsets", O_WRONLY);
    if (!result.file_.valid()) {
      return failed("timeOffsets", std::string(kFile) + " cannot be opened");
    }
  }
  return result;
}

Step TimeOffsets::make_namespace() const {
  if (!makes_) return {};
  if (::unshare(CLONE_NEWTIME) != 0) {
    return failed("namespace", "a new time namespace cannot be made");
  }
  // All in one write(2).
  if (!text_.empty() &&
      ::write(file_.get(), text_.data(), text_.size()) != static_cast<ssize_t>(text_.size())) {
    return failed("timeOffsets",
                  std::string(kFile) + " refuses the offsets" +
                      (errno == ERANGE ? " (the clock would be negative or too far away)" : ""));
  }
  // unshare(2) made it for the children; the command is no child.
  const UniqueFd directory = open_in_procfs(self_.get(), "ns", O_PATH | O_DIRECTORY);
  const UniqueFd made(::openat(directory.get(), "time_for_children", O_RDONLY | O_CLOEXEC));
  if (!made.valid() || ::setns(made.get(), CLONE_NEWTIME) != 0) {
    return failed("namespace", "the new time namespace cannot be entered");
  }
  return {};
}

}  // namespace cgwarden::launcher
