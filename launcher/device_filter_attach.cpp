// bpf(2): loading the device program and putting it on a cgroup.
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/unique_fd.h"
#include "launcher/cgroup_host.h"
#include "launcher/device_filter.h"

namespace cgwarden::launcher {
namespace {

// By this name (at most 15 bytes) a program of ours is told from systemd's or an administrator's.
constexpr std::string_view kName = "cgwarden_device";
static_assert(kName.size() < BPF_OBJ_NAME_LEN);
// BPF_CGROUP_MAX_PROGS of kernel/bpf/cgroup.c.
constexpr std::size_t kMostPrograms = 64;

std::uint64_t pointer(const void* object) { return reinterpret_cast<std::uint64_t>(object); }

long bpf(int command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

UniqueFd load(const DeviceProgram& program) {
  // Any text: only helper functions ask for "GPL", and none is called.
  static constexpr char kLicense[] = "none";
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = pointer(program.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
  attributes.license = pointer(kLicense);
  std::memcpy(attributes.prog_name, kName.data(), kName.size());
  return UniqueFd(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
}

UniqueFd open_program(std::uint32_t id) {
  bpf_attr attributes{};
  attributes.prog_id = id;
  return UniqueFd(static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, attributes)));
}

bool is_ours(const UniqueFd& program) {
  bpf_prog_info info{};
  bpf_attr attributes{};
  attributes.info.bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.info.info_len = sizeof(info);
  attributes.info.info = pointer(&info);
  return bpf(BPF_OBJ_GET_INFO_BY_FD, attributes) == 0 && info.name == kName;
}

// The program of an earlier call; an invalid fd when there is none.
StepResult<UniqueFd> find_attached(int cgroup) {
  std::array<std::uint32_t, kMostPrograms> ids{};
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = pointer(ids.data());
  attributes.query.prog_cnt = kMostPrograms;
  if (bpf(BPF_PROG_QUERY, attributes) != 0) {
    return failed("cgroup", "the device programs of the cgroup cannot be listed");
  }
  for (std::size_t i = 0; i < attributes.query.prog_cnt; ++i) {
    UniqueFd program = open_program(ids[i]);
    if (program.valid() && is_ours(program)) return program;
  }
  return UniqueFd();
}

}  // namespace

Step attach_device_filter(int cgroup, const DeviceProgram& program) {
  const UniqueFd loaded = load(program);
  if (!loaded.valid()) {
    if (errno == EPERM && is_rootless()) return {};
    return failed("cgroup",
                  "the program that filters devices cannot be loaded (kernel with "
                  "CONFIG_CGROUP_BPF, capability CAP_BPF or CAP_SYS_ADMIN)");
  }
  CGW_ASSIGN(const UniqueFd earlier, find_attached(cgroup));
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(loaded.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (earlier.valid()) {
    attributes.attach_flags |= BPF_F_REPLACE;
    attributes.replace_bpf_fd = static_cast<std::uint32_t>(earlier.get());
  }
  if (bpf(BPF_PROG_ATTACH, attributes) != 0) {
    if (errno == EPERM && is_rootless()) return {};
    return failed("cgroup", "the program that filters devices cannot be attached to the cgroup");
  }
  return {};
}

}  // namespace cgwarden::launcher
