// Runs cgwarden-scope for one request (scope_request.h).
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
#include "launcher/scope_request.h"

namespace cgwarden::launcher {
namespace {

constexpr const char* kProgram = "cgwarden-scope";

// A build tree and an installation have it beside the runtime; a runtime that has copied itself
// into memory finds it where it was installed.
std::string find_program() {
  std::array<char, limits::kCgroupPathBytes> self{};
  const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size());
  if (size > 0) {
    const std::string path(self.data(), static_cast<std::size_t>(size));
    std::string beside = path.substr(0, path.rfind('/') + 1) + kProgram;
    if (::access(beside.c_str(), X_OK) == 0) return beside;
  }
  return std::string(CGWARDEN_LIBEXEC_DIR "/") + kProgram;
}

Result<UniqueFd> as_stdin(const std::string& text) {
  UniqueFd file(::memfd_create("scope-request", MFD_CLOEXEC));
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

// The program's whole stdout.
Result<std::string> run(const std::string& program, const std::string& input) {
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
    return fail(Error::from_errno(failure, "start", program,
                                  "the systemd cgroup driver needs this program; without it use "
                                  "the cgroupfs driver"));
  }
  answer_end.reset();
  auto text = read_all(answer.get(), program, limits::kControlFileBytes);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return text;
}

}  // namespace

Result<std::string> ask_systemd(const ScopeRequest& request) {
  const std::string program = find_program();
  CGW_ASSIGN(const std::string text, run(program, to_json(request)));
  if (text.empty()) {
    return fail(Error{ErrorKind::io, 0, "reach", "systemd", program + " ended without an answer"});
  }
  CGW_ASSIGN(const ScopeAnswer answer, parse_scope_answer(text));
  if (!answer.error.empty()) {
    return fail(Error{ErrorKind::io, 0, "have systemd carry out", request.unit, answer.error});
  }
  return answer.path;
}

}  // namespace cgwarden::launcher
