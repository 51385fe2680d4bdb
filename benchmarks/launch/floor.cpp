// launch_floor ROOTFS FILTER COMMAND: the bare system calls of a container start, to measure
// launchers against. The namespaces, mounts, masked and read-only paths, capabilities and
// no_new_privs of the default config.json; no parsing, no state, no checks of the rootfs, no
// cgroup. FILTER is a file of struct sock_filter, or "-" for none.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr unsigned long kPlain = MS_NOSUID | MS_NOEXEC | MS_NODEV;
constexpr std::uint64_t kCapabilities = 0xa80425fb;  // the OCI default set

void check(long result, const char* what) {
  if (result >= 0) return;
  std::perror(what);
  std::_Exit(125);
}

void mount_at(const char* source, const char* target, const char* type, unsigned long flags,
              const char* data) {
  ::mkdir(target, 0755);
  check(::mount(source, target, type, flags, data), target);
}

void make_mounts() {
  mount_at("proc", "proc", "proc", kPlain, nullptr);
  mount_at("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
  mount_at("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
           "newinstance,ptmxmode=0666,mode=0620");
  mount_at("shm", "dev/shm", "tmpfs", kPlain, "mode=1777,size=65536k");
  mount_at("mqueue", "dev/mqueue", "mqueue", kPlain, nullptr);
  mount_at("sysfs", "sys", "sysfs", kPlain | MS_RDONLY, nullptr);
  mount_at("cgroup", "sys/fs/cgroup", "cgroup2", kPlain | MS_RDONLY, nullptr);
  ::umask(0);
  struct Node {
    const char* path;
    unsigned major;
    unsigned minor;
  };
  constexpr std::array<Node, 6> nodes{{{"dev/null", 1, 3},
                                       {"dev/zero", 1, 5},
                                       {"dev/full", 1, 7},
                                       {"dev/random", 1, 8},
                                       {"dev/urandom", 1, 9},
                                       {"dev/tty", 5, 0}}};
  for (const auto& node : nodes) {
    check(::mknod(node.path, S_IFCHR | 0666, makedev(node.major, node.minor)), node.path);
  }
  check(::symlink("/proc/self/fd", "dev/fd"), "dev/fd");
  check(::symlink("/proc/self/fd/0", "dev/stdin"), "dev/stdin");
  check(::symlink("/proc/self/fd/1", "dev/stdout"), "dev/stdout");
  check(::symlink("/proc/self/fd/2", "dev/stderr"), "dev/stderr");
  check(::symlink("pts/ptmx", "dev/ptmx"), "dev/ptmx");
}

void hide_paths() {
  for (const char* path : {"proc/acpi", "proc/asound", "proc/interrupts", "proc/kcore", "proc/keys",
                           "proc/latency_stats", "proc/sched_debug", "proc/scsi", "proc/timer_list",
                           "proc/timer_stats", "sys/devices/virtual/powercap", "sys/firmware"}) {
    if (::mount("/dev/null", path, nullptr, MS_BIND, nullptr) == 0 || errno != ENOTDIR) continue;
    check(::mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0k"), path);
  }
  for (const char* path : {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"}) {
    if (::mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) != 0) continue;
    check(::mount(nullptr, path, nullptr, kPlain | MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr),
          path);
  }
}

void drop_capabilities() {
  for (unsigned number = 0; number <= CAP_LAST_CAP; ++number) {
    if ((kCapabilities >> number & 1U) == 0) ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const auto low = static_cast<std::uint32_t>(kCapabilities);
  std::array<__user_cap_data_struct, 2> data{{{low, low, 0}, {0, 0, 0}}};
  check(::syscall(SYS_capset, &header, data.data()), "capset");
}

std::array<sock_filter, BPF_MAXINSNS> filter_program;
unsigned short filter_length = 0;

// In the host's files, so before the child leaves them.
void read_filter(const char* file) {
  if (std::string(file) == "-") return;
  const int fd = ::open(file, O_RDONLY | O_CLOEXEC);
  check(fd, file);
  const ssize_t size = ::read(fd, filter_program.data(), sizeof(filter_program));
  check(size, file);
  filter_length = static_cast<unsigned short>(static_cast<std::size_t>(size) / sizeof(sock_filter));
}

void load_filter() {
  if (filter_length == 0) return;
  const sock_fprog filter{.len = filter_length, .filter = filter_program.data()};
  check(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter), "seccomp");
}

[[noreturn]] void run_child(char** arguments) {
  const char* root = arguments[1];
  check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "/");
  check(::mount(root, root, nullptr, MS_BIND | MS_REC, nullptr), root);
  check(::chdir(root), root);
  make_mounts();
  hide_paths();
  check(::sethostname("floor", 5), "sethostname");
  check(::syscall(SYS_pivot_root, ".", "."), "pivot_root");
  check(::umount2(".", MNT_DETACH), "umount2");
  check(::chdir("/"), "/");
  check(::mount(nullptr, "/", nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr),
        "read-only root");
  ::umask(022);
  drop_capabilities();
  check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  load_filter();
  ::execv(arguments[3], arguments + 3);
  check(-1, arguments[3]);
  std::_Exit(125);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: launch_floor ROOTFS FILTER COMMAND [ARG...]\n", stderr);
    return 2;
  }
  read_filter(argv[2]);
  clone_args args{};
  args.flags =
      CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  args.exit_signal = SIGCHLD;
  const long child = ::syscall(SYS_clone3, &args, sizeof(args));
  check(child, "clone3");
  if (child == 0) run_child(argv);
  int status = 0;
  check(::waitpid(static_cast<pid_t>(child), &status, 0), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
