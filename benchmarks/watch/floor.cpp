#include "benchmarks/watch/floor.h"

#include <fcntl.h>
#include <unistd.h>

#include "benchmarks/watch/stand_in_files.h"

namespace cgwarden::benchmarks {
namespace {

// Fractions of averages are two numbers; a C program would not use strtod for less.
std::uint64_t parse(const char* at, const char* end) {
  std::uint64_t sum = 0;
  bool in_value = true;
  std::uint64_t value = 0;
  for (; at != end; ++at) {
    const char c = *at;
    if (c >= '0' && c <= '9' && in_value) {
      value = value * 10 + static_cast<std::uint64_t>(c - '0');
      continue;
    }
    sum += value;
    value = 0;
    in_value = c == ' ' || c == '=' || c == '\n' || c == '.';
  }
  return sum;
}

}  // namespace

Floor::Floor(const std::vector<std::string>& directories, const std::vector<std::string>& files) {
  for (const std::string& directory : directories) {
    for (const std::string& file : files) {
      const int fd = ::open((directory + "/" + file).c_str(), O_RDONLY | O_CLOEXEC);
      if (fd >= 0) fds_.push_back(fd);
    }
  }
}

Floor::~Floor() {
  for (const int fd : fds_) ::close(fd);
}

std::uint64_t Floor::tick(std::uint64_t round) {
  static char buffer[4096];
  std::uint64_t sum = 0;
  for (const int fd : fds_) {
    const ssize_t size = ::pread(fd, buffer, sizeof buffer, 0);
    if (size <= 0) continue;
    if (round > 0) change_text({buffer, static_cast<std::size_t>(size)}, round);
    sum += parse(buffer, buffer + size);
  }
  return sum;
}

}  // namespace cgwarden::benchmarks
