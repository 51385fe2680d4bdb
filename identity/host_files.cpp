// HostNames: how files are opened and lists are read.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "identity/host_names.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/unique_directory.h"

namespace cgwarden::identity {
namespace {

// Absolute links end below the root, too. A FIFO must not block, nor a terminal become ours.
Result<UniqueFd> open_below(int root, const std::string& path, std::uint64_t flags,
                            std::uint64_t resolve = 0) {
  open_how how{};
  how.flags = flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
  const std::string relative = path.starts_with('/') ? path.substr(1) : path;
  const long fd = ::syscall(SYS_openat2, root, relative.c_str(), &how, sizeof how);
  if (fd < 0) return fail(Error::from_errno(errno, "open", path));
  return UniqueFd(static_cast<int>(fd));
}

Result<std::uint32_t> owner_of_file(int fd, const std::string& path) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail(Error::from_errno(errno, "stat", path));
  if (!S_ISREG(status.st_mode)) return fail(Error::invalid("read", path, "it is no plain file"));
  return status.st_uid;
}

bool is_absent(const Error& error) {
  return error.kind == ErrorKind::vanished || error.errno_value == ENOTDIR;
}

}  // namespace

Result<HostNames> HostNames::open(const std::string& root) {
  CGW_ASSIGN(UniqueFd fd, open_at(AT_FDCWD, root, O_PATH | O_DIRECTORY));
  return HostNames(std::move(fd));
}

Result<std::optional<std::string>> HostNames::read(const std::string& path,
                                                   std::optional<std::uint32_t> owner) const {
  auto fd = open_below(root_->get(), path, 0);
  if (!fd && is_absent(fd.error())) return std::optional<std::string>();
  if (!fd) return fail(fd.error());
  CGW_ASSIGN(std::uint32_t uid, owner_of_file(fd->get(), path));
  if (owner && uid != *owner) {
    // What root put there is as good, but not what a link of the user's leads to.
    fd = open_below(root_->get(), path, 0, RESOLVE_NO_SYMLINKS);
    if (!fd) return fail(fd.error());
    CGW_ASSIGN(uid, owner_of_file(fd->get(), path));
    if (uid != 0 && uid != *owner) {
      return fail(Error::invalid("read", path, "it does not belong to its user"));
    }
  }
  CGW_ASSIGN(std::string text, read_all(fd->get(), path, limits::kRuntimeStateBytes));
  return std::optional<std::string>(std::move(text));
}

std::vector<std::string> HostNames::list(const std::string& path) const {
  std::vector<std::string> names;
  auto fd = open_below(root_->get(), path, O_DIRECTORY);
  if (!fd) return names;
  const UniqueDirectory directory = open_directory_stream(*std::move(fd));
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    if (names.size() == limits::kNamesPerDirectory) break;
  }
  return names;
}

void HostNames::begin_pass() {
  logs_.reset();
  pods_.reset();
  storages_.clear();
}

std::optional<Names> HostNames::log_of(const std::string& id) {
  if (!logs_) {
    logs_.emplace();
    for (const auto& file : list("/var/log/containers")) {
      if (auto log = parse_container_log(file)) logs_->emplace(log->id, std::move(log->names));
    }
  }
  const auto found = logs_->find(id);
  return found != logs_->end() ? std::optional(found->second) : std::nullopt;
}

HostNames::Answer HostNames::pod(const std::string& uid) {
  if (!pods_) {
    pods_.emplace();
    for (const auto& directory : list("/var/log/pods")) {
      if (auto names = parse_pod_log_directory(directory)) {
        std::string key = names->pod_uid;
        pods_->emplace(std::move(key), *std::move(names));
      }
    }
  }
  const auto found = pods_->find(uid);
  if (found == pods_->end()) return std::optional<Names>();
  return std::optional(found->second);
}

std::string HostNames::docker_root() {
  const auto text = read("/etc/docker/daemon.json");
  if (text && *text) {
    const auto root = parse_docker_data_root(**text, "/etc/docker/daemon.json");
    if (root && *root) return **root;
  }
  return "/var/lib/docker";
}

void HostNames::take_storage(const std::string& config, Storage& storage) {
  if (auto graph = parse_storage_key(config, "graphroot")) storage.graph = *std::move(graph);
  if (auto run = parse_storage_key(config, "runroot")) storage.run = *std::move(run);
}

HostNames::Storage HostNames::system_storage() {
  Storage storage{"/var/lib/containers/storage", "/run/containers/storage"};
  for (const auto* path : {"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"}) {
    const auto text = read(path);
    if (!text || !*text) continue;
    take_storage(**text, storage);
    break;  // the first of the two is the whole configuration
  }
  return storage;
}

std::optional<Account> HostNames::account_of(std::uint32_t uid) {
  const auto passwd = read("/etc/passwd");
  if (!passwd || !*passwd) return std::nullopt;
  return parse_account(**passwd, uid);
}

}  // namespace cgwarden::identity
