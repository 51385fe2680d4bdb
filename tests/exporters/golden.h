#pragma once

#include <gmock/gmock.h>

#include <cstdlib>
#include <string>

#include "base/file.h"

namespace cgwarden::exporters {

// `text` is the committed file. With CGWARDEN_REGENERATE=1 in the environment the file is written
// instead, and the test says so by failing: the next run compares.
inline void expect_golden(const std::string& path, const std::string& text) {
  if (std::getenv("CGWARDEN_REGENERATE") != nullptr) {
    ASSERT_TRUE(write_file_atomically(path, text));
    FAIL() << path << " was written; read the difference and commit it";
  }
  const auto committed = read_file(path, std::size_t{1} << 20);
  ASSERT_TRUE(committed) << committed.error().sentence();
  EXPECT_EQ(*committed, text) << path << " differs; CGWARDEN_REGENERATE=1 writes it anew";
}

}  // namespace cgwarden::exporters
