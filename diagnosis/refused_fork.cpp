#include "diagnosis/refused_fork.h"

#include "base/limits.h"
#include "diagnosis/death_case.h"

namespace cgwarden::diagnosis {
namespace {

constexpr std::string_view kForkRefused = "cgroup: fork rejected by pids controller in ";
// The kernel's record has 1 KiB less its own part: one this long may have ended within the path.
constexpr std::size_t kWholeRecordBytes = 900;

}  // namespace

std::optional<RefusedFork> parse_refused_fork(const KmsgRecord& record) {
  if (!record.from_kernel() || record.continuation) return std::nullopt;
  const std::string_view text = record.text;
  if (!text.starts_with(kForkRefused)) return std::nullopt;
  const std::string_view path = text.substr(kForkRefused.size());
  return RefusedFork{.cgroup = std::string(path),
                     .id = {},
                     .boottime = record.boottime,
                     .sequence = record.sequence,
                     .line = record.text,
                     .cut = path.empty() || text.size() > kWholeRecordBytes,
                     .looked_for = false};
}

RefusedForks at_or_below(const RefusedForks& forks, std::string_view cgroup) {
  RefusedForks found{
      .lines = {}, .complete = forks.complete, .complete_after = forks.complete_after};
  for (const auto& fork : forks.lines) {
    if (path_is_at_or_below(fork.cgroup, cgroup)) found.lines.push_back(fork);
  }
  return found;
}

bool is_complete_for(const RefusedForks& forks, CgroupId cgroup) {
  return forks.complete || (forks.complete_after && *forks.complete_after < cgroup);
}

void RefusedForkBook::lost() {
  forks_.complete = false;
  forks_.complete_after.reset();
  seen_since_loss_ = 0;
}

void RefusedForkBook::seen(CgroupId newest) {
  if (forks_.complete || forks_.complete_after) return;
  // What was there at the first time may be older than the loss.
  if (++seen_since_loss_ > 1) forks_.complete_after = newest;
}

void RefusedForkBook::identify(
    const std::function<std::optional<CgroupId>(const std::string& cgroup)>& id_of, Usec now) {
  constexpr Usec kSoon{2'000'000};
  for (auto line = forks_.lines.rbegin(); line != forks_.lines.rend() && !line->looked_for;
       ++line) {
    line->looked_for = true;
    if (line->boottime + kSoon >= now) line->id = id_of(line->cgroup);
  }
}

void RefusedForkBook::add(const KmsgRecord& record, Usec boottime) {
  auto fork = parse_refused_fork(record);
  if (!fork) return;
  if (fork->cut) return lost();
  fork->boottime = boottime;
  if (forks_.lines.size() == limits::kRefusedForks) {
    forks_.lines.erase(forks_.lines.begin());
    lost();
  }
  forks_.lines.push_back(*std::move(fork));
}

}  // namespace cgwarden::diagnosis
