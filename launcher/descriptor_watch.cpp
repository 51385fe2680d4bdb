#include "launcher/descriptor_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::launcher {
namespace {

constexpr Usec kFirstCount{1'000'000};
constexpr Usec kCountInterval{60'000'000};
constexpr Usec kBetweenWords{1'000'000};
constexpr std::size_t kProcFileBytes = 64U * 1024U;

bool same_letter(char left, char right) {
  return std::tolower(static_cast<unsigned char>(left)) ==
         std::tolower(static_cast<unsigned char>(right));
}

std::string of_process(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// A larger share is fuller; without a limit nothing is.
bool is_fuller(const DescriptorUse& left, const DescriptorUse& right) {
  const auto share = [](const DescriptorUse& use) {
    return static_cast<double>(use.open) /
           static_cast<double>(std::max<std::uint64_t>(use.limit, 1));
  };
  return share(left) > share(right);
}

std::optional<DescriptorUse> use_of(pid_t pid, std::size_t& budget) {
  const auto limits = read_file(of_process(pid, "limits"), kProcFileBytes);
  if (!limits) return std::nullopt;
  const auto limit = open_files_limit(*limits);
  const auto open = open_descriptors(pid, budget);
  // A zombie has none.
  if (!limit || !open || *open == 0) return std::nullopt;
  DescriptorUse use;
  use.pid = pid;
  use.open = *open;
  use.limit = *limit;
  if (const auto comm = read_file(of_process(pid, "comm"), kProcFileBytes)) {
    use.comm = printable(trim(*comm));
  }
  return use;
}

}  // namespace

bool says_too_many_open_files(std::string_view text) {
  static constexpr std::string_view kWords = "too many open files";
  static constexpr std::string_view kOfTheMachine = " in system";
  for (auto at = text.begin();;) {
    at = std::search(at, text.end(), kWords.begin(), kWords.end(), same_letter);
    if (at == text.end()) return false;
    at += kWords.size();
    const std::string_view rest(at, text.end());
    if (!rest.starts_with(kOfTheMachine)) return true;
  }
}

std::optional<std::uint64_t> open_files_limit(std::string_view limits) {
  static constexpr std::string_view kRow = "Max open files";
  for (const std::string_view line : split(limits, '\n')) {
    if (!line.starts_with(kRow)) continue;
    const std::string_view values = trim(line.substr(kRow.size()));
    return parse_integer<std::uint64_t>(values.substr(0, values.find(' ')));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> open_descriptors(pid_t pid, std::size_t& budget) {
  const auto directory = open_at(AT_FDCWD, of_process(pid, "fd"), O_RDONLY | O_DIRECTORY);
  if (!directory) return std::nullopt;
  struct ::stat status{};
  if (::fstat(directory->get(), &status) == 0 && status.st_size > 0) {
    return static_cast<std::uint64_t>(status.st_size);
  }
  const int listed = ::fcntl(directory->get(), F_DUPFD_CLOEXEC, 0);
  if (listed < 0) return std::nullopt;
  const auto close = [](DIR* stream) { ::closedir(stream); };
  const std::unique_ptr<DIR, decltype(close)> entries(::fdopendir(listed), close);
  if (!entries) {
    ::close(listed);
    return std::nullopt;
  }
  std::uint64_t count = 0;
  while (count < budget) {
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') ++count;
  }
  budget -= count;
  return count;
}

DescriptorWatch::DescriptorWatch(const cgroup::Tree& tree, std::string payload, Usec started,
                                 pid_t init)
    : tree_(tree),
      payload_(std::move(payload)),
      init_(init),
      interval_(kFirstCount),
      next_(started + kFirstCount) {}

int DescriptorWatch::timeout_msec(Usec now) const {
  return now >= next_ ? 0 : static_cast<int>((next_ - now).count() / 1000U) + 1;
}

void DescriptorWatch::look_when_due(TimePoint now) {
  if (now.boottime < next_) return;
  interval_ = std::min(interval_ + interval_, kCountInterval);
  next_ = now.boottime + interval_;
  look(now, false);
}

void DescriptorWatch::read_words(std::string_view fresh, TimePoint now) {
  if (last_words_.count() > 0 && now.boottime < last_words_ + kBetweenWords) return;
  if (!says_too_many_open_files(fresh)) return;
  last_words_ = now.boottime;
  look(now, true);
}

void DescriptorWatch::look(TimePoint now, bool at_words) {
  const auto list = tree_.read(payload_, "cgroup.procs");
  if (!list) return;
  std::optional<DescriptorUse> fullest;
  std::size_t looked_at = 0;
  std::size_t budget = limits::kDescriptorsCounted;
  for (const std::string_view line : split(*list, '\n')) {
    const auto pid = parse_integer<pid_t>(line);
    if (!pid || *pid <= 0 || *pid == init_) continue;
    if (looked_at++ == limits::kDescriptorProcesses || budget == 0) break;
    const auto use = use_of(*pid, budget);
    if (use && (!fullest || is_fuller(*use, *fullest))) fullest = use;
  }
  if (!fullest) return;
  fullest->at = now;
  fullest->at_words = at_words;
  // What was open when it said so is the better story.
  if (!at_words && newest_ && newest_->at_words && !is_fuller(*fullest, *newest_)) return;
  newest_ = fullest;
}

}  // namespace cgwarden::launcher
