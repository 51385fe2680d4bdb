// One way to live or to die, for the workloads of the scenario matrix: deed WORD [ARGUMENT...]
// [WORD...]. Words that only prepare (named, adj, as, background, threaded, leaderless, after) are
// followed by another one. Static: it runs in a root file system with nothing else in it.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace {

constexpr std::size_t kMebibyte = 1U << 20U;

[[noreturn]] void stay() {
  for (;;) ::pause();
}

int failed(const char* what) {
  std::fprintf(stderr, "deed: %s: %s\n", what, std::strerror(errno));
  return 1;
}

bool take(std::size_t mebibytes) {
  for (std::size_t taken = 0; taken < mebibytes; ++taken) {
    void* block =
        ::mmap(nullptr, kMebibyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return false;
    std::memset(block, 0x5a, kMebibyte);
  }
  return true;
}

int eat(const char* mebibytes) {
  if (!take(std::strtoul(mebibytes, nullptr, 10))) return failed("mmap");
  std::puts("fed");
  std::fflush(stdout);
  stay();
}

int fill(const char* path, const char* mebibytes) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return failed(path);
  const std::string block(kMebibyte, 'x');
  for (auto left = std::strtoul(mebibytes, nullptr, 10) * kMebibyte; left > 0;) {
    // Up to a limit it writes a part; what comes after it fails.
    const ssize_t written = ::write(fd, block.data(), std::min(left, block.size()));
    if (written < 0) return failed(path);
    left -= static_cast<std::size_t>(written);
  }
  ::close(fd);
  return 0;
}

int fork_some(const char* count) {
  for (auto left = std::strtoul(count, nullptr, 10); left > 0; --left) {
    const pid_t child = ::fork();
    if (child == 0) stay();
    if (child < 0) std::fprintf(stderr, "deed: fork: %s\n", std::strerror(errno));
  }
  stay();
}

// Who says so may live on for a while.
int open_all(const char* seconds) {
  while (::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {
  }
  const int code = failed("/dev/null");
  ::sleep(static_cast<unsigned>(std::atoi(seconds)));
  return code;
}

int fault(std::string_view word) {
  // Both volatile: a division of 1 becomes comparisons.
  volatile int seven = 7;
  volatile int zero = 0;
  volatile int* nowhere = nullptr;
  if (word == "segv") return *nowhere;
  if (word == "fpe") {
    std::signal(SIGFPE, SIG_DFL);
    return seven / zero;
  }
  if (word == "abort") std::abort();
  if (word == "trap") {
    asm volatile("int3");
    return 1;
  }
  if (word == "bus") {
    const int fd = ::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return failed("/tmp");
    auto* beyond = static_cast<volatile char*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    return *beyond;
  }
  __builtin_trap();  // ill
}

int forbidden(std::string_view how) {
  const std::uint32_t action = how == "trap" ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS;
  std::array<sock_filter, 4> rules{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{static_cast<unsigned short>(rules.size()), rules.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    return failed("seccomp");
  }
  (void)::syscall(SYS_getppid);
  return failed("getppid was allowed");
}

int adjust(const char* value) {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return failed("oom_score_adj");
  const bool written = ::write(fd, value, std::strlen(value)) > 0;
  ::close(fd);
  return written ? 0 : failed("oom_score_adj");
}

// The opener of the gate makes the file.
void wait_for(const char* path) {
  while (::access(path, F_OK) != 0) ::usleep(50'000);
}

void write_text(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, text.data(), text.size()) < 0) (void)failed(path);
  ::close(fd);
}

// Its sender is looked for before it is gone.
int send(const char* signal, const char* pid) {
  if (::kill(static_cast<pid_t>(std::atoi(pid)), std::atoi(signal)) != 0) return failed("kill");
  ::sleep(4);
  return 0;
}

// Its tracer waits until it can be looked for.
int trace(const char* pid) {
  const auto process = static_cast<pid_t>(std::atoi(pid));
  if (::ptrace(PTRACE_SEIZE, process, nullptr, nullptr) != 0) return failed("ptrace");
  if (::ptrace(PTRACE_KILL, process, nullptr, nullptr) != 0) return failed("PTRACE_KILL");
  ::sleep(4);
  return 0;
}

// A signal to itself with a code that only the kernel gives, for the process or for the thread.
int forge(std::string_view whom, const char* signal, const char* code) {
  siginfo_t info{};
  info.si_signo = std::atoi(signal);
  info.si_code = std::atoi(code);
  const auto pid = ::getpid();
  if (whom == "process") {
    (void)::syscall(SYS_rt_sigqueueinfo, pid, info.si_signo, &info);
  } else {
    (void)::syscall(SYS_rt_tgsigqueueinfo, pid, ::gettid(), info.si_signo, &info);
  }
  return failed("it lives on");
}

// To another process, with a code of its own choice.
int queue(const char* signal, const char* code, const char* pid) {
  siginfo_t info{};
  info.si_signo = std::atoi(signal);
  info.si_code = std::atoi(code);
  if (::syscall(SYS_rt_sigqueueinfo, std::atoi(pid), info.si_signo, &info) != 0) {
    return failed("rt_sigqueueinfo");
  }
  ::sleep(1);
  return 0;
}

// To the newest thread of another process alone.
int send_to_thread(const char* signal, const char* pid) {
  const std::string tasks = "/proc/" + std::string(pid) + "/task";
  int newest = 0;
  for (const auto& entry : std::filesystem::directory_iterator(tasks)) {
    newest = std::max(newest, std::atoi(entry.path().filename().c_str()));
  }
  if (::syscall(SYS_tgkill, std::atoi(pid), newest, std::atoi(signal)) != 0) {
    return failed("tgkill");
  }
  ::sleep(1);
  return 0;
}

// A tracer that takes with it what it traces.
int guard(const char* pid) {
  const auto process = static_cast<pid_t>(std::atoi(pid));
  if (::ptrace(PTRACE_SEIZE, process, nullptr, PTRACE_O_EXITKILL) != 0) return failed("ptrace");
  ::sleep(1);
  return 0;
}

int strict() {
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return failed("seccomp");
  (void)::syscall(SYS_getppid);
  return failed("getppid was allowed");
}

// Without end, each frame on a page of its own.
int overflow(int depth) {
  if (depth < 0) return 0;
  volatile char page[4096];
  page[0] = static_cast<char>(depth);
  return overflow(depth + 1) + page[0];
}

// A file system that has no room for the pages of its own file.
int beyond_disk(const char* path, const char* mebibytes) {
  const auto size = std::strtoul(mebibytes, nullptr, 10) * kMebibyte;
  const int fd = ::open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(size)) != 0) return failed(path);
  void* map = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return failed("mmap");
  std::memset(map, 0x5a, size);
  return 0;
}

