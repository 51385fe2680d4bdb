#include "launcher/beside_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/file.h"
#include "base/limits.h"

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

Result<UniqueFd> as_stdin(const std::string& text) {
  UniqueFd file(::memfd_create("request", MFD_CLOEXEC));
  if (!file.valid()) return fail(Error::from_errno(errno, "make", "a memfd"));
  CGW_TRY(write_all(file.get(), text, "memfd"));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) {
    return fail(Error::from_errno(errno, "rewind", "a memfd"));
  }
  return file;
}

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  void move(int fd, int to) { ::posix_spawn_file_actions_adddup2(&actions_, fd, to); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

// The caller may have blocked signals; the program shall end when it is told to.
class Attributes {
 public:
  Attributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

}  // namespace

Result<std::string> run_beside(const std::string& name, const std::string& input,
                               const std::string& why_needed) {
  const std::string program = find_beside(name);
  CGW_ASSIGN(const UniqueFd request, as_stdin(input));
  std::array<int, 2> pair{};
  if (::pipe2(pair.data(), O_CLOEXEC) != 0) return fail(Error::from_errno(errno, "make", "a pipe"));
  const UniqueFd answer(pair[0]);
  UniqueFd answer_end(pair[1]);
  FileActions actions;
  actions.move(request.get(), STDIN_FILENO);
  actions.move(answer_end.get(), STDOUT_FILENO);
  const Attributes attributes;
  std::string word = program;
  std::array<char*, 2> argv{word.data(), nullptr};
  pid_t pid = 0;
  const int failure =
      ::posix_spawn(&pid, program.c_str(), actions.get(), attributes.get(), argv.data(), environ);
  if (failure != 0) {
    return fail(Error::from_errno(failure, "start", program, why_needed));
  }
  answer_end.reset();
  auto text = read_all(answer.get(), program, limits::kControlFileBytes);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return text;
}

}  // namespace cgwarden::launcher
