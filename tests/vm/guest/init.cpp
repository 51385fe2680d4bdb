// PID 1 of the initramfs. Loads the modules, builds the root file system (the shared image under a
// tmpfs overlay) and then either becomes a minimal init itself (fast mode) or executes systemd.
//
// Kernel command line:
//   vm.mode=fast|systemd
//   vm.share=TAG:PATH   mount the virtiofs share TAG at PATH (percent-encoded); may be repeated
//   vm.share_rw=TAG:PATH  the same, writable

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace cgwarden::vm {
namespace {

const std::string kNewRoot = "/newroot";
const std::string kAgentDirectory = "/run/cgwarden-vm";

// The harness looks for this prefix in the console log.
[[noreturn]] void fail(const std::string& what) {
  const std::string text = "vm init: " + what + ": " + std::strerror(errno) + "\n";
  [[maybe_unused]] const ssize_t written = ::write(2, text.data(), text.size());
  ::sync();
  ::reboot(RB_POWER_OFF);
  ::_exit(1);
}

void mount_or_fail(const char* source, const std::string& target, const char* type,
                   unsigned long flags, const char* data = nullptr) {
  std::error_code ignored;
  std::filesystem::create_directories(target, ignored);
  if (::mount(source, target.c_str(), type, flags, data) != 0) {
    fail("cannot mount " + std::string(type == nullptr ? source : type) + " at " + target);
  }
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, content.data(), content.size()) < 0) {
    fail("cannot write " + content + " to " + path);
  }
  ::close(fd);
}

// /modules.list names the modules in dependency order.
void load_modules() {
  std::istringstream list(read_file("/modules.list"));
  for (std::string path; std::getline(list, path);) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (::syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) {
      fail("cannot load " + path);
    }
    ::close(fd);
  }
}

struct Share {
  std::string tag;
  std::string path;
  bool writable = false;
};

struct Options {
  std::string mode;
  std::vector<Share> shares;
};

std::string percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, value, 16).ptr == &text[i + 1] + 2) {
      decoded.push_back(static_cast<char>(value));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

Options parse_command_line() {
  Options options;
  std::istringstream words(read_file("/proc/cmdline"));
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (key == "vm.mode") {
      options.mode = value;
    } else if (key == "vm.share" || key == "vm.share_rw") {
      const std::size_t colon = value.find(':');
      options.shares.push_back({.tag = value.substr(0, colon),
                                .path = percent_decode(value.substr(colon + 1)),
                                .writable = key == "vm.share_rw"});
    }
  }
  return options;
}

// The image stays read-only and shared by all guests; what this one writes goes to memory. The
// kernel's own tree adds /usr/lib/modules.
void build_root(const Options& options) {
  mount_or_fail("/dev/vda", "/image", "ext4", MS_RDONLY);
  mount_or_fail("kernel", "/kernel", "virtiofs", MS_RDONLY);
  mount_or_fail("overlay", "/overlay", "tmpfs", 0, "mode=0755");
  for (const char* directory : {"/overlay/upper", "/overlay/work"}) {
    if (::mkdir(directory, 0755) != 0) {
      fail(std::string("cannot create ") + directory);
    }
  }
  mount_or_fail("overlay", kNewRoot, "overlay", 0,
                "lowerdir=/kernel:/image,upperdir=/overlay/upper,workdir=/overlay/work");
  mount_or_fail("tmpfs", kNewRoot + "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  mount_or_fail("tmpfs", kNewRoot + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  for (const Share& share : options.shares) {
    mount_or_fail(share.tag.c_str(), kNewRoot + share.path, "virtiofs",
                  share.writable ? 0UL : static_cast<unsigned long>(MS_RDONLY));
  }
}

// systemd finds the unit of the agent in /run, so the image does not depend on the agent. Without
// systemd that directory must not exist: it is how sd_booted(3) tells.
void install_agent(const std::string& mode) {
  namespace fs = std::filesystem;
  const fs::path directory = kNewRoot + kAgentDirectory;
  const fs::path units = kNewRoot + "/run/systemd/system";
  std::error_code error;
  fs::create_directories(directory, error);
  fs::copy_file("/vm_guest_agent", directory / "vm_guest_agent", error);
  if (!error && mode == "systemd") {
    fs::create_directories(units / "sysinit.target.wants", error);
  }
  if (!error && mode == "systemd") {
    fs::copy_file("/vm-agent.service", units / "vm-agent.service", error);
  }
  if (!error && mode == "systemd") {
    fs::create_symlink("../vm-agent.service", units / "sysinit.target.wants/vm-agent.service",
                       error);
  }
  if (error) {
    errno = error.value();
    fail("cannot install the agent");
  }
}

void switch_root() {
  for (const char* directory : {"/dev", "/proc", "/sys"}) {
    mount_or_fail(directory, kNewRoot + directory, nullptr, MS_MOVE);
  }
  if (::chdir(kNewRoot.c_str()) != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 ||
      ::chroot(".") != 0 || ::chdir("/") != 0) {
    fail("cannot switch to the new root");
  }
}

void link_standard_streams() {
  const std::pair<const char*, const char*> links[] = {{"/proc/self/fd", "/dev/fd"},
                                                       {"/proc/self/fd/0", "/dev/stdin"},
                                                       {"/proc/self/fd/1", "/dev/stdout"},
                                                       {"/proc/self/fd/2", "/dev/stderr"}};
  for (const auto& [target, link] : links) {
    if (::symlink(target, link) != 0) {
      fail(std::string("cannot create ") + link);
    }
  }
}

void bring_loopback_up() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  if (fd < 0 || ::ioctl(fd, SIOCGIFFLAGS, &request) != 0) {
    fail("cannot read the flags of the loopback device");
  }
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  if (::ioctl(fd, SIOCSIFFLAGS, &request) != 0) {
    fail("cannot bring the loopback device up");
  }
  ::close(fd);
}

void enable_all_controllers() {
  std::istringstream controllers(read_file("/sys/fs/cgroup/cgroup.controllers"));
  for (std::string name; controllers >> name;) {
    write_file("/sys/fs/cgroup/cgroup.subtree_control", "+" + name);
  }
}

// What systemd would have mounted, with the options it uses for the cgroup tree.
void mount_api_file_systems() {
  mount_or_fail("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                "mode=620,gid=5,ptmxmode=666");
  mount_or_fail("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  mount_or_fail("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                "nsdelegate,memory_recursiveprot");
  mount_or_fail("tracefs", "/sys/kernel/tracing", "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC);
}

[[noreturn]] void run_agent_and_reap() {
  const std::string agent = kAgentDirectory + "/vm_guest_agent";
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl(agent.c_str(), agent.c_str(), nullptr);
    ::_exit(127);
  }
  pid_t ended = 0;
  while (ended != pid) {
    ended = ::waitpid(-1, nullptr, 0);
    if (ended < 0 && errno != EINTR) {
      break;
    }
  }
  errno = 0;
  fail("the guest agent ended");
}

void run() {
  ::umask(022);
  mount_or_fail("devtmpfs", "/dev", "devtmpfs", MS_NOSUID);
  mount_or_fail("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount_or_fail("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  load_modules();
  const Options options = parse_command_line();
  build_root(options);
  install_agent(options.mode);
  switch_root();
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  if (options.mode == "systemd") {
    ::execl("/sbin/init", "/sbin/init", nullptr);
    fail("cannot execute /sbin/init");
  }
  mount_api_file_systems();
  link_standard_streams();
  bring_loopback_up();
  enable_all_controllers();
  run_agent_and_reap();
}

}  // namespace
}  // namespace cgwarden::vm

int main() { cgwarden::vm::run(); }
