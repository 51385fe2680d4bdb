#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "launcher/process_attributes.h"

namespace cgwarden::launcher {

Step write_time_offsets(const Spec& spec, pid_t child) {
  if (spec.time_offsets.empty()) return {};
  std::string text;
  for (const auto& [clock, offset] : spec.time_offsets) {
    if (clock != "monotonic" && clock != "boottime") {
      return refused("timeOffsets", "\"" + clock + "\" is not a clock of a time namespace");
    }
    text +=
        clock + " " + std::to_string(offset.secs) + " " + std::to_string(offset.nanosecs) + "\n";
  }
  // All in one write(2): the file takes no second one once a process has entered the namespace.
  const std::string file = "/proc/" + std::to_string(child) + "/timens_offsets";
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return failed("timeOffsets", file + " cannot be opened");
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const char* remedy = "";
    if (errno == EACCES) remedy = " (the namespace is the host's or already in use)";
    if (errno == ERANGE) remedy = " (the clock would be negative or too far away)";
    return failed("timeOffsets", file + " refuses the offsets" + remedy);
  }
  return {};
}

}  // namespace cgwarden::launcher
