// The first line is a glob, the rest a cgroup path. fnmatch(3) is the oracle where both mean the
// same.
#include <fnmatch.h>

#include "policy/match.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

bool is_ascii(std::string_view text) {
  for (const char byte : text) {
    if (static_cast<unsigned char>(byte) >= 0x80 || byte == 0) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string_view text = fuzz::text_of(data, size);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  const std::string glob(text.substr(0, end));
  const std::string path(text.substr(end + 1));
  const auto fault = policy::find_glob_fault(glob);
  fuzz::require(policy::glob_fault(glob).empty() == !fault, "both find the same fault");
  const bool matches = policy::glob_matches(glob, path);
  if (fault) {
    fuzz::require(fault->offset <= glob.size() && !matches, "a fault has a place and no match");
    return 0;
  }
  const bool path_is_plain = path.starts_with('/') && path.find("//") == std::string::npos &&
                             (path.size() == 1 || path.back() != '/');
  if (!path_is_plain) return 0;
  if (glob.find_first_of("*?[") == std::string::npos) {
    fuzz::require(matches == (glob == path), "a glob without specials is its path");
  }
  // fnmatch(3) takes exponential time for many stars.
  if (!is_ascii(glob) || !is_ascii(path) || path == "/" || size > 40 ||
      glob.find("**") != std::string::npos || glob.find("[^") != std::string::npos ||
      glob.find("[.") != std::string::npos || glob.find("[=") != std::string::npos) {
    return 0;
  }
  fuzz::require(
      matches == (::fnmatch(glob.c_str(), path.c_str(), FNM_PATHNAME | FNM_NOESCAPE) == 0),
      "fnmatch(3) agrees");
  return 0;
}
