#include "launcher/idmap.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>

#include "base/text.h"
#include "launcher/helper_process.h"

namespace cgwarden::launcher {
namespace {

// The kernel takes a map in one write(2) only.
Step write_once(const std::string& path, const std::string& text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return failed("user", path + " cannot be opened");
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return failed("user", path + " refuses \"" + std::string(trim(text)) + "\"");
  }
  return {};
}

std::string map_text(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const auto& mapping : mappings) {
    text += std::to_string(mapping.container_id) + " " + std::to_string(mapping.host_id) + " " +
            std::to_string(mapping.size) + "\n";
  }
  return text;
}

bool is_own_id_alone(const std::vector<IdMapping>& mappings, unsigned id) {
  return mappings.size() == 1 && mappings.front().size == 1 && mappings.front().host_id == id;
}

// newuidmap PID container_id host_id size ...; the environment is not handed on to a setuid
// program.
Step run_map_program(const std::string& program, const std::string& ranges_file, pid_t child,
                     const std::vector<IdMapping>& mappings) {
  std::vector<std::string> words{program, std::to_string(child)};
  for (const auto& mapping : mappings) {
    words.push_back(std::to_string(mapping.container_id));
    words.push_back(std::to_string(mapping.host_id));
    words.push_back(std::to_string(mapping.size));
  }
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* no_environment = nullptr;
  pid_t pid = -1;
  errno = ::posix_spawnp(&pid, program.c_str(), nullptr, nullptr, argv.data(), &no_environment);
  if (errno == ENOENT) {
    return failed("user", program +
                              " is needed to map more than one's own id; install the "
                              "package uidmap");
  }
  if (errno != 0) return failed("user", program);
  const auto status = wait_for_exit(pid);
  if (status.code == CLD_EXITED && status.status == 0) return {};
  std::string wanted;
  for (const auto& mapping : mappings) {
    wanted += (wanted.empty() ? "" : ", ") + std::to_string(mapping.host_id) + ":" +
              std::to_string(mapping.size);
  }
  return refused("user", program + " refuses the host ids " + wanted +
                             "; each has to lie in a line " + "USER:START:COUNT of " + ranges_file +
                             " for uid " + std::to_string(::getuid()));
}

Step write_as_root(const std::string& directory, const std::vector<IdMapping>& uids,
                   const std::vector<IdMapping>& gids) {
  CGW_TRY(write_once(directory + "uid_map", map_text(uids)));
  return write_once(directory + "gid_map", map_text(gids));
}

// One byte, or end of file, from the other process.
void wait_for_word(int fd) {
  char byte = 0;
  while (::read(fd, &byte, 1) < 0 && errno == EINTR) {
  }
}

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};
StepResult<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("user", "no pipe to a helper");
  Pipe result;
  result.read_end.reset(ends[0]);
  result.write_end.reset(ends[1]);
  return result;
}

// In the new user namespace: says what it is called in the procfs at /proc (which may be of another
// pid namespace than the caller's), and stays until `stay` is closed by the parent.
[[noreturn]] void be_namespace(const Pipe& name, Pipe& stay) {
  stay.write_end.reset();
  std::array<char, 32> text{};
  const ssize_t size = ::readlink("/proc/self", text.data(), text.size());
  if (size > 0 && ::write(name.write_end.get(), text.data(), static_cast<std::size_t>(size)) > 0) {
    wait_for_word(stay.read_end.get());
  }
  ::_exit(0);
}

StepResult<UniqueFd> map_helper(const Pipe& name, const std::vector<IdMapping>& uids,
                                const std::vector<IdMapping>& gids) {
  std::array<char, 32> text{};
  const ssize_t size = ::read(name.read_end.get(), text.data(), text.size());
  if (size <= 0) return refused("user", "the helper in the new user namespace does not answer");
  const std::string directory =
      "/proc/" + std::string(text.data(), static_cast<std::size_t>(size)) + "/";
  CGW_TRY(write_as_root(directory, uids, gids));
  UniqueFd result(::open((directory + "ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  if (!result.valid()) return failed("user", directory + "ns/user cannot be opened");
  return result;
}

}  // namespace

Step write_id_maps(const Spec& spec, pid_t child) {
  const auto& uids = spec.uid_mappings;
  const auto& gids = spec.gid_mappings;
  if (uids.empty() || gids.empty()) {
    return refused("user", "a new user namespace needs uidMappings and gidMappings");
  }
  const std::string directory = "/proc/" + std::to_string(child) + "/";
  if (::geteuid() == 0) return write_as_root(directory, uids, gids);
  if (is_own_id_alone(uids, ::geteuid())) {
    CGW_TRY(write_once(directory + "uid_map", map_text(uids)));
  } else {
    CGW_TRY(run_map_program("newuidmap", "/etc/subuid", child, uids));
  }
  if (is_own_id_alone(gids, ::getegid())) {
    // A group may not be dropped by whoever could not have joined it: user_namespaces(7).
    CGW_TRY(write_once(directory + "setgroups", "deny"));
    return write_once(directory + "gid_map", map_text(gids));
  }
  return run_map_program("newgidmap", "/etc/subgid", child, gids);
}

StepResult<UniqueFd> user_namespace_of(const std::vector<IdMapping>& uids,
                                       const std::vector<IdMapping>& gids) {
  CGW_ASSIGN(Pipe name, open_pipe());
  CGW_ASSIGN(Pipe stay, open_pipe());
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid == 0) be_namespace(name, stay);
  if (pid < 0) return failed("user", "a user namespace for an id-mapped mount cannot be made");
  name.write_end.reset();
  auto result = map_helper(name, uids, gids);
  stay.write_end.reset();
  (void)wait_for_exit(static_cast<pid_t>(pid));
  return result;
}

}  // namespace cgwarden::launcher
