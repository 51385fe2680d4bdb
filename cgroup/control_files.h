#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cgroup/directory.h"
#include "cgroup/tree.h"

namespace cgwarden::cgroup {

// The system calls of the sampler. The seam for tests that make the n-th of them fail.
class ControlFiles {
 public:
  virtual ~ControlFiles() = default;
  // Tree::open_cgroup.
  [[nodiscard]] virtual Result<UniqueFd> open_cgroup(const Tree& tree, std::string_view path) = 0;
  // The directory behind this fd; vanished also when it was removed since it was opened.
  [[nodiscard]] virtual Result<Listing> list(int directory) = 0;
  // One control file of the cgroup behind the fd `directory`, never through a symlink.
  [[nodiscard]] virtual Result<UniqueFd> open(int directory, std::string_view file) = 0;
  // pread(2) from 0, which makes the kernel print the file anew: how many bytes. vanished (ENODEV)
  // when the file went, with its cgroup or alone. `file` names it in errors.
  [[nodiscard]] virtual Result<std::size_t> read(int fd, std::span<char> buffer,
                                                 std::string_view file) = 0;
};

// Those of the product.
class KernelFiles final : public ControlFiles {
 public:
  [[nodiscard]] Result<UniqueFd> open_cgroup(const Tree& tree, std::string_view path) override;
  [[nodiscard]] Result<Listing> list(int directory) override;
  [[nodiscard]] Result<UniqueFd> open(int directory, std::string_view file) override;
  [[nodiscard]] Result<std::size_t> read(int fd, std::span<char> buffer,
                                         std::string_view file) override;
};

// The whole text of the file in one read, valid until the next one; `buffer` grows as needed.
// invalid beyond kControlFileBytes.
[[nodiscard]] Result<std::string_view> read_whole(ControlFiles& files, int fd,
                                                  std::vector<char>& buffer, std::string_view file);

}  // namespace cgwarden::cgroup
