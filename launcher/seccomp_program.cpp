#include "launcher/seccomp_program.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "base/unique_fd.h"

namespace cgwarden::launcher {
namespace {

// include/uapi/asm-generic/unistd.h: pidfd_send_signal, the first number that all architectures
// share.
constexpr int kFirstSharedCall = 424;
// An architecture may lack some calls: this many in a row are the end of the library's table.
constexpr int kLongestGap = 16;
// arch/arm/include/uapi/asm/unistd.h: ARM's private calls begin here, x32's numbers far above.
constexpr std::uint32_t kPrivateCalls = 0x0f0000;

sock_filter statement(unsigned code, std::uint32_t value) {
  return {static_cast<std::uint16_t>(code), 0, 0, value};
}

sock_filter jump(unsigned comparison, std::uint32_t value, std::size_t yes, std::size_t no) {
  return {static_cast<std::uint16_t>(BPF_JMP | BPF_K | comparison), static_cast<std::uint8_t>(yes),
          static_cast<std::uint8_t>(no), value};
}

bool has_name(std::uint32_t architecture, int number) {
  char* name = ::seccomp_syscall_resolve_num_arch(architecture, number);
  const bool known = name != nullptr;
  std::free(name);
  return known;
}

}  // namespace

void SeccompRelease::operator()(void* context) const { ::seccomp_release(context); }

std::unexpected<LaunchError> rule_failed(std::string_view name, int result) {
  errno = -result;
  return failed("seccomp", "no rule for " + std::string(name) + " can be made");
}

StepResult<std::vector<sock_filter>> export_program(const SeccompContext& context) {
  const UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file.valid()) return failed("seccomp", "no memory file for the compiled filter");
  const int result = ::seccomp_export_bpf(context.get(), file.get());
  if (result != 0) return rule_failed("the whole profile", result);
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), static_cast<std::size_t>(size), 0) != size) {
    return failed("seccomp", "the compiled filter cannot be read back");
  }
  return program;
}

std::vector<sock_filter> new_calls_program(const NewCalls& calls) {
  std::vector<sock_filter> answers;
  for (const auto& rule : calls.rules) {
    answers.push_back(jump(BPF_JEQ, static_cast<std::uint32_t>(rule.number), 0, 1));
    answers.push_back(statement(BPF_RET | BPF_K, rule.action));
  }
  if (calls.others_are_enosys) {
    answers.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
  }
  if (answers.empty()) return {};
  const std::size_t end = answers.size();
  std::vector<sock_filter> program{
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      jump(BPF_JEQ, calls.architecture, 0, end + 3),
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      jump(BPF_JGT, static_cast<std::uint32_t>(calls.highest_known), 0, end + 1),
      jump(BPF_JGE, kPrivateCalls, end, 0),
  };
  program.insert(program.end(), answers.begin(), answers.end());
  return program;
}

std::optional<int> highest_named_call(std::uint32_t architecture) {
  std::optional<int> highest;
  int gap = 0;
  for (int number = kFirstSharedCall; gap < kLongestGap; ++number) {
    if (has_name(architecture, number)) {
      highest = number;
      gap = 0;
    } else {
      ++gap;
    }
  }
  return highest;
}

}  // namespace cgwarden::launcher
