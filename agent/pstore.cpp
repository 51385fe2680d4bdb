#include "agent/pstore.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPanic = "Kernel panic - not syncing: ";

bool is_since(const std::string& file, Usec since) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0 || info.st_mtim.tv_sec < 0) return false;
  return Usec(static_cast<std::uint64_t>(info.st_mtim.tv_sec + 1) * 1'000'000U) >= since;
}

void collect(const std::string& directory, bool deeper, Usec since,
             std::vector<std::string>& files) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (files.size() >= limits::kPstoreFiles) return;
    std::error_code ignored;
    if (entry.is_regular_file(ignored)) {
      if (is_since(entry.path().string(), since)) files.push_back(entry.path().string());
    } else if (deeper && entry.is_directory(ignored)) {
      collect(entry.path().string(), false, since, files);
    }
  }
}

}  // namespace

std::vector<std::string> pstore_directories() {
  return {"/sys/fs/pstore", "/var/lib/systemd/pstore"};
}

std::optional<std::string> last_panic(const std::vector<std::string>& directories, Usec since) {
  std::vector<std::string> files;
  for (const auto& directory : directories) collect(directory, true, since, files);
  std::ranges::sort(files);
  for (const auto& file : files) {
    const auto text = read_file(file, limits::kPstoreFileBytes);
    if (!text) continue;
    const std::size_t at = text->find(kPanic);
    if (at != std::string::npos) return text->substr(at, text->find('\n', at) - at);
  }
  return std::nullopt;
}

}  // namespace cgwarden::agent