int huge(const char* mebibytes) {
  const auto size = std::strtoul(mebibytes, nullptr, 10) * kMebibyte;
  void* map = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (map == MAP_FAILED) return failed("mmap");
  std::memset(map, 0x5a, size);
  return 0;
}

int set_timer(const char* signal) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = std::atoi(signal);
  timer_t timer{};
  itimerspec when{};
  when.it_value.tv_sec = 1;
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
      ::timer_settime(timer, 0, &when, nullptr) != 0) {
    return failed("timer");
  }
  stay();
}

// What was begun ends at once, and its child goes on.
int in_background(int count, char** words);

// What stays has asked for SIGKILL at its parent's death, which comes with the gate. The parent is
// in the topmost cgroup: the child is the oldest process of its own.
int orphan(const char* gate) {
  std::array<char, 4096> text{};
  const int fd = ::open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? -1 : ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  if (size < 5) return failed("/proc/self/cgroup");
  const std::string line(text.data(), static_cast<std::size_t>(size));
  const std::string path = line.substr(3, line.find('\n') - 3);
  const std::string root = "/sys/fs/cgroup";
  // Who was begun in the cgroup may have been taken for its main process, and ends.
  if (::fork() != 0) ::_exit(0);
  write_text((root + "/cgroup.procs").c_str(), "0");
  if (::fork() == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    write_text((root + path + "/cgroup.procs").c_str(), "0");
    stay();
  }
  wait_for(gate);
  return 0;
}

// At the gate somebody presses Ctrl-C on its terminal.
int on_terminal(const char* gate) {
  const int keys = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (keys < 0 || ::grantpt(keys) != 0 || ::unlockpt(keys) != 0) return failed("/dev/ptmx");
  std::array<char, 64> name{};
  if (::ptsname_r(keys, name.data(), name.size()) != 0) return failed("ptsname");
  // Who leads a group already may lead no session.
  if (::setsid() < 0 && ::fork() != 0) ::_exit(0);
  (void)::setsid();
  if (::open(name.data(), O_RDWR | O_CLOEXEC) < 0) return failed(name.data());
  if (::fork() == 0) {
    (void)::setsid();
    wait_for(gate);
    (void)!::write(keys, "\x03", 1);
    ::sleep(1);
    ::_exit(0);
  }
  stay();
}

