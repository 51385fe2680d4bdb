#include "launcher/seccomp_table.h"

#include <array>

namespace cgwarden::launcher {
namespace {

using namespace std::string_view_literals;

// Written from include/uapi/asm-generic/unistd.h and arch/x86/entry/syscalls/syscall_64.tbl. Names
// that an architecture lacks are skipped there. Left out on purpose, for every capability set:
//   kernel key rings (add_key keyctl request_key): not namespaced;
//   io_uring_*: runs file operations that seccomp never sees, a standing source of kernel faults;
//   userfaultfd: makes races in the kernel winnable;
//   kexec_*, nfsservctl, uselib, ustat, sysfs, _sysctl, vm86, remap of old interfaces.
constexpr std::array kFileData{
    "read"sv,         "write"sv,        "readv"sv,           "writev"sv,     "pread64"sv,
    "pwrite64"sv,     "preadv"sv,       "pwritev"sv,         "preadv2"sv,    "pwritev2"sv,
    "lseek"sv,        "_llseek"sv,      "sendfile"sv,        "sendfile64"sv, "splice"sv,
    "tee"sv,          "vmsplice"sv,     "copy_file_range"sv, "fsync"sv,      "fdatasync"sv,
    "sync"sv,         "syncfs"sv,       "sync_file_range"sv, "fallocate"sv,  "truncate"sv,
    "truncate64"sv,   "ftruncate"sv,    "ftruncate64"sv,     "fadvise64"sv,  "fadvise64_64"sv,
    "readahead"sv,    "io_setup"sv,     "io_destroy"sv,      "io_submit"sv,  "io_cancel"sv,
    "io_getevents"sv, "io_pgetevents"sv};

constexpr std::array kDescriptors{"open"sv,
                                  "openat"sv,
                                  "openat2"sv,
                                  "creat"sv,
                                  "close"sv,
                                  "close_range"sv,
                                  "dup"sv,
                                  "dup2"sv,
                                  "dup3"sv,
                                  "fcntl"sv,
                                  "fcntl64"sv,
                                  "flock"sv,
                                  "ioctl"sv,
                                  "pipe"sv,
                                  "pipe2"sv,
                                  "eventfd"sv,
                                  "eventfd2"sv,
                                  "signalfd"sv,
                                  "signalfd4"sv,
                                  "memfd_create"sv,
                                  "memfd_secret"sv,
                                  "inotify_init"sv,
                                  "inotify_init1"sv,
                                  "inotify_add_watch"sv,
                                  "inotify_rm_watch"sv,
                                  "fanotify_mark"sv,
                                  "select"sv,
                                  "_newselect"sv,
                                  "pselect6"sv,
                                  "poll"sv,
                                  "ppoll"sv,
                                  "epoll_create"sv,
                                  "epoll_create1"sv,
                                  "epoll_ctl"sv,
                                  "epoll_ctl_old"sv,
                                  "epoll_wait"sv,
                                  "epoll_wait_old"sv,
                                  "epoll_pwait"sv,
                                  "epoll_pwait2"sv,
                                  "pidfd_open"sv,
                                  "pidfd_send_signal"sv};

constexpr std::array kFileNames{"stat"sv,
                                "stat64"sv,
                                "fstat"sv,
                                "fstat64"sv,
                                "lstat"sv,
                                "lstat64"sv,
                                "fstatat64"sv,
                                "newfstatat"sv,
                                "statx"sv,
                                "statfs"sv,
                                "statfs64"sv,
                                "fstatfs"sv,
                                "fstatfs64"sv,
                                "access"sv,
                                "faccessat"sv,
                                "faccessat2"sv,
                                "getdents"sv,
                                "getdents64"sv,
                                "getcwd"sv,
                                "chdir"sv,
                                "fchdir"sv,
                                "mkdir"sv,
                                "mkdirat"sv,
                                "rmdir"sv,
                                "mknod"sv,
                                "mknodat"sv,
                                "link"sv,
                                "linkat"sv,
                                "symlink"sv,
                                "symlinkat"sv,
                                "unlink"sv,
                                "unlinkat"sv,
                                "rename"sv,
                                "renameat"sv,
                                "renameat2"sv,
                                "readlink"sv,
                                "readlinkat"sv,
                                "chmod"sv,
                                "fchmod"sv,
                                "fchmodat"sv,
                                "chown"sv,
                                "chown32"sv,
                                "fchown"sv,
                                "fchown32"sv,
                                "lchown"sv,
                                "lchown32"sv,
                                "fchownat"sv,
                                "utime"sv,
                                "utimes"sv,
                                "utimensat"sv,
                                "futimesat"sv,
                                "umask"sv,
                                "name_to_handle_at"sv,
                                "getxattr"sv,
                                "lgetxattr"sv,
                                "fgetxattr"sv,
                                "setxattr"sv,
                                "lsetxattr"sv,
                                "fsetxattr"sv,
                                "listxattr"sv,
                                "llistxattr"sv,
                                "flistxattr"sv,
                                "removexattr"sv,
                                "lremovexattr"sv,
                                "fremovexattr"sv};

constexpr std::array kMemory{
    "brk"sv,        "mmap"sv,      "mmap2"sv,         "munmap"sv,     "mremap"sv,
    "mprotect"sv,   "madvise"sv,   "mincore"sv,       "msync"sv,      "mlock"sv,
    "mlock2"sv,     "munlock"sv,   "mlockall"sv,      "munlockall"sv, "remap_file_pages"sv,
    "pkey_alloc"sv, "pkey_free"sv, "pkey_mprotect"sv, "membarrier"sv, "process_mrelease"sv};

constexpr std::array kProcesses{"fork"sv,
                                "vfork"sv,
                                "execve"sv,
                                "execveat"sv,
                                "exit"sv,
                                "exit_group"sv,
                                "wait4"sv,
                                "waitid"sv,
                                "waitpid"sv,
                                "getpid"sv,
                                "getppid"sv,
                                "gettid"sv,
                                "getpgid"sv,
                                "setpgid"sv,
                                "getpgrp"sv,
                                "getsid"sv,
                                "setsid"sv,
                                "prctl"sv,
                                "arch_prctl"sv,
                                "set_tid_address"sv,
                                "set_thread_area"sv,
                                "get_thread_area"sv,
                                "modify_ldt"sv,
                                "rseq"sv,
                                "futex"sv,
                                "futex_time64"sv,
                                "futex_waitv"sv,
                                "set_robust_list"sv,
                                "get_robust_list"sv,
                                "getrlimit"sv,
                                "ugetrlimit"sv,
                                "setrlimit"sv,
                                "prlimit64"sv,
                                "getrusage"sv,
                                "times"sv,
                                "uname"sv,
                                "sysinfo"sv,
                                "getcpu"sv,
                                "ioprio_get"sv,
                                "ioprio_set"sv,
                                "restart_syscall"sv,
                                "ptrace"sv,
                                "process_vm_readv"sv,
                                "process_vm_writev"sv};

constexpr std::array kScheduling{"sched_yield"sv,
                                 "sched_getaffinity"sv,
                                 "sched_setaffinity"sv,
                                 "sched_getparam"sv,
                                 "sched_setparam"sv,
                                 "sched_getscheduler"sv,
                                 "sched_setscheduler"sv,
                                 "sched_getattr"sv,
                                 "sched_setattr"sv,
                                 "sched_get_priority_max"sv,
                                 "sched_get_priority_min"sv,
                                 "sched_rr_get_interval"sv,
                                 "getpriority"sv,
                                 "setpriority"sv,
                                 "nice"sv};

constexpr std::array kSignalsAndTime{"kill"sv,
                                     "tkill"sv,
                                     "tgkill"sv,
                                     "pause"sv,
                                     "alarm"sv,
                                     "sigaltstack"sv,
                                     "sigreturn"sv,
                                     "rt_sigreturn"sv,
                                     "rt_sigaction"sv,
                                     "rt_sigprocmask"sv,
                                     "rt_sigpending"sv,
                                     "rt_sigsuspend"sv,
                                     "rt_sigtimedwait"sv,
                                     "rt_sigqueueinfo"sv,
                                     "rt_tgsigqueueinfo"sv,
                                     "getitimer"sv,
                                     "setitimer"sv,
                                     "time"sv,
                                     "gettimeofday"sv,
                                     "adjtimex"sv,
                                     "clock_gettime"sv,
                                     "clock_gettime64"sv,
                                     "clock_getres"sv,
                                     "clock_adjtime"sv,
                                     "clock_nanosleep"sv,
                                     "nanosleep"sv,
                                     "timer_create"sv,
                                     "timer_delete"sv,
                                     "timer_settime"sv,
                                     "timer_gettime"sv,
                                     "timer_getoverrun"sv,
                                     "timerfd_create"sv,
                                     "timerfd_settime"sv,
                                     "timerfd_gettime"sv};

constexpr std::array kUsers{"getuid"sv,
                            "getuid32"sv,
                            "geteuid"sv,
                            "geteuid32"sv,
                            "getgid"sv,
                            "getgid32"sv,
                            "getegid"sv,
                            "getegid32"sv,
                            "getgroups"sv,
                            "getgroups32"sv,
                            "getresuid"sv,
                            "getresgid"sv,
                            "setuid"sv,
                            "setuid32"sv,
                            "setgid"sv,
                            "setgid32"sv,
                            "setreuid"sv,
                            "setregid"sv,
                            "setresuid"sv,
                            "setresuid32"sv,
                            "setresgid"sv,
                            "setresgid32"sv,
                            "setgroups"sv,
                            "setgroups32"sv,
                            "setfsuid"sv,
                            "setfsgid"sv,
                            "capget"sv,
                            "capset"sv,
                            "seccomp"sv,
                            "landlock_create_ruleset"sv,
                            "landlock_add_rule"sv,
                            "landlock_restrict_self"sv,
                            "getrandom"sv};

// socket(2) itself is conditional: kRefusedFamily.
constexpr std::array kSocketsAndIpc{
    "socketpair"sv, "bind"sv,         "listen"sv,      "accept"sv,       "accept4"sv,
    "connect"sv,    "getsockname"sv,  "getpeername"sv, "getsockopt"sv,   "setsockopt"sv,
    "sendto"sv,     "recvfrom"sv,     "send"sv,        "recv"sv,         "sendmsg"sv,
    "recvmsg"sv,    "sendmmsg"sv,     "recvmmsg"sv,    "shutdown"sv,     "shmget"sv,
    "shmat"sv,      "shmdt"sv,        "shmctl"sv,      "semget"sv,       "semop"sv,
    "semtimedop"sv, "semctl"sv,       "msgget"sv,      "msgsnd"sv,       "msgrcv"sv,
    "msgctl"sv,     "mq_open"sv,      "mq_unlink"sv,   "mq_timedsend"sv, "mq_timedreceive"sv,
    "mq_notify"sv,  "mq_getsetattr"sv};

constexpr std::array kGroups{SyscallGroup{"file data", kFileData},
                             SyscallGroup{"descriptors and waiting", kDescriptors},
                             SyscallGroup{"file names and attributes", kFileNames},
                             SyscallGroup{"memory", kMemory},
                             SyscallGroup{"processes", kProcesses},
                             SyscallGroup{"scheduling", kScheduling},
                             SyscallGroup{"signals and time", kSignalsAndTime},
                             SyscallGroup{"users and self-restriction", kUsers},
                             SyscallGroup{"sockets and System V IPC", kSocketsAndIpc}};

constexpr std::array kSysAdmin{
    "bpf"sv,           "clone"sv,       "clone3"sv,        "fanotify_init"sv,   "fsconfig"sv,
    "fsmount"sv,       "fsopen"sv,      "fspick"sv,        "lookup_dcookie"sv,  "mount"sv,
    "mount_setattr"sv, "move_mount"sv,  "open_tree"sv,     "perf_event_open"sv, "pivot_root"sv,
    "quotactl"sv,      "quotactl_fd"sv, "setdomainname"sv, "sethostname"sv,     "setns"sv,
    "swapoff"sv,       "swapon"sv,      "syslog"sv,        "umount"sv,          "umount2"sv,
    "unshare"sv};
constexpr std::array kBpf{"bpf"sv};
constexpr std::array kDacReadSearch{"open_by_handle_at"sv};
constexpr std::array kPerfmon{"perf_event_open"sv};
constexpr std::array kSysBoot{"reboot"sv};
constexpr std::array kSysChroot{"chroot"sv};
constexpr std::array kSysModule{"delete_module"sv, "init_module"sv, "finit_module"sv};
constexpr std::array kSysNice{"get_mempolicy"sv,           "mbind"sv,         "set_mempolicy"sv,
                              "set_mempolicy_home_node"sv, "migrate_pages"sv, "move_pages"sv};
constexpr std::array kSysPacct{"acct"sv};
constexpr std::array kSysPtrace{"kcmp"sv, "pidfd_getfd"sv, "process_madvise"sv};
constexpr std::array kSysRawio{"iopl"sv, "ioperm"sv};
constexpr std::array kSysTime{"settimeofday"sv, "stime"sv, "clock_settime"sv, "clock_settime64"sv};
constexpr std::array kSysTtyConfig{"vhangup"sv};
constexpr std::array kSyslog{"syslog"sv};

constexpr std::array kCapabilitySyscalls{CapabilitySyscalls{"CAP_SYS_ADMIN", kSysAdmin},
                                         CapabilitySyscalls{"CAP_BPF", kBpf},
                                         CapabilitySyscalls{"CAP_DAC_READ_SEARCH", kDacReadSearch},
                                         CapabilitySyscalls{"CAP_PERFMON", kPerfmon},
                                         CapabilitySyscalls{"CAP_SYS_BOOT", kSysBoot},
                                         CapabilitySyscalls{"CAP_SYS_CHROOT", kSysChroot},
                                         CapabilitySyscalls{"CAP_SYS_MODULE", kSysModule},
                                         CapabilitySyscalls{"CAP_SYS_NICE", kSysNice},
                                         CapabilitySyscalls{"CAP_SYS_PACCT", kSysPacct},
                                         CapabilitySyscalls{"CAP_SYS_PTRACE", kSysPtrace},
                                         CapabilitySyscalls{"CAP_SYS_RAWIO", kSysRawio},
                                         CapabilitySyscalls{"CAP_SYS_TIME", kSysTime},
                                         CapabilitySyscalls{"CAP_SYS_TTY_CONFIG", kSysTtyConfig},
                                         CapabilitySyscalls{"CAP_SYSLOG", kSyslog}};

constexpr std::array kNewSyscalls{NumberedSyscall{"cachestat", 451},
                                  NumberedSyscall{"fchmodat2", 452},
                                  NumberedSyscall{"map_shadow_stack", 453},
                                  NumberedSyscall{"futex_wake", 454},
                                  NumberedSyscall{"futex_wait", 455},
                                  NumberedSyscall{"futex_requeue", 456},
                                  NumberedSyscall{"lsm_get_self_attr", 459},
                                  NumberedSyscall{"lsm_list_modules", 461},
                                  NumberedSyscall{"mseal", 462},
                                  NumberedSyscall{"setxattrat", 463},
                                  NumberedSyscall{"getxattrat", 464},
                                  NumberedSyscall{"listxattrat", 465},
                                  NumberedSyscall{"removexattrat", 466},
                                  NumberedSyscall{"file_getattr", 468},
                                  NumberedSyscall{"file_setattr", 469}};

constexpr std::array kOtherNewSyscalls{
    NumberedSyscall{"statmount", 457}, NumberedSyscall{"listmount", 458},
    NumberedSyscall{"lsm_set_self_attr", 460}, NumberedSyscall{"open_tree_attr", 467}};

constexpr std::array<std::uint32_t, 5> kPersonalities{0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF};

}  // namespace

std::span<const SyscallGroup> allowed_syscalls() { return kGroups; }
std::span<const CapabilitySyscalls> capability_syscalls() { return kCapabilitySyscalls; }
std::span<const NumberedSyscall> allowed_new_syscalls() { return kNewSyscalls; }
std::span<const NumberedSyscall> other_new_syscalls() { return kOtherNewSyscalls; }
std::span<const std::uint32_t> allowed_personalities() { return kPersonalities; }

}  // namespace cgwarden::launcher
