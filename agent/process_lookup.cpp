#include "agent/process_lookup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

// PROC_PID_INIT_INO of include/linux/proc_ns.h.
constexpr ino_t kInitPidNamespace = 0xEFFFFFFCU;
// Of a command line: a sentence, not a page.
constexpr std::size_t kCommandBytes = 256;
constexpr std::size_t kAttributeBytes = 256;
constexpr std::uint32_t kNoLogin = 0xFFFFFFFFU;
// starttime is rounded down to USER_HZ.
constexpr Usec kTick{10'000};

std::string text_at(int directory, const char* file) {
  return read_file_at(directory, file, limits::kControlFileBytes).value_or(std::string());
}

// The directory of a process or thread that began before `before`.
UniqueFd open_process(const std::string& proc, pid_t pid, Usec before) {
  auto directory = open_at(AT_FDCWD, proc + "/" + std::to_string(pid), O_RDONLY | O_DIRECTORY);
  if (!directory) return UniqueFd();
  const auto started = start_time_of(text_at(directory->get(), "stat"));
  if (!started || *started > before + kTick) return UniqueFd();
  return std::move(*directory);
}

std::string command_of(int directory) {
  auto fd = open_at(directory, "cmdline", O_RDONLY);
  if (!fd) return {};
  std::array<char, kCommandBytes> buffer{};
  const ssize_t size = ::read(fd->get(), buffer.data(), buffer.size());
  if (size <= 0) return {};
  std::string text(buffer.data(), static_cast<std::size_t>(size));
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::ranges::replace(text, '\0', ' ');
  return text;
}

std::string link_at(int directory, const char* name) {
  std::array<char, limits::kCgroupPathBytes> buffer{};
  const ssize_t size = ::readlinkat(directory, name, buffer.data(), buffer.size());
  return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
}

template <typename T>
std::optional<T> first_number(std::optional<std::string_view> field) {
  if (!field) return std::nullopt;
  const auto text = trim(*field);
  return parse_integer<T>(text.substr(0, text.find_first_of(" \t")));
}

// The n-th field behind the comm, which may hold blanks and ')': ["", state, ppid, ...].
template <typename T>
std::optional<T> number_of_stat(std::string_view stat, std::size_t n) {
  const std::size_t comm_end = stat.rfind(')');
  if (comm_end == std::string_view::npos) return std::nullopt;
  const auto fields = split(stat.substr(comm_end + 1), ' ');
  return fields.size() > n ? parse_integer<T>(fields[n]) : std::nullopt;
}

// PF_EXITING of include/linux/sched.h.
bool has_exit_flag(std::string_view stat) {
  constexpr std::size_t kFlags = 7;
  constexpr unsigned kExiting = 0x4;
  const auto flags = number_of_stat<unsigned>(stat, kFlags);
  return !flags || (*flags & kExiting) != 0;
}

// What exit_group(2), execve(2) and fatal signals do to the other threads.
bool is_told_to_die(std::string_view status) {
  constexpr std::uint64_t kSigkill = std::uint64_t{1} << (SIGKILL - 1U);
  const auto pending = status_field(status, "SigPnd").value_or("");
  std::uint64_t set = 0;
  std::from_chars(pending.data(), pending.data() + pending.size(), set, 16);
  return (set & kSigkill) != 0;
}

std::string task_directory(const std::string& proc, pid_t process) {
  return proc + "/" + std::to_string(process) + "/task/";
}

std::map<std::string, std::string> marks_of(int directory) {
  std::map<std::string, std::string> marks;
  // A path of its own for *xattr(2), which take no O_PATH fd.
  const std::string path = "/proc/self/fd/" + std::to_string(directory);
  std::array<char, 4096> names{};
  const ssize_t size = ::listxattr(path.c_str(), names.data(), names.size());
  if (size <= 0) return marks;
  for (const auto name :
       split(std::string_view(names.data(), static_cast<std::size_t>(size)), '\0')) {
    if (!name.starts_with("user.oomd_") && !name.starts_with("trusted.oomd_")) continue;
    std::array<char, kAttributeBytes> value{};
    const std::string key(name);
    const ssize_t length = ::getxattr(path.c_str(), key.c_str(), value.data(), value.size());
    if (length >= 0) marks[key] = std::string(value.data(), static_cast<std::size_t>(length));
  }
  return marks;
}

}  // namespace

bool proc_is_of_init_namespace() {
  struct stat info{};
  return ::stat("/proc/self/ns/pid", &info) == 0 && info.st_ino == kInitPidNamespace;
}

std::optional<Usec> start_time_of(std::string_view stat) {
  constexpr std::size_t kStartTime = 20;
  const auto ticks = number_of_stat<std::uint64_t>(stat, kStartTime);
  const long per_second = ::sysconf(_SC_CLK_TCK);
  if (!ticks || per_second <= 0 || *ticks > (std::uint64_t{1} << 40U)) return std::nullopt;
  return Usec(*ticks * 1'000'000U / static_cast<std::uint64_t>(per_second));
}

std::optional<pid_t> parent_of(std::string_view stat) {
  constexpr std::size_t kParent = 2;
  return number_of_stat<pid_t>(stat, kParent);
}

bool is_ending(const std::string& proc, pid_t process, pid_t thread) {
  const auto stat = read_file(task_directory(proc, process) + std::to_string(thread) + "/stat",
                              limits::kControlFileBytes);
  return !stat || has_exit_flag(*stat);
}

