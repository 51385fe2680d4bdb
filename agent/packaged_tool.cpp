#include "agent/packaged_tool.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "base/program.h"
#include "base/unique_fd.h"

namespace cgwarden::agent {
namespace {

// A listing of an archive with 100,000 names is smaller; the rest is read and dropped, so that the
// tool can go on.
constexpr std::size_t kOutputBytes = 16U * 1024U * 1024U;

constexpr std::array<const char*, 5> kDirectories{"/usr/bin", "/bin", "/usr/sbin", "/sbin",
                                                  "/usr/local/bin"};

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Error::from_errno(errno, "make", "a pipe"));
  return Pipe{.read_end = UniqueFd(ends[0]), .write_end = UniqueFd(ends[1])};
}

// False at the end of the pipe.
bool take(int fd, std::string& text) {
  std::array<char, 65536> buffer{};
  const ssize_t count = ::read(fd, buffer.data(), buffer.size());
  if (count < 0) return errno == EINTR;
  if (text.size() < kOutputBytes) text.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0;
}

void read_both(UniqueFd& output, UniqueFd& errors, ToolResult& result) {
  while (output.valid() || errors.valid()) {
    std::array<pollfd, 2> waits{{{output.get(), POLLIN, 0}, {errors.get(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[0].revents != 0 && !take(output.get(), result.output)) output.reset();
    if (waits[1].revents != 0 && !take(errors.get(), result.errors)) errors.reset();
  }
}

}  // namespace

std::optional<std::string> find_tool(const std::string& name, const std::string& root) {
  for (const char* directory : kDirectories) {
    std::string path = root + directory + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

Result<ToolResult> run_tool(const ToolRequest& request) {
  const auto program = find_tool(request.words.front());
  if (!program) {
    return fail(Error{ErrorKind::not_supported, 0, "run", request.words.front(),
                      "it is not installed; install the package " + request.package});
  }
  CGW_ASSIGN(Pipe output, open_pipe());
  CGW_ASSIGN(Pipe errors, open_pipe());
  const bool kept = request.output_fd < 0;
  Program tool{.path = *program,
               .words = request.words,
               // skopeo must not find the configuration of whoever calls.
               .environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8",
                               "CONTAINERS_STORAGE_CONF=/dev/null"},
               .descriptors = {Program::kNull, kept ? output.write_end.get() : request.output_fd,
                               errors.write_end.get()}};
  if (request.borrowed_fd >= 0) tool.descriptors.push_back(request.borrowed_fd);
  CGW_ASSIGN(const pid_t pid, start_program(tool));
  // Or the pipes would never end.
  output.write_end.reset();
  errors.write_end.reset();
  ToolResult result;
  read_both(output.read_end, errors.read_end, result);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace cgwarden::agent
