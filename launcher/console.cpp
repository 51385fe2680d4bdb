#include "launcher/console.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "launcher/descriptor_socket.h"
#include "launcher/mounts.h"

namespace cgwarden::launcher {
namespace {

UniqueFd open_without_symlinks(int directory, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned long long>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_NO_SYMLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof(how))));
}

bool is_on(int fd, unsigned long magic) {
  struct statfs file_system{};
  return ::fstatfs(fd, &file_system) == 0 &&
         static_cast<unsigned long>(file_system.f_type) == magic;
}

StepResult<UniqueFd> open_master() {
  UniqueFd master = open_without_symlinks(AT_FDCWD, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
  if (!master.valid()) {
    return failed("console", "a terminal needs a devpts of the container's own on /dev/pts");
  }
  if (!is_on(master.get(), DEVPTS_SUPER_MAGIC)) {
    return refused("console", "/dev/pts/ptmx is not of a devpts; the rootfs has put a file there");
  }
  return master;
}

StepResult<UniqueFd> open_slave(int master) {
  const int unlocked = 0;
  if (::ioctl(master, TIOCSPTLCK, &unlocked) != 0) {
    return failed("console", "the new terminal stays locked");
  }
  UniqueFd slave(::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave.valid()) return failed("console", "the new terminal cannot be opened");
  return slave;
}

Step prepare(int slave, const Process& process) {
  if (process.console_size) {
    winsize size{};
    size.ws_row = static_cast<unsigned short>(process.console_size->height);
    size.ws_col = static_cast<unsigned short>(process.console_size->width);
    if (::ioctl(slave, TIOCSWINSZ, &size) != 0) return failed("console", "consoleSize");
  }
  // The group is devpts' own option (gid=5).
  struct stat status{};
  if (::fstat(slave, &status) == 0 && status.st_uid == process.user.uid) return {};
  if (::fchown(slave, process.user.uid, static_cast<gid_t>(-1)) != 0) {
    return failed("console",
                  "the terminal cannot be given to uid " + std::to_string(process.user.uid));
  }
  return {};
}

Step keep_line_feeds(int slave) {
  termios modes{};
  if (::tcgetattr(slave, &modes) != 0) return failed("console", "its modes cannot be read");
  modes.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  if (::tcsetattr(slave, TCSANOW, &modes) != 0) {
    return failed("console", "its modes cannot be set");
  }
  return {};
}

Step bind_on_console(int slave) {
  const UniqueFd dev = open_without_symlinks(AT_FDCWD, "/dev", O_PATH | O_DIRECTORY);
  if (!dev.valid()) return failed("console", "/dev");
  UniqueFd target = open_without_symlinks(dev.get(), "console", O_PATH);
  if (!target.valid() && errno == ENOENT) {
    target.reset(
        ::openat(dev.get(), "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0620));
  }
  if (!target.valid()) {
    return failed("console", errno == ELOOP ? "/dev/console is a symbolic link in the rootfs"
                                            : "/dev/console cannot be made");
  }
  struct stat status{};
  if (::fstat(target.get(), &status) != 0 || S_ISDIR(status.st_mode) ||
      is_on(target.get(), PROC_SUPER_MAGIC)) {
    return refused("console", "/dev/console is not a file that can be bound on");
  }
  const UniqueFd copy(::open_tree(slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!copy.valid() || !attach(copy.get(), target.get())) {
    return failed("console", "the terminal cannot be bound on /dev/console");
  }
  return {};
}

Step become_controlling(int slave) {
  // Fails for the leader of a session only, who is where this wants to be.
  ::setsid();
  if (::ioctl(slave, TIOCSCTTY, 0) != 0) {
    return failed("console", "the terminal cannot become the controlling one");
  }
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(slave, fd) < 0) return failed("console", "descriptor " + std::to_string(fd));
  }
  return {};
}

}  // namespace

StepResult<UniqueFd> open_terminal(const Process& process, bool bind_console, bool relayed) {
  CGW_ASSIGN(UniqueFd master, open_master());
  CGW_ASSIGN(UniqueFd slave, open_slave(master.get()));
  CGW_TRY(prepare(slave.get(), process));
  if (relayed) CGW_TRY(keep_line_feeds(slave.get()));
  if (bind_console) CGW_TRY(bind_on_console(slave.get()));
  CGW_TRY(become_controlling(slave.get()));
  // A caller without stdio may have got it as one of the three.
  if (slave.get() < 3) (void)slave.release();
  if (master.get() < 3) return refused("console", "stdin, stdout and stderr have to be open");
  return master;
}

StepResult<UniqueFd> connect_console_socket(const std::string& path) {
  return connect_descriptor_socket(path, "console");
}

Step send_terminal(int socket, int master) {
  unsigned number = 0;
  if (::ioctl(master, TIOCGPTN, &number) != 0) return failed("console", "it is no terminal");
  if (!send_descriptor(socket, master, "/dev/pts/" + std::to_string(number))) {
    return failed("console", "the terminal cannot be sent over the console socket");
  }
  return {};
}

Step send_terminal(const std::string& path, int master) {
  CGW_ASSIGN(const UniqueFd socket, connect_console_socket(path));
  return send_terminal(socket.get(), master);
}

StepResult<UniqueFd> receive_terminal(int socket) {
  std::array<char, 256> name{};
  iovec part{name.data(), name.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (count < 0 || rights == nullptr || rights->cmsg_type != SCM_RIGHTS) {
    return failed("console", "the command did not send its terminal");
  }
  int master = -1;
  std::memcpy(&master, CMSG_DATA(rights), sizeof(master));
  return UniqueFd(master);
}

}  // namespace cgwarden::launcher
