#pragma once

#include <filesystem>
#include <string>

#include "tests/temporary_directory.h"

namespace cgwarden::diagnosis::testing {

// In memory where there is /dev/shm: each commit is an fsync(2), and these tests make thousands.
class TemporaryDirectory {
 public:
  [[nodiscard]] std::filesystem::path path() const { return directory_.path(); }
  [[nodiscard]] std::string store() const { return directory_.path() + "/store.db"; }

 private:
  cgwarden::TemporaryDirectory directory_{std::filesystem::is_directory("/dev/shm")
                                              ? std::string("/dev/shm")
                                              : std::filesystem::temp_directory_path().string()};
};

}  // namespace cgwarden::diagnosis::testing
