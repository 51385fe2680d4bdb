#include "agent/upper_use.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kLeastPause{10'000'000};
constexpr std::uint64_t kPausePerWork = 19;

}  // namespace

UpperUse::UpperUse(EventLoop& loop, const Clock& clock, const std::string& state_dir)
    : loop_(loop), clock_(clock), directory_(state_dir + "/overlay") {}

void UpperUse::tick() {
  const Usec now = clock_.now().boottime;
  if (du_.running() || now < next_) return;
  next_ = now + kLeastPause;
  std::vector<std::string> words{"/usr/bin/du", "-s", "--block-size=1", "--"};
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->path().filename().string().starts_with('.'))
      words.push_back(entry->path().string());
  }
  if (words.back() == "--") return bytes_.clear();
  auto output = std::make_shared<UniqueFd>(::memfd_create("cgwarden-du", MFD_CLOEXEC));
  const Status started = du_.start(loop_, std::move(words), output->get(),
                                   [this, output, now](int) { measured(output->get(), now); });
  if (!started) {
    log::debug("uppers_not_measured", {{"error", started.error().sentence()}});
  }
}

// Whatever its exit status: a directory that goes while it is at work is a complaint of du's.
void UpperUse::measured(int output, Usec started) {
  const Usec now = clock_.now().boottime;
  next_ = now + std::max(kLeastPause, (now - started) * kPausePerWork);
  if (::lseek(output, 0, SEEK_SET) != 0) return;
  if (const auto text = read_all(output, "du", limits::kStateFileBytes)) bytes_ = parse_use(*text);
}

std::optional<Bytes> UpperUse::of(const std::string& workload) const {
  const auto found = bytes_.find(workload);
  return found == bytes_.end() ? std::nullopt : std::optional(found->second);
}

std::map<std::string, Bytes> parse_use(const std::string& output) {
  std::map<std::string, Bytes> result;
  for (const std::string_view line : split(output, '\n')) {
    const std::size_t tab = line.find('\t');
    const std::size_t slash = line.rfind('/');
    if (tab == std::string_view::npos || slash == std::string_view::npos || slash < tab) continue;
    const auto bytes = parse_integer<std::uint64_t>(line.substr(0, tab));
    if (bytes) result[std::string(line.substr(slash + 1))] = Bytes{*bytes};
  }
  return result;
}

}  // namespace cgwarden::agent
