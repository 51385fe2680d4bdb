#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <string>

#include "launcher/namespaces.h"
#include "launcher/process_attributes.h"

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

Step write_offsets(const std::string& text) {
  if (text.empty()) return {};
  const std::string file = "/proc/self/timens_offsets";
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
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
  if (::unshare(CLONE_NEWTIME) != 0) {
    return failed("namespace", "a new time namespace cannot be made");
  }
  CGW_TRY(write_offsets(text));
  // unshare(2) made it for the children; the command is no child.
  const UniqueFd made(::open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC));
  if (!made.valid() || ::setns(made.get(), CLONE_NEWTIME) != 0) {
    return failed("namespace", "the new time namespace cannot be entered");
  }
  return {};
}

}  // namespace cgwarden::launcher
