#include "launcher/beside_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/limits.h"
#include "base/program.h"

namespace cgwarden::launcher {
namespace {

// A build tree and an installation have it beside the runtime; a runtime that has copied itself
// into memory finds it where it was installed.
std::string find_beside(const std::string& name) {
  std::array<char, limits::kCgroupPathBytes> self{};
  const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size());
  if (size > 0) {
    const std::string path(self.data(), static_cast<std::size_t>(size));
    std::string beside = path.substr(0, path.rfind('/') + 1) + name;
    if (::access(beside.c_str(), X_OK) == 0) return beside;
  }
  // A sealed runtime runs from a mount without a path; its callers name it by its own.
  const std::string called = program_invocation_name;
  if (called.starts_with('/')) {
    std::string beside = called.substr(0, called.rfind('/') + 1) + name;
    if (::access(beside.c_str(), X_OK) == 0) return beside;
  }
  return std::string(CGWARDEN_LIBEXEC_DIR "/") + name;
}

}  // namespace

Result<std::string> run_beside(const std::string& name, const std::string& input,
                               const std::string& why_needed) {
  const std::string program = find_beside(name);
  CGW_ASSIGN(const UniqueFd request, memory_file(input));
  std::array<int, 2> pair{};
  if (::pipe2(pair.data(), O_CLOEXEC) != 0) return fail(Error::from_errno(errno, "make", "a pipe"));
  const UniqueFd answer(pair[0]);
  UniqueFd answer_end(pair[1]);
  auto pid = start_program({.path = program,
                            .words = {program},
                            .environment = own_environment(),
                            .descriptors = {request.get(), answer_end.get(), Program::kInherited}});
  if (!pid) {
    pid.error().detail = why_needed;
    return fail(pid.error());
  }
  answer_end.reset();
  auto text = read_all(answer.get(), program, limits::kControlFileBytes);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  return text;
}

}  // namespace cgwarden::launcher
