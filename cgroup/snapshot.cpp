#include "cgroup/snapshot.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cgwarden::cgroup {
namespace {

bool before(const Sample& a, const Sample& b) { return a.path < b.path; }

// A Sample is over 2 KiB: sorting numbers and moving each sample once is several times cheaper than
// sorting the samples.
std::vector<Sample> sorted_by_path(std::vector<Sample> samples) {
  if (std::is_sorted(samples.begin(), samples.end(), before)) return samples;
  std::vector<std::size_t> order(samples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return before(samples[a], samples[b]); });
  std::vector<Sample> sorted;
  sorted.reserve(samples.size());
  for (const std::size_t at : order) sorted.push_back(std::move(samples[at]));
  return sorted;
}

}  // namespace

Snapshot::Snapshot(TimePoint taken, std::vector<Sample> samples, std::size_t dropped)
    : taken_(taken), samples_(sorted_by_path(std::move(samples))), dropped_(dropped) {}

Snapshot::Snapshot(TimePoint taken, std::vector<Sample> samples, std::size_t dropped,
                   std::vector<Sample> gone, std::uint64_t sequence, std::vector<Sample> ended)
    : taken_(taken),
      samples_(sorted_by_path(std::move(samples))),
      dropped_(dropped),
      gone_(std::move(gone)),
      ended_(std::move(ended)),
      sequence_(sequence) {}

const Sample* Snapshot::find(std::string_view path) const {
  const auto at = std::lower_bound(
      samples_.begin(), samples_.end(), path,
      [](const Sample& sample, std::string_view key) { return sample.path < key; });
  return at != samples_.end() && at->path == path ? &*at : nullptr;
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
