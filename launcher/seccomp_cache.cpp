#include "launcher/seccomp_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "base/file.h"
#include "base/unique_directory.h"
#include "base/unique_fd.h"

namespace cgwarden::launcher {
namespace {

constexpr std::string_view kMagic = "cgwarden seccomp 2\n";
// The largest profiles in use have 30 KiB; a larger one is compiled each time.
constexpr std::size_t kEntryBytes = 1024U * 1024U;

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

void put_number(std::string& bytes, std::uint32_t value) {
  std::array<char, sizeof value> raw{};
  std::memcpy(raw.data(), &value, sizeof value);
  bytes.append(raw.data(), raw.size());
}

// FNV-1a, 64 bits: a file name, nothing more. Who makes two profiles collide makes them take turns.
std::string file_name(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::array<char, 16> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), hash, 16);
  return std::string(digits.data(), end) + ".bpf";
}

UniqueFd open_own_directory(const std::string& path) {
  if (path.empty()) return {};
  UniqueFd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!dir.valid() || ::fstat(dir.get(), &status) != 0 || status.st_uid != ::geteuid() ||
      (status.st_mode & 077) != 0) {
    return {};
  }
  return dir;
}

// Removes the oldest files beyond the bound; half-written ones of a killed process are among them.
void remove_oldest(int dir) {
  const UniqueDirectory listing =
      open_directory_stream(UniqueFd(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!listing) return;
  std::vector<std::pair<timespec, std::string>> files;
  while (const dirent* entry = ::readdir(listing.get())) {
    struct stat status{};
    if (::fstatat(dir, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        !S_ISDIR(status.st_mode)) {
      files.emplace_back(status.st_mtim, entry->d_name);
    }
  }
  if (files.size() <= SeccompCache::kEntries) return;
  std::ranges::sort(files, [](const auto& a, const auto& b) {
    return std::pair(a.first.tv_sec, a.first.tv_nsec) < std::pair(b.first.tv_sec, b.first.tv_nsec);
  });
  files.resize(files.size() - SeccompCache::kEntries);
  for (const auto& [time, name] : files) ::unlinkat(dir, name.c_str(), 0);
}

bool seccomp_takes(const sock_filter& step) {
  switch (step.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      return step.k % 4 == 0 && step.k < sizeof(seccomp_data);
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_K:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool is_complete_program(std::span<const sock_filter> program) {
  if (program.empty() || program.size() > BPF_MAXINSNS) return false;
  for (std::size_t i = 0; i < program.size(); ++i) {
    const sock_filter& step = program[i];
    if (!seccomp_takes(step)) return false;
    if (BPF_CLASS(step.code) != BPF_JMP) continue;
    const std::size_t rest = program.size() - i - 1;
    const std::size_t farthest =
        BPF_OP(step.code) == BPF_JA ? step.k : std::max<std::size_t>(step.jt, step.jf);
    if (farthest >= rest) return false;
  }
  return BPF_CLASS(program.back().code) == BPF_RET;
}

std::string to_cache_entry(std::string_view key, std::span<const sock_filter> program) {
  std::string entry(kMagic);
  put_number(entry, static_cast<std::uint32_t>(key.size()));
  put_number(entry, static_cast<std::uint32_t>(program.size()));
  entry += key;
  entry.append(reinterpret_cast<const char*>(program.data()), program.size_bytes());
  return entry;
}

std::optional<std::vector<sock_filter>> parse_cache_entry(std::string_view entry,
                                                          std::string_view key) {
  constexpr std::size_t kHead = kMagic.size() + 2 * sizeof(std::uint32_t);
  if (entry.size() < kHead || !entry.starts_with(kMagic)) return std::nullopt;
  const std::size_t key_bytes = number_at(entry, kMagic.size());
  const std::size_t steps = number_at(entry, kMagic.size() + sizeof(std::uint32_t));
  if (steps > BPF_MAXINSNS || entry.size() != kHead + key_bytes + steps * sizeof(sock_filter)) {
    return std::nullopt;
  }
  if (entry.substr(kHead, key_bytes) != key) return std::nullopt;
  std::vector<sock_filter> program(steps);
  std::memcpy(program.data(), entry.data() + kHead + key_bytes, steps * sizeof(sock_filter));
  if (!is_complete_program(program)) return std::nullopt;
  return program;
}

std::optional<std::vector<sock_filter>> SeccompCache::find(std::string_view key) const {
  const UniqueFd dir = open_own_directory(directory_);
  if (!dir.valid()) return std::nullopt;
  const std::string name = file_name(key);
  // A fifo must not make the launch wait.
  const UniqueFd file(
      ::openat(dir.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_uid != ::geteuid() || (status.st_mode & 022) != 0) {
    return std::nullopt;
  }
  const auto entry = read_all(file.get(), name, kEntryBytes);
  if (!entry) return std::nullopt;
  return parse_cache_entry(*entry, key);
}

void SeccompCache::keep(std::string_view key, std::span<const sock_filter> program) const {
  if (directory_.empty()) return;
  const std::string entry = to_cache_entry(key, program);
  if (entry.size() > kEntryBytes || !make_directories(directory_, 0700)) return;
  const UniqueFd dir = open_own_directory(directory_);
  if (!dir.valid()) return;
  // By the descriptor that was checked: the path may lead elsewhere by now.
  const std::string path = "/proc/self/fd/" + std::to_string(dir.get()) + "/" + file_name(key);
  if (write_file_atomically(path, entry, 0600)) remove_oldest(dir.get());
}

}  // namespace cgwarden::launcher
