#include "tests/cli/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>

#include "base/text.h"
#include "tests/paths.h"

namespace cgwarden::cli {
namespace {

std::string take(const std::string& path) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  ::unlink(path.c_str());
  return text;
}

std::string temporary() {
  std::string path = "/tmp/cgwarden-cli-test.XXXXXX";
  ::close(::mkostemp(path.data(), O_CLOEXEC));
  return path;
}

}  // namespace

Outcome run_program(const std::vector<std::string>& command) {
  const std::string out = temporary();
  const std::string err = temporary();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY, 0);
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  // No agent must answer a test: there is no bus at this address.
  std::array<std::string, 4> variables{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", "TZ=UTC",
                                       "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent/bus"};
  std::array<char*, 5> environment{variables[0].data(), variables[1].data(), variables[2].data(),
                                   variables[3].data(), nullptr};
  pid_t pid = -1;
  Outcome outcome;
  if (::posix_spawnp(&pid, argv.front(), &actions, nullptr, argv.data(), environment.data()) == 0) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  }
  ::posix_spawn_file_actions_destroy(&actions);
  outcome.out = take(out);
  outcome.err = take(err);
  return outcome;
}

Outcome cgwarden(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), in_build("cli/cgwarden"));
  return run_program(arguments);
}

std::vector<std::string> subcommands_in(const std::string& help) {
  std::vector<std::string> names;
  bool inside = false;
  for (const auto line : split(help, '\n')) {
    if (line == "Subcommands:") {
      inside = true;
    } else if (inside && line.empty()) {
      break;
    } else if (inside && line.starts_with("  ") && !line.starts_with("   ")) {
      names.emplace_back(split(line.substr(2), ' ').front());
    }
  }
  return names;
}

std::vector<std::string> long_options_in(const std::string& help) {
  std::vector<std::string> names;
  for (const auto line : split(help, '\n')) {
    if (!line.starts_with("  -")) continue;  // a description may speak of options too
    const std::size_t at = line.find("--");
    if (at == std::string_view::npos) continue;
    const auto rest = line.substr(at);
    names.emplace_back(rest.substr(0, rest.find_first_of(" ,=")));
  }
  return names;
}

}  // namespace cgwarden::cli
