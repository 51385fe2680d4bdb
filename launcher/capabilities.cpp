#include "launcher/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace cgwarden::launcher {
namespace {

// In the order of linux/capability.h: the index is the number. Own table and not libcap: its
// start-up code reads the kernel's limit with a dozen prctl(2) calls before main.
constexpr std::array<const char*, 41> kNames{"CAP_CHOWN",
                                             "CAP_DAC_OVERRIDE",
                                             "CAP_DAC_READ_SEARCH",
                                             "CAP_FOWNER",
                                             "CAP_FSETID",
                                             "CAP_KILL",
                                             "CAP_SETGID",
                                             "CAP_SETUID",
                                             "CAP_SETPCAP",
                                             "CAP_LINUX_IMMUTABLE",
                                             "CAP_NET_BIND_SERVICE",
                                             "CAP_NET_BROADCAST",
                                             "CAP_NET_ADMIN",
                                             "CAP_NET_RAW",
                                             "CAP_IPC_LOCK",
                                             "CAP_IPC_OWNER",
                                             "CAP_SYS_MODULE",
                                             "CAP_SYS_RAWIO",
                                             "CAP_SYS_CHROOT",
                                             "CAP_SYS_PTRACE",
                                             "CAP_SYS_PACCT",
                                             "CAP_SYS_ADMIN",
                                             "CAP_SYS_BOOT",
                                             "CAP_SYS_NICE",
                                             "CAP_SYS_RESOURCE",
                                             "CAP_SYS_TIME",
                                             "CAP_SYS_TTY_CONFIG",
                                             "CAP_MKNOD",
                                             "CAP_LEASE",
                                             "CAP_AUDIT_WRITE",
                                             "CAP_AUDIT_CONTROL",
                                             "CAP_SETFCAP",
                                             "CAP_MAC_OVERRIDE",
                                             "CAP_MAC_ADMIN",
                                             "CAP_SYSLOG",
                                             "CAP_WAKE_ALARM",
                                             "CAP_BLOCK_SUSPEND",
                                             "CAP_AUDIT_READ",
                                             "CAP_PERFMON",
                                             "CAP_BPF",
                                             "CAP_CHECKPOINT_RESTORE"};
static_assert(CAP_LAST_CAP + 1 == kNames.size());

StepResult<std::uint64_t> mask_of(const std::vector<std::string>& names) {
  std::uint64_t mask = 0;
  for (const auto& name : names) {
    const int number = capability_number(name);
    if (number < 0) return refused("capabilities", name + " is not a capability");
    mask |= std::uint64_t{1} << static_cast<unsigned>(number);
  }
  return mask;
}

std::uint32_t low(std::uint64_t mask) { return static_cast<std::uint32_t>(mask); }
std::uint32_t high(std::uint64_t mask) { return static_cast<std::uint32_t>(mask >> 32U); }
bool has(std::uint64_t mask, unsigned number) { return (mask >> number & 1U) != 0; }

// The permitted set of this process; everything when the kernel does not tell.
std::uint64_t own_permitted() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return ~std::uint64_t{0};
  return data[0].permitted | std::uint64_t{data[1].permitted} << 32U;
}

}  // namespace

std::vector<std::string> capability_names() { return {kNames.begin(), kNames.end()}; }

int capability_number(const std::string& name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<int>(i);
  }
  return -1;
}

StepResult<CapabilitySets> capability_sets(const Capabilities& capabilities) {
  CapabilitySets sets;
  CGW_ASSIGN(sets.bounding, mask_of(capabilities.bounding));
  CGW_ASSIGN(sets.effective, mask_of(capabilities.effective));
  CGW_ASSIGN(sets.inheritable, mask_of(capabilities.inheritable));
  CGW_ASSIGN(sets.permitted, mask_of(capabilities.permitted));
  CGW_ASSIGN(sets.ambient, mask_of(capabilities.ambient));
  return sets;
}

std::vector<std::string> capability_warnings(const Capabilities& capabilities,
                                             bool new_user_namespace) {
  const std::uint64_t own = new_user_namespace ? ~std::uint64_t{0} : own_permitted();
  const auto in = [](const std::vector<std::string>& set, const std::string& name) {
    return std::ranges::find(set, name) != set.end();
  };
  std::vector<std::string> warnings;
  for (unsigned number = 0; number < kNames.size(); ++number) {
    const std::string name(kNames[number]);
    if (!has(own, number) && in(capabilities.permitted, name)) {
      warnings.push_back(name + " is not granted: this process does not have it itself");
    }
    if (in(capabilities.ambient, name) &&
        !(in(capabilities.permitted, name) && in(capabilities.inheritable, name))) {
      warnings.push_back(name + " is not made ambient: it must be permitted and inheritable");
    }
  }
  return warnings;
}

Step limit_bounding_set(const CapabilitySets& sets) {
  // Up to 63: a newer kernel may have capabilities that have no name here; EINVAL ends its list.
  for (unsigned number = 0; number < 64; ++number) {
    if (has(sets.bounding, number) || ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0) continue;
    if (errno == EINVAL && number >= kNames.size()) break;
    return failed("capabilities", "the bounding set cannot be limited");
  }
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) {
    return failed("capabilities", "capabilities cannot be kept over the change of user");
  }
  return {};
}

Step apply_capabilities(const CapabilitySets& wanted) {
  const std::uint64_t own = own_permitted();
  CapabilitySets sets = wanted;
  sets.permitted &= own;
  sets.effective &= sets.permitted;
  sets.inheritable &= own;
  sets.ambient &= sets.permitted & sets.inheritable;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{
      {{low(sets.effective), low(sets.permitted), low(sets.inheritable)},
       {high(sets.effective), high(sets.permitted), high(sets.inheritable)}}};
  if (::syscall(SYS_capset, &header, data.data()) != 0) {
    return failed("capabilities", "the kernel refuses the sets");
  }
  // EINVAL: a kernel without ambient capabilities has none to clear.
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return failed("capabilities", "the ambient set cannot be cleared");
  }
  for (unsigned number = 0; number < kNames.size(); ++number) {
    if (has(sets.ambient, number) &&
        ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) != 0) {
      return failed("capabilities", std::string(kNames[number]) + " cannot be made ambient");
    }
  }
  return {};
}

}  // namespace cgwarden::launcher
