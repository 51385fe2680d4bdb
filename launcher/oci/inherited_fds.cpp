#include "launcher/oci/inherited_fds.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "base/unique_fd.h"

namespace cgwarden::launcher::oci {
namespace {

constexpr unsigned kFirst = 3;

Outcome<unsigned> all_open(const std::string& who, unsigned count, unsigned first) {
  for (unsigned i = 0; i < count; ++i) {
    // Close-on-exec: not the caller's, but a file of this program's own with that number.
    const int flags = ::fcntl(static_cast<int>(first + i), F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC) != 0) {
      return refuse(who + " " + std::to_string(count) + ": descriptor " +
                    std::to_string(first + i) + " is not open");
    }
  }
  return count;
}

}  // namespace

// Not opendir(3): the 32 KiB that it reads into would be the largest piece of memory of a launch.
void close_others(unsigned first) {
  const UniqueFd list(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  alignas(dirent64) std::array<char, 2048> entries;
  for (;;) {
    const long size = ::syscall(SYS_getdents64, list.get(), entries.data(), entries.size());
    if (size <= 0) return;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries.data() + at);
      at += entry->d_reclen;
      const auto fd = parse_integer<int>(static_cast<const char*>(entry->d_name));
      if (!fd || *fd < static_cast<int>(first)) continue;
      const int flags = ::fcntl(*fd, F_GETFD);
      // The list goes on by numbers: it misses none when one is closed.
      if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ::close(*fd);
    }
  }
}

Outcome<unsigned> preserved_fds(unsigned count, unsigned first) {
  return all_open("--preserve-fds", count, first);
}

Outcome<unsigned> pass_listen_fds(Process& process) {
  const char* pid = ::getenv("LISTEN_PID");
  const char* count = ::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || parse_integer<pid_t>(pid) != ::getpid()) return 0U;
  const auto number = parse_integer<unsigned>(count);
  if (!number) {
    return refuse("LISTEN_FDS in the environment is \"" + printable(count) +
                  "\", not a number of descriptors");
  }
  if (*number == 0) return 0U;
  CGW_TRY(all_open("LISTEN_FDS in the environment is", *number, kFirst));
  process.env.push_back("LISTEN_FDS=" + std::to_string(*number));
  process.env.emplace_back("LISTEN_PID=1");
  if (const char* names = ::getenv("LISTEN_FDNAMES")) {
    process.env.push_back(std::string("LISTEN_FDNAMES=") + names);
  }
  return *number;
}

}  // namespace cgwarden::launcher::oci
