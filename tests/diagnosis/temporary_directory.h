#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace cgwarden::diagnosis::testing {

// Removed with everything in it. In memory where there is /dev/shm: each commit is an fsync(2), and
// these tests make thousands.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const bool shm = std::filesystem::is_directory("/dev/shm");
    std::string name =
        (shm ? std::string("/dev/shm") : std::filesystem::temp_directory_path().string()) +
        "/diagnosis_test.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string store() const { return path_ / "store.db"; }

 private:
  std::filesystem::path path_;
};

}  // namespace cgwarden::diagnosis::testing
