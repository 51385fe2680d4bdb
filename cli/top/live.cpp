#include "cli/top/live.h"

#include <algorithm>
#include <utility>

#include "agent/workload_view.h"
#include "base/limits.h"
#include "base/program.h"
#include "cgroup/fields.h"

namespace cgwarden::cli::top {
namespace {

// The terminal, the store, the recording.
constexpr std::size_t kOtherFiles = 256;

// A rate needs both of its values from their ticks: every file is read every time.
cgroup::Sampler::Options sampler_options() {
  cgroup::Sampler::Options options;
  options.intervals.fill(Usec{1});
  const std::size_t open_files = raise_open_files(limits::kKeptFiles + kOtherFiles);
  options.most_kept_files = open_files > 2 * kOtherFiles ? open_files - kOtherFiles : 0;
  options.most_kept_files = std::min(options.most_kept_files, limits::kKeptFiles);
  return options;
}

Numbers numbers_of(const cgroup::Sample& sample) {
  const std::size_t count = cgroup::fields().size();
  Numbers numbers{std::vector<std::uint64_t>(count), std::vector<std::uint8_t>(count)};
  cgroup::read_fields(sample, numbers.values, numbers.present);
  return numbers;
}

}  // namespace

Live::Live(cgroup::Tree tree) : tree_(std::move(tree)), sampler_(tree_, sampler_options(), files_) {
  if (const auto names = identity::HostNames::open("/")) lookup_.emplace(*names);
}

Result<std::unique_ptr<Live>> Live::open(const std::string& cgroup_root) {
  CGW_ASSIGN(cgroup::Tree tree, agent::open_tree(cgroup_root));
  return std::unique_ptr<Live>(new Live(std::move(tree)));
}

std::shared_ptr<const identity::Table> Live::identify(const cgroup::Snapshot& snapshot,
                                                      TimePoint now) {
  book_.observe(snapshot, now);
  if (lookup_) {
    for (const auto& [question, names] : lookup_->take(now.boottime)) {
      if (!names && names.error().kind == ErrorKind::busy) {
        book_.postpone(question, now);
      } else {
        book_.answer(question, names ? *names : std::nullopt, now);
      }
    }
    lookup_->ask(book_.questions(now), now.boottime);
  }
  return book_.table();
}

Frame Live::tick(TimePoint now) {
  if (read_) {
    sampler_.poll_changes(now);
  } else {
    sampler_.rescan(now);
  }
  const auto snapshot = sampler_.tick(now);
  const auto identities = identify(*snapshot, now);
  const std::optional<Usec> between = read_ ? std::optional(now.boottime - *read_) : std::nullopt;
  std::vector<Reading> readings;
  std::unordered_map<std::uint64_t, Numbers> current;
  readings.reserve(snapshot->samples().size());
  current.reserve(snapshot->samples().size());
  for (const cgroup::Sample& sample : snapshot->samples()) {
    Reading reading;
    reading.path = sample.path;
    reading.id = sample.id;
    const identity::Known* known = identities->find(sample.id);
    reading.identity = known != nullptr ? known->identity : identity::of_path(sample.path);
    reading.now = numbers_of(sample);
    if (const auto before = before_.find(sample.id.value); before != before_.end() && between) {
      reading.rates = rates_of(before->second, reading.now, *between);
    }
    current.insert_or_assign(sample.id.value, reading.now);
    readings.push_back(std::move(reading));
  }
  before_ = std::move(current);
  read_ = now.boottime;
  Frame frame = make_frame(now.wall, between, std::move(readings));
  frame.dropped = snapshot->dropped();
  return frame;
}

}  // namespace cgwarden::cli::top
