#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

#include "launcher/process_attributes.h"

namespace cgwarden::launcher {
namespace {

// ioprio_set(2). Own numbers: linux/ioprio.h of newer stable kernels (6.1.192) is no C++, it has an
// argument named `class`.
constexpr int kWhoProcess = 1;
constexpr int kClassShift = 13;
constexpr std::array<std::pair<std::string_view, int>, 3> kClasses{
    {{"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}}};

}  // namespace

Step set_io_priority(const Process& process) {
  if (!process.io_priority) return {};
  const IoPriority& wanted = *process.io_priority;
  int number = 0;
  for (const auto& [name, value] : kClasses) {
    if (wanted.io_class == name) number = value;
  }
  if (number == 0) {
    return refused("ioPriority", "\"" + wanted.io_class + "\" is not an I/O scheduling class");
  }
  if (wanted.priority < 0 || wanted.priority > 7) {
    return refused("ioPriority",
                   "the priority " + std::to_string(wanted.priority) + " is not in 0 to 7");
  }
  const int value = (number << kClassShift) | wanted.priority;
  if (::syscall(SYS_ioprio_set, kWhoProcess, 0, value) != 0) {
    return failed("ioPriority", wanted.io_class + " " + std::to_string(wanted.priority) +
                                    (errno == EPERM ? " (real time needs CAP_SYS_NICE)" : ""));
  }
  return {};
}

}  // namespace cgwarden::launcher
