#include "cgroup/snapshot.h"

#include <algorithm>
#include <utility>

namespace cgwarden::cgroup {
namespace {

SampleList sorted_by_path(std::vector<Sample> samples) {
  std::vector<SampleList::Shared> sorted = SampleList(std::move(samples)).shared();
  std::ranges::sort(sorted, {}, [](const auto& sample) -> const auto& { return sample->path; });
  return SampleList(std::move(sorted));
}

}  // namespace

Snapshot::Snapshot(TimePoint taken, std::vector<Sample> samples, std::size_t dropped)
    : taken_(taken), samples_(sorted_by_path(std::move(samples))), dropped_(dropped) {}

Snapshot::Snapshot(TimePoint taken, std::vector<Sample> samples, std::size_t dropped,
                   std::vector<Sample> gone, std::uint64_t sequence, std::vector<Sample> ended,
                   std::vector<std::uint64_t> gone_since)
    : taken_(taken),
      samples_(sorted_by_path(std::move(samples))),
      dropped_(dropped),
      gone_(std::move(gone)),
      gone_since_(std::move(gone_since)),
      ended_(std::move(ended)),
      sequence_(sequence) {}

Snapshot::Snapshot(TimePoint taken, SampleList samples, std::size_t dropped, SampleList gone,
                   std::uint64_t sequence, SampleList ended, std::vector<std::uint64_t> gone_since)
    : taken_(taken),
      samples_(std::move(samples)),
      dropped_(dropped),
      gone_(std::move(gone)),
      gone_since_(std::move(gone_since)),
      ended_(std::move(ended)),
      sequence_(sequence) {}

const Sample* Snapshot::find(std::string_view path) const {
  const auto& samples = samples_.shared();
  const auto at = std::ranges::lower_bound(
      samples, path, {}, [](const auto& sample) { return std::string_view(sample->path); });
  return at != samples.end() && (*at)->path == path ? at->get() : nullptr;
}

const Sample* Snapshot::parent(const Sample& sample) const {
  const std::string_view path = parent_path(sample.path);
  return path.empty() ? nullptr : find(path);
}

std::string_view parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (path == "/" || slash == std::string_view::npos) return {};
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

}  // namespace cgwarden::cgroup
