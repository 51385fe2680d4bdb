// Sampler: which cgroups there are.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>
#include <utility>

#include "cgroup/format.h"
#include "cgroup/sampler.h"
#include "cgroup/snapshot.h"

namespace cgwarden::cgroup {
namespace {

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

std::string child_path(const std::string& parent, const std::string& name) {
  return parent == "/" ? "/" + name : parent + "/" + name;
}

constexpr unsigned kMostFailedTakes = 3;

std::size_t depth_of(std::string_view path) {
  return path == "/" ? 0 : static_cast<std::size_t>(std::ranges::count(path, '/'));
}

}  // namespace

void Sampler::rescan(TimePoint now) {
  begin_rescan();
  static_cast<void>(work(now, kAll));
}

void Sampler::begin_rescan() {
  ++scan_;
  to_look_ = {"/"};
  sweep_ = true;
  told_.clear();  // of what is looked at now
}

// Up to `most` steps; true when some are left.
bool Sampler::work(TimePoint now, std::size_t most) {
  for (std::size_t done = 0; done < most && has_work(); ++done) {
    if (!to_look_.empty()) {
      look(now);
    } else if (sweep_) {
      sweep(now);
    } else {
      const TreeChange change = std::move(told_.front());
      told_.pop_front();
      apply(change, now);
    }
  }
  return has_work();
}

// Ends the rows that a rescan did not find.
void Sampler::sweep(TimePoint now) {
  sweep_ = false;
  for (auto row = rows_.begin(); row != rows_.end();) {
    const bool missed = row->second.seen != scan_ && !is_alive(row->first, row->second.id);
    row = missed ? retire(row, now) : std::next(row);
  }
}

// Enters the last one of to_look_ and leaves its children there.
void Sampler::look(TimePoint now) {
  const std::string path = std::move(to_look_.back());
  to_look_.pop_back();
  const auto opened = files_.open_cgroup(tree_, path);
  if (!opened) {
    // Gone by now, or something mounted into the tree: that is no cgroup of this hierarchy.
    const Error& error = opened.error();
    if (error.kind != ErrorKind::vanished && error.errno_value != 0) reader_.count_closed(error);
    const int reason = error.errno_value;
    rescan_due_ |= reason == EMFILE || reason == ENFILE || reason == ENOMEM;
    return;
  }
  for (const std::string& name : enter(path, opened->get(), now)) {
    to_look_.push_back(child_path(path, name));
  }
}

// Returns the names of its children to be entered.
std::vector<std::string> Sampler::enter(const std::string& path, int directory, TimePoint now) {
  struct stat status{};
  if (::fstat(directory, &status) != 0) return {};
  if (path == "/") device_ = status.st_dev;
  if (status.st_dev != device_) return {};
  const CgroupId id{status.st_ino};
  auto at = rows_.find(path);
  if (at != rows_.end() && at->second.id != id) {
    retire(at, now);
    at = rows_.end();
  }
  const bool fresh = at == rows_.end();
  if (fresh) {
    at = rows_.try_emplace(path).first;
    at->second.id = id;
    at->second.depth = depth_of(path);
    at->second.appeared = now.boottime;
    by_id_[id.value] = at;
    // Two rows of one path would be the same series twice.
    std::erase_if(gone_, [&](const Gone& gone) { return gone.sample->path == path; });
    admit(at);
    watch_directory(id, directory);
  }
  Row& row = at->second;
  row.seen = scan_;
  row.links = status.st_nlink;
  const auto listed = files_.list(directory);
  if (!listed) {
    if (listed.error().kind == ErrorKind::vanished) {
      retire(at, now);
      return {};
    }
    // A cgroup that exists but is closed to us is shown as such; leaving it out would look like its
    // end.
    reader_.count_closed(listed.error());
    if (row.watched) {
      row.watched->sample.change().unreadable = {unreadable(kDirectoryItself, listed.error())};
    }
    return {};
  }
  if (row.watched && fresh && !start(at, listed->files, now)) {
    retire(at, now);
    return {};
  }
  if (row.watched && fresh && row.managed) arrived_.push_back(row.watched->sample.share());
  if (row.watched && !fresh) reader_.list(*row.watched, listed->files);
  if (row.depth < options_.most_depth) return listed->children;
  count_cut(row, path, listed->children, now);
  return {};
}

// Below the depth limit nothing is entered; the kernel knows how many there are.
void Sampler::count_cut(Row& row, const std::string& path, const std::vector<std::string>& children,
                        TimePoint now) {
  std::size_t cut = 0;
  for (const std::string& name : children) {
    if (options_.keep && !options_.keep(child_path(path, name))) continue;
    const auto stat = tree_.read(child_path(path, name), "cgroup.stat");
    const Count below =
        stat ? parse_cgroup_stat(*stat).value_or(CgroupStat{}).nr_descendants : Count();
    cut += 1 + below.value_or(0);
  }
  if (cut > row.cut) drop(DropReason::depth, cut - row.cut);
  row.cut = cut;
  // Nobody tells of what comes and goes below them.
  if (cut > 0) {
    deep_.insert_or_assign(path, now.boottime + interval(Tier::slow));
  } else {
    deep_.erase(path);
  }
}

void Sampler::count_deep(TimePoint now) {
  std::vector<std::string> due;
  for (const auto& [path, when] : deep_) {
    if (now.boottime >= when) due.push_back(path);
  }
  for (const std::string& path : due) {
    deep_.erase(path);  // count_cut() puts it back
    const auto row = rows_.find(path);
    if (row == rows_.end()) continue;
    const auto opened = files_.open_cgroup(tree_, path);
    const auto listed = opened ? Directory::open(opened->get(), ".") : fail(opened.error());
    if (listed) {
      count_cut(row->second, path, listed->children(), now);
    } else if (listed.error().kind != ErrorKind::vanished) {
      deep_.emplace(path, now.boottime + interval(Tier::slow));
    }
  }
}

void Sampler::watch_directory(CgroupId id, int directory) {
  if (!watch_) return;
  const Status added = watch_->add(id, directory);
  if (added || added.error().kind == ErrorKind::vanished) return;
  give_up_watch(added.error());
}

void Sampler::give_up_watch(const Error& error) {
  watch_fault_ = error.sentence();
  ended_watch_ = std::move(watch_);
}

void Sampler::watch_with(std::unique_ptr<TreeWatch> watch, TimePoint now) {
  watch_ = std::move(watch);
  for (const auto& [path, row] : rows_) {
    const auto directory = files_.open_cgroup(tree_, path);
    if (directory) watch_directory(row.id, directory->get());
  }
  rescan(now);
}

void Sampler::take_changes(TimePoint now) { static_cast<void>(take_changes(now, kAll)); }

bool Sampler::take_changes(TimePoint now, std::size_t most) {
  // The rest of a storm stays in the kernel's queue, which is bounded, until this part is done.
  if (watch_ && !has_work()) {
    auto changes = watch_->take();
    if (changes) {
      failed_takes_ = 0;
      told_.assign(std::make_move_iterator(changes->begin()),
                   std::make_move_iterator(changes->end()));
    } else {
      // What was lost is found by looking. One that always fails would be asked for ever: its fd
      // stays readable.
      reader_.count_closed(changes.error());
      if (++failed_takes_ == kMostFailedTakes) give_up_watch(changes.error());
      begin_rescan();
    }
  }
  return work(now, most);
}

void Sampler::apply(const TreeChange& change, TimePoint now) {
  if (change.kind == TreeChange::Kind::overflow) {
    begin_rescan();
    return;
  }
  const auto parent = by_id_.find(change.parent.value);
  if (parent == by_id_.end()) return;
  const std::string path = child_path(parent->second->first, change.name);
  if (parent->second->second.depth >= options_.most_depth) {
    deep_.insert_or_assign(parent->second->first, now.boottime);
    return;
  }
  const auto row = rows_.find(path);
  if (row != rows_.end() && !is_alive(path, row->second.id)) retire(row, now);
  // Also after a removal: another one may have its name by now.
  if (!rows_.contains(path)) to_look_.push_back(path);
}

void Sampler::poll_changes(TimePoint now) { static_cast<void>(poll_changes(now, kAll)); }

bool Sampler::poll_changes(TimePoint now, std::size_t most) {
  if (!has_work()) poll_directories(now);
  return work(now, most);
}

void Sampler::poll_directories(TimePoint now) {
  std::vector<std::string> changed;
  for (auto at = rows_.begin(); at != rows_.end();) {
    const auto& [path, row] = *at;
    struct stat status{};
    const std::string relative = path == "/" ? "." : path.substr(1);
    const int failed = ::fstatat(tree_.root_fd(), relative.c_str(), &status, AT_SYMLINK_NOFOLLOW);
    const bool gone = failed != 0 && (errno == ENOENT || errno == ENODEV);
    if (gone || (failed == 0 && CgroupId{status.st_ino} != row.id)) {
      if (!gone) changed.push_back(path);
      at = retire(at, now);
      continue;
    }
    // st_nlink is 2 and one for each child.
    if (failed == 0 && status.st_nlink != row.links) changed.push_back(path);
    ++at;
  }
  for (const std::string& path : changed) {
    const auto opened = files_.open_cgroup(tree_, path);
    if (!opened) continue;
    for (const std::string& name : enter(path, opened->get(), now)) {
      const std::string child = child_path(path, name);
      if (!rows_.contains(child)) to_look_.push_back(child);
    }
  }
}

bool Sampler::is_alive(const std::string& path, CgroupId id) {
  const auto found = files_.open_cgroup(tree_, path);
  if (!found) return found.error().kind != ErrorKind::vanished;
  struct stat status{};
  return ::fstat(found->get(), &status) != 0 || CgroupId{status.st_ino} == id;
}

// Ends the row and all below it, which went before. Returns the row after it.
Sampler::Rows::iterator Sampler::retire(Rows::iterator row, TimePoint now) {
  if (row->first == "/") return std::next(row);
  const std::string below = row->first + "/";
  for (auto child = rows_.lower_bound(below);
       child != rows_.end() && child->first.starts_with(below);) {
    end_row(child, now);
    child = rows_.erase(child);
  }
  // Another one may be there by now, and the parent have as many children as before.
  if (const auto parent = rows_.find(std::string(parent_path(row->first))); parent != rows_.end()) {
    parent->second.links = 0;
  }
  end_row(row, now);
  return rows_.erase(row);
}

void Sampler::end_row(Rows::iterator at, TimePoint now) {
  Row& row = at->second;
  if (row.dropped) --dropped_;
  if (row.watched) {
    reader_.release(*row.watched);
    --sampled_;
    if (ended_.size() < options_.most_gone) {
      ended_.push_back(row.watched->sample.share());
    } else if (gone_.size() < options_.most_gone) {
      drop(DropReason::gone_hold);  // else it is counted below
    }
    show_last(row.watched->sample.share(), now);
  }
  if (watch_) watch_->remove(row.id);
  by_id_.erase(row.id.value);
}

void Sampler::show_last(SampleList::Shared sample, TimePoint now) {
  if (gone_.size() >= options_.most_gone) {
    gone_.pop_front();
    drop(DropReason::gone_hold);
  }
  gone_.push_back({std::move(sample), now.boottime, sequence_ + 1});
}

}  // namespace cgwarden::cgroup
