#pragma once

#include <cstdint>
#include <fstream>
#include <string>

namespace cgwarden::diagnosis::testing {

// How many transactions were committed into an SQLite file: the file change counter of its header
// (https://sqlite.org/fileformat.html, 1.3.6).
inline std::uint32_t commits_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(24);
  std::uint32_t count = 0;
  for (int i = 0; i < 4; ++i) count = count << 8U | static_cast<unsigned char>(file.get());
  return count;
}

}  // namespace cgwarden::diagnosis::testing