bool has_living_thread(const std::string& proc, pid_t process) {
  const std::string directory = task_directory(proc, process);
  std::error_code error;
  std::size_t looked_at = 0;
  for (auto at = std::filesystem::directory_iterator(directory, error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name == std::to_string(process)) continue;
    if (looked_at++ == limits::kProcessesMeasured) return false;
    const std::string thread = directory + name;
    const auto stat = read_file(thread + "/stat", limits::kControlFileBytes);
    const auto status = read_file(thread + "/status", limits::kControlFileBytes);
    if (stat && status && !has_exit_flag(*stat) && !is_told_to_die(*status)) return true;
  }
  return false;
}

std::optional<char> state_of(std::string_view stat) {
  const std::size_t comm_end = stat.rfind(") ");
  if (comm_end == std::string_view::npos || comm_end + 2 >= stat.size()) return std::nullopt;
  return stat[comm_end + 2];
}

std::optional<char> state_of_process(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", limits::kControlFileBytes);
  return stat ? state_of(*stat) : std::nullopt;
}

std::string cgroup_path_in(const cgroup::Tree& tree, std::string_view text) {
  for (std::string_view line : split(text, '\n')) {
    if (!line.starts_with("0::/")) continue;
    line.remove_prefix(3);
    // A path outside of this cgroup namespace.
    if (line.starts_with("/..")) return {};
    constexpr std::string_view kDeleted = " (deleted)";
    if (line.ends_with(kDeleted) && !tree.open_cgroup(line)) line.remove_suffix(kDeleted.size());
    return std::string(line);
  }
  return {};
}

std::optional<std::string_view> status_field(std::string_view status, std::string_view key) {
  for (const auto line : split(status, '\n')) {
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ':') {
      return trim(line.substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

diagnosis::ProcessSeen look_up_process(const cgroup::Tree& tree, const std::string& proc, pid_t pid,
                                       Usec before) {
  diagnosis::ProcessSeen seen;
  seen.pid = pid;
  // One directory fd, so that all is of one process.
  const UniqueFd directory = open_process(proc, pid, before);
  if (!directory.valid()) return seen;
  seen.comm = trim(text_at(directory.get(), "comm"));
  seen.exe = link_at(directory.get(), "exe");
  seen.command = command_of(directory.get());
  seen.cgroup = cgroup_path_in(tree, text_at(directory.get(), "cgroup"));
  const std::string status = text_at(directory.get(), "status");
  seen.uid = first_number<std::uint32_t>(status_field(status, "Uid"));
  const auto login = parse_integer<std::uint32_t>(trim(text_at(directory.get(), "loginuid")));
  if (login && *login != kNoLogin) seen.login_uid = login;
  return seen;
}

TargetSeen look_up_target(const cgroup::Tree& tree, const std::string& proc, pid_t task,
                          Usec before) {
  const UniqueFd directory = open_process(proc, task, before);
  if (!directory.valid()) return {};
  const std::string status = text_at(directory.get(), "status");
  TargetSeen seen;
  seen.process = first_number<pid_t>(status_field(status, "Tgid")).value_or(0);
  seen.tracer = first_number<pid_t>(status_field(status, "TracerPid"));
  seen.state = state_of(text_at(directory.get(), "stat"));
  seen.cgroup = cgroup_path_in(tree, text_at(directory.get(), "cgroup"));
  if (const auto pids = status_field(status, "NSpid")) {
    const auto innermost = pids->find_last_of(" \t");
    seen.namespace_init = innermost != std::string_view::npos && pids->substr(innermost + 1) == "1";
  }
  return seen;
}

bool is_to_freeze(const cgroup::Tree& tree, std::string_view path) {
  for (std::string_view at = path; !at.empty(); at = cgroup::parent_path(at)) {
    const auto text = tree.read(at, "cgroup.freeze");
    if (text && trim(*text) == "1") return true;
  }
  return false;
}

std::map<std::string, std::string> oomd_marks(const cgroup::Tree& tree, std::string_view path,
                                              std::string& where) {
  for (std::string_view at = path; !at.empty(); at = cgroup::parent_path(at)) {
    const auto directory = tree.open_cgroup(at);
    if (!directory) continue;
    auto marks = marks_of(directory->get());
    if (marks.empty()) continue;
    where = at;
    return marks;
  }
  return {};
}

std::string cgroup_path_of(const cgroup::Tree& tree, CgroupId id) {
  // struct file_handle with the 8 bytes of FILEID_KERNFS (include/linux/exportfs.h).
  constexpr int kFileIdKernfs = 0xfe;
  alignas(file_handle) std::array<std::byte, sizeof(file_handle) + sizeof(std::uint64_t)> bytes{};
  auto* handle = reinterpret_cast<file_handle*>(bytes.data());
  handle->handle_bytes = sizeof(std::uint64_t);
  handle->handle_type = kFileIdKernfs;
  std::memcpy(handle->f_handle, &id.value, sizeof(std::uint64_t));
  const auto mount = open_at(tree.root_fd(), ".", O_RDONLY | O_DIRECTORY);  // not an O_PATH fd
  if (!mount) return {};
  const UniqueFd found(
      ::open_by_handle_at(mount->get(), handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!found.valid()) return {};
  const auto name = [](int fd) {
    return link_at(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str());
  };
  const std::string root = name(tree.root_fd());
  const std::string path = name(found.get());
  if (path == root) return "/";
  if (root == "/" || !path.starts_with(root + "/")) return {};
  return path.substr(root.size());
}

}  // namespace cgwarden::agent
