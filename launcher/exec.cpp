#include "launcher/exec.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/program.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace cgwarden::launcher {
namespace {

// What the kernel reads of a program before it decides (BINPRM_BUF_SIZE is 256); the rest holds the
// program headers of any usual ELF file.
using Head = std::array<char, 4096>;

LaunchError exec_error(std::string text, int errno_value) {
  return LaunchError{"exec", errno_value, std::move(text)};
}

std::string script_interpreter(std::string_view head) {
  if (head.substr(0, 2) != "#!") return {};
  const std::string_view line = trim(head.substr(2, head.find('\n') - 2));
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

template <typename Header, typename Segment>
std::string elf_interpreter(int fd, std::string_view head) {
  Header header{};
  if (head.size() < sizeof(header)) return {};
  head.copy(reinterpret_cast<char*>(&header), sizeof(header));
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Segment segment{};
    const auto at = static_cast<off_t>(header.e_phoff + i * sizeof(segment));
    if (::pread(fd, &segment, sizeof(segment), at) != static_cast<ssize_t>(sizeof(segment))) break;
    if (segment.p_type != PT_INTERP) continue;
    std::array<char, 256> path{};
    const std::size_t size = segment.p_filesz < path.size() ? segment.p_filesz : path.size() - 1;
    if (::pread(fd, path.data(), size, static_cast<off_t>(segment.p_offset)) < 0) break;
    return path.data();
  }
  return {};
}

// The interpreter named by a script's first line or by PT_INTERP of an ELF file; "" without one.
std::string interpreter_of(const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  Head buffer{};
  const ssize_t count = fd.valid() ? ::pread(fd.get(), buffer.data(), buffer.size(), 0) : -1;
  if (count <= 0) return {};
  const std::string_view head(buffer.data(), static_cast<std::size_t>(count));
  if (head.substr(0, 4) != std::string_view(ELFMAG, SELFMAG) || head.size() < EI_NIDENT) {
    return script_interpreter(head);
  }
  return head[EI_CLASS] == ELFCLASS32 ? elf_interpreter<Elf32_Ehdr, Elf32_Phdr>(fd.get(), head)
                                      : elf_interpreter<Elf64_Ehdr, Elf64_Phdr>(fd.get(), head);
}

bool executable_by_someone(const struct stat& status) {
  return (status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
}

// The words "executable file not found in $PATH" are what callers of OCI runtimes look for.
LaunchError not_in_path(const std::vector<std::string>& args, const std::vector<std::string>& env) {
  return exec_error(printable(args.front()) +
                        ": executable file not found in $PATH: it is in no directory of PATH (" +
                        printable(search_path(env)) + ") inside the root file system",
                    ENOENT);
}

}  // namespace

std::string_view search_path(const std::vector<std::string>& env) {
  for (const auto& entry : env) {
    if (entry.starts_with("PATH=")) return std::string_view(entry).substr(5);
  }
  return kDefaultPath;
}

std::vector<std::string> exec_candidates(const std::string& file, std::string_view path) {
  if (file.find('/') != std::string::npos) return {file};
  std::vector<std::string> candidates;
  if (file.empty()) return candidates;
  for (const std::string_view directory : split(path, ':')) {
    if (!directory.starts_with('/')) continue;
    std::string candidate(directory);
    if (!candidate.ends_with('/')) candidate += '/';
    candidates.push_back(candidate + file);
  }
  return candidates;
}

LaunchError explain_exec_failure(const std::string& file, int errno_value) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) {
    const bool dangling = ::lstat(file.c_str(), &status) == 0 && errno_value == ENOENT;
    return exec_error(file + (dangling ? " is a symbolic link to nothing in the root file system"
                                       : " inside the root file system"),
                      errno_value);
  }
  if (S_ISDIR(status.st_mode)) return exec_error(file + " is a directory", errno_value);
  const std::string interpreter = interpreter_of(file);
  if (errno_value == ENOENT) {
    if (interpreter.empty()) return exec_error(file + " exists, what it loads does not", ENOENT);
    return exec_error(
        file + " exists, but its interpreter " + interpreter + " is not in the root file system",
        ENOENT);
  }
  if (errno_value == EACCES && !executable_by_someone(status)) {
    return exec_error(file + " is not executable; chmod +x it", EACCES);
  }
  if (errno_value == EACCES && !interpreter.empty() && ::access(interpreter.c_str(), X_OK) != 0) {
    return exec_error(file + ": its interpreter " + interpreter + " is not executable", EACCES);
  }
  if (errno_value == ENOEXEC) {
    return exec_error(
        file + " is neither a program for this machine nor a script that begins with #!", ENOEXEC);
  }
  return exec_error(file, errno_value);
}

std::optional<LaunchError> find_command(const std::vector<std::string>& args,
                                        const std::vector<std::string>& env) {
  if (args.empty()) return exec_error("no command is given", 0);
  std::string denied;
  for (const auto& candidate : exec_candidates(args.front(), search_path(env))) {
    struct stat status{};
    const bool exists = ::stat(candidate.c_str(), &status) == 0;
    if (exists && !S_ISDIR(status.st_mode) &&
        ::faccessat(AT_FDCWD, candidate.c_str(), X_OK, AT_EACCESS) == 0) {
      return std::nullopt;
    }
    // The answer of a seccomp profile that knows faccessat2(2) or stat(2) not yet: execve(2) will
    // tell.
    if (errno == EPERM && (!exists || !S_ISDIR(status.st_mode))) return std::nullopt;
    const int errno_value = exists ? EACCES : errno;
    if (args.front().find('/') != std::string::npos) {
      return explain_exec_failure(candidate, errno_value);
    }
    if (errno_value == EACCES && denied.empty()) denied = candidate;
  }
  if (!denied.empty()) return explain_exec_failure(denied, EACCES);
  return not_in_path(args, env);
}

LaunchError exec_command(const std::vector<std::string>& args,
                         const std::vector<std::string>& env) {
  if (args.empty()) return exec_error("no command is given", 0);
  const std::vector<char*> argv = pointers(args);
  const std::vector<char*> envp = pointers(env);
  std::string denied;
  for (const auto& candidate : exec_candidates(args.front(), search_path(env))) {
    ::execve(candidate.c_str(), argv.data(), envp.data());
    const int errno_value = errno;
    struct stat status{};
    const bool absent = (errno_value == ENOENT || errno_value == ENOTDIR) &&
                        ::stat(candidate.c_str(), &status) != 0;
    if (args.front().find('/') != std::string::npos || (!absent && errno_value != EACCES)) {
      return explain_exec_failure(candidate, errno_value);
    }
    if (errno_value == EACCES && denied.empty()) denied = candidate;
  }
  if (!denied.empty()) return explain_exec_failure(denied, EACCES);
  return not_in_path(args, env);
}

}  // namespace cgwarden::launcher
