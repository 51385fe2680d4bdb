// Does what the agent does to start a workload, and is gone: the shim must manage without it.
//   shim_driver SHIM NAME STATE_DIR CGROUP_ROOT CGROUP < config.json
// prints the shim's reply and ends; with CGROUP "-" it gives up instead of saying go.
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/limits.h"
#include "launcher/state.h"

namespace {

using namespace cgwarden;

int run(const std::vector<std::string>& words) {
  const auto config = read_all(STDIN_FILENO, "stdin", limits::kStateFileBytes);
  // Without close-on-exec: the shim inherits these two by number.
  const UniqueFd spec(::memfd_create("spec", 0));
  if (!config || !write_all(spec.get(), *config, "memfd")) return 1;
  ::lseek(spec.get(), 0, SEEK_SET);
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair.data()) != 0) return 1;
  const UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  ::fcntl(ours.get(), F_SETFD, FD_CLOEXEC);
  std::vector<std::string> command{words[1],
                                   "--name",
                                   words[2],
                                   "--incarnation",
                                   "1",
                                   "--spec-fd",
                                   std::to_string(spec.get()),
                                   "--control-fd",
                                   std::to_string(theirs.get()),
                                   "--state-dir",
                                   words[3],
                                   "--cgroup-root",
                                   words[4]};
  std::vector<char*> argv;
  for (auto& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t shim = 0;
  if (::posix_spawn(&shim, words[1].c_str(), nullptr, nullptr, argv.data(), nullptr) != 0) return 1;
  theirs.reset();
  if (words[5] == "-") {
    ::shutdown(ours.get(), SHUT_RDWR);
    int status = 0;
    ::waitpid(shim, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  const std::string go = launcher::go_message(words[5]);
  if (::send(ours.get(), go.data(), go.size(), MSG_NOSIGNAL) < 0) return 1;
  std::array<char, 4096> reply{};
  const ssize_t size = ::recv(ours.get(), reply.data(), reply.size(), 0);
  if (size <= 0) return 1;
  const auto parsed =
      launcher::parse_shim_reply(std::string(reply.data(), static_cast<std::size_t>(size)));
  if (!parsed) return 1;
  std::printf("%s", launcher::to_json(*parsed).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  return words.size() == 6 ? run(words) : 2;
}