// Its first thread ends long before the process does.
int without_leader(int count, char** words);

int act(int count, char** words);

// The main thread waits: whatever is done, another one does it.
int in_thread(int count, char** words) {
  int code = 1;
  std::thread([&] { code = act(count, words); }).join();
  return code;
}

int without_leader(int count, char** words) {
  std::thread([count, words] {
    ::usleep(500'000);
    ::_exit(act(count, words));
  }).detach();
  (void)::syscall(SYS_exit, 0);  // the thread alone
  return 1;
}

int in_background(int count, char** words) {
  if (::fork() != 0) return 0;
  return act(count, words);
}

std::optional<int> act_on_another(int count, char** words) {
  const std::string_view word = words[0];
  if (word == "send" && count == 3) return send(words[1], words[2]);
  if (word == "trace" && count == 2) return trace(words[1]);
  if (word == "queue" && count == 4) return queue(words[1], words[2], words[3]);
  if (word == "tkill" && count == 3) return send_to_thread(words[1], words[2]);
  if (word == "guard" && count == 2) return guard(words[1]);
  return std::nullopt;
}

std::optional<int> end_oddly(int count, char** words) {
  const std::string_view word = words[0];
  if (word == "strict") return strict();
  if (word == "overflow") return overflow(0);
  if (word == "raise" && count == 2) return ::raise(std::atoi(words[1]));
  if (word == "beyond" && count == 3) return beyond_disk(words[1], words[2]);
  if (word == "huge" && count == 2) return huge(words[1]);
  if (word == "timer" && count == 2) return set_timer(words[1]);
  if (word == "alarm") {
    ::alarm(1);
    stay();
  }
  return std::nullopt;
}

int act(int count, char** words) {
  if (count == 0) return 2;
  const std::string_view word = words[0];
  if (word == "named" && count > 2) {
    ::prctl(PR_SET_NAME, words[1]);
    return act(count - 2, words + 2);
  }
  if (word == "adj" && count > 2) {
    const int code = adjust(words[1]);
    return code != 0 ? code : act(count - 2, words + 2);
  }
  if (word == "threaded" && count > 1) return in_thread(count - 1, words + 1);
  if (word == "leaderless" && count > 1) return without_leader(count - 1, words + 1);
  if (word == "background" && count > 1) return in_background(count - 1, words + 1);
  if (word == "as" && count > 2) {
    const auto user = static_cast<uid_t>(std::atoi(words[1]));
    if (::setresuid(user, user, user) != 0) return failed("setresuid");
    return act(count - 2, words + 2);
  }
  if (const auto code = act_on_another(count, words)) return *code;
  if (const auto code = end_oddly(count, words)) return *code;
  if (word == "forge" && count == 4) return forge(words[1], words[2], words[3]);
  if (word == "orphan" && count == 2) return orphan(words[1]);
  if (word == "terminal" && count == 2) return on_terminal(words[1]);
  if (word == "after" && count > 2) {
    wait_for(words[1]);
    return act(count - 2, words + 2);
  }
  if (word == "eat" && count == 2) return eat(words[1]);
  if (word == "fill" && count == 3) return fill(words[1], words[2]);
  if (word == "fork" && count == 2) return fork_some(words[1]);
  if (word == "exit" && count == 2) return std::atoi(words[1]);
  if (word == "forbidden" && count == 2) return forbidden(words[1]);
  if (word == "files") return open_all(count == 2 ? words[1] : "0");
  if (word == "spin") {
    for (;;) asm volatile("");
  }
  if (word == "deaf") {
    std::signal(SIGTERM, SIG_IGN);
    stay();
  }
  if (word == "stay") stay();
  for (const std::string_view one : {"segv", "ill", "fpe", "bus", "abort", "trap"}) {
    if (word == one) return fault(word);
  }
  std::fprintf(stderr, "deed: what is %s?\n", words[0]);
  return 2;
}

}  // namespace

int main(int count, char** words) { return act(count - 1, words + 1); }
