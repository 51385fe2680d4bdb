#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "base/limits.h"
#include "launcher/container_mounts.h"
#include "launcher/oci/create.h"

namespace cgwarden::launcher::oci {

Outcome<Bundle> read_bundle(const CreateOptions& options) {
  const std::string& path = options.bundle;
  Bundle bundle;
  std::array<char, PATH_MAX> absolute{};
  if (::realpath(path.c_str(), absolute.data()) == nullptr) {
    return std::unexpected(Failure(Error::from_errno(errno, "open the bundle", path)));
  }
  bundle.path = absolute.data();
  const std::string file = options.config.empty() ? bundle.path + "/config.json" : options.config;
  CGW_ASSIGN(bundle.config_text, read_file(file, limits::kStateFileBytes));
  CGW_ASSIGN(bundle.spec, parse_config(bundle.config_text, file, &bundle.warnings));
  resolve_in_bundle(bundle.spec, bundle.path);
  return bundle;
}

Outcome<void> write_pid_file(const std::string& path, pid_t pid) {
  const std::string temporary = path + "." + std::to_string(::getpid());
  auto fd = open_at(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!fd) return std::unexpected(Failure(fd.error()));
  CGW_TRY(write_all(fd->get(), std::to_string(pid), temporary));
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int errno_value = errno;
    ::unlink(temporary.c_str());
    return std::unexpected(Failure(Error::from_errno(errno_value, "write the pid file", path)));
  }
  return {};
}

}  // namespace cgwarden::launcher::oci
