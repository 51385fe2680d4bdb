#include "launcher/oci/seal.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "base/unique_fd.h"

namespace cgwarden::launcher::oci {
namespace {

constexpr const char* kSelf = "/proc/self/exe";
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// Asked of the file itself, not of the environment: that is the caller's to forge.
bool is_sealed() {
  const UniqueFd self(::open(kSelf, O_RDONLY | O_CLOEXEC));
  if (!self.valid()) return false;
  struct statvfs status{};
  if (::fstatvfs(self.get(), &status) == 0 && (status.f_flag & ST_RDONLY) != 0) return true;
  return ::fcntl(self.get(), F_GET_SEALS) == kSeals;
}

UniqueFd readonly_mount() {
  const UniqueFd self(::open(kSelf, O_PATH | O_CLOEXEC));
  UniqueFd copy(::open_tree(self.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (!copy.valid() ||
      ::mount_setattr(copy.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
    return {};
  }
  return copy;
}

UniqueFd sealed_copy() {
  const UniqueFd self(::open(kSelf, O_RDONLY | O_CLOEXEC));
  struct stat status{};
  // Without MFD_EXEC vm.memfd_noexec makes it one that cannot be executed; before Linux 6.3 there
  // was no such flag.
  constexpr unsigned kMfdExec = 0x10;
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd copy(::memfd_create("cgwarden-oci", kFlags | kMfdExec));
  if (!copy.valid() && errno == EINVAL) copy.reset(::memfd_create("cgwarden-oci", kFlags));
  if (!self.valid() || !copy.valid() || ::fstat(self.get(), &status) != 0) return {};
  off_t left = status.st_size;
  while (left > 0) {
    const ssize_t moved =
        ::sendfile(copy.get(), self.get(), nullptr, static_cast<std::size_t>(left));
    if (moved <= 0) return {};
    left -= moved;
  }
  if (::fchmod(copy.get(), 0500) != 0 || ::fcntl(copy.get(), F_ADD_SEALS, kSeals) != 0) return {};
  return copy;
}

// execveat(2) of a descriptor and "" leaves it open, and AT_EXECFN says which one it was.
std::optional<int> executed_descriptor() {
  if (cgwarden_sealed_file >= 0) return cgwarden_sealed_file;
  constexpr std::string_view kPrefix = "/dev/fd/";
  const auto* name = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  if (name == nullptr || !std::string_view(name).starts_with(kPrefix)) return {};
  return parse_integer<int>(std::string_view(name).substr(kPrefix.size()));
}

UniqueFd executed_file() {
  const auto fd = executed_descriptor();
  if (!fd) return {};
  UniqueFd file(*fd);
  // 0, 1 and 2 are the command's, also where the caller had closed them.
  if (*fd <= STDERR_FILENO) file.reset(::fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (::fcntl(file.get(), F_SETFD, FD_CLOEXEC) != 0) return {};
  return file;
}

UniqueFd& executed() {
  static UniqueFd file = executed_file();
  return file;
}

}  // namespace

int cgwarden_sealed_file = -1;

int sealed_file() { return executed().get(); }
void close_sealed_file() { executed().reset(); }

Outcome<void> seal_program(char** argv) {
  if (is_sealed()) return {};
  UniqueFd program = readonly_mount();
  if (!program.valid()) program = sealed_copy();
  if (program.valid()) {
    ::syscall(SYS_execveat, program.get(), "", argv, environ, AT_EMPTY_PATH);
  }
  return std::unexpected(
      Failure(Error::from_errno(errno, "seal", kSelf, "the runtime must not run unprotected")));
}

}  // namespace cgwarden::launcher::oci
