#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/limits.h"
#include "base/text.h"
#include "launcher/number_list.h"
#include "launcher/process_attributes.h"

namespace cgwarden::launcher {
Step set_cpu_affinity(const std::string& cpus) {
  if (trim(cpus).empty()) return {};
  const auto mask = bit_mask_of(cpus, limits::kProcessors);
  if (!mask) {
    return refused("execCPUAffinity", "\"" + printable(cpus) + "\" is not a list of CPUs below " +
                                          std::to_string(limits::kProcessors));
  }
  if (::syscall(SYS_sched_setaffinity, 0, mask->size() * sizeof(mask->front()), mask->data()) !=
      0) {
    return failed("execCPUAffinity",
                  cpus + (errno == EINVAL ? " (none of them is online and in the cpuset)" : ""));
  }
  return {};
}

void reset_cpu_affinity() {
  std::array<unsigned char, limits::kProcessors / 8> all{};
  all.fill(0xff);
  (void)::syscall(SYS_sched_setaffinity, 0, all.size(), all.data());
}

}  // namespace cgwarden::launcher
