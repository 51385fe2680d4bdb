#include "agent/writer_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "policy/knob.h"

namespace cgwarden::agent {
namespace {

// A flood of writes must not keep the loop from its timers.
constexpr int kReadsPerTurn = 16;

std::string text_of(pid_t pid, const char* file) {
  auto text = read_file("/proc/" + std::to_string(pid) + "/" + file, limits::kControlFileBytes);
  return text ? std::string(trim(*text)) : std::string();
}

std::string cgroup_of_process(pid_t pid) {
  const std::string text = text_of(pid, "cgroup");
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with("0::")) return std::string(line.substr(3));
  }
  return {};
}

// The path of an open file below `root`, as "/cgroup/file"; empty when it is not there, which is
// also so where the writer sees the hierarchy by another mount.
std::string path_below(const std::string& root, int file) {
  std::array<char, PATH_MAX> buffer{};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t length = ::readlink(link.c_str(), buffer.data(), buffer.size());
  if (length <= 0) return {};
  const std::string path(buffer.data(), static_cast<std::size_t>(length));
  if (!path.starts_with(root + "/")) return {};
  struct stat seen{};
  struct stat there{};
  if (::fstat(file, &seen) != 0 || ::stat(path.c_str(), &there) != 0 ||
      seen.st_ino != there.st_ino || seen.st_dev != there.st_dev) {
    return {};
  }
  return path.substr(root.size());
}

}  // namespace

std::string Writer::text() const {
  std::string text = "pid " + std::to_string(pid);
  if (!command.empty()) text += " (" + printable(command) + ")";
  if (!cgroup.empty()) text += " in " + printable(cgroup);
  return text;
}

Result<std::unique_ptr<WriterWatch>> WriterWatch::start(EventLoop& loop, const Clock& clock,
                                                        const cgroup::Tree& tree) {
  UniqueFd fd(::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail(Error::from_errno(errno, "watch", "who writes control files"));
  if (::fanotify_mark(fd.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_MODIFY, AT_FDCWD,
                      tree.root().c_str()) != 0) {
    return fail(Error::from_errno(errno, "watch", tree.root(), "for who writes control files"));
  }
  const int number = fd.get();
  std::unique_ptr<WriterWatch> made(new WriterWatch(clock, tree, std::move(fd)));
  auto* self = made.get();
  CGW_ASSIGN(made->watch_, loop.add(number, EPOLLIN, [self](std::uint32_t) { self->take(); }));
  return made;
}

void WriterWatch::take() {
  alignas(fanotify_event_metadata) std::array<char, 4096> buffer{};
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    // An event whose cgroup is gone cannot be opened, and is lost with that error.
    if (got < 0 && errno != EAGAIN && errno != EBADF) continue;
    if (got <= 0) return;
    auto left = static_cast<std::size_t>(got);
    for (const auto* event = reinterpret_cast<const fanotify_event_metadata*>(buffer.data());
         FAN_EVENT_OK(event, left); event = FAN_EVENT_NEXT(event, left)) {
      const UniqueFd file(event->fd);  // FAN_NOFD of an overflow is none
      if (file.valid() && event->pid != ::getpid()) note(file.get(), event->pid);
    }
  }
}

void WriterWatch::note(int file, pid_t pid) {
  const std::string path = path_below(tree_.root(), file);
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  if (std::ranges::find(policy::knobs(), name, &policy::Knob::file) == policy::knobs().end()) {
    return;
  }
  const auto known = writers_.find(path);
  if (known != writers_.end()) {
    order_.erase(known->second.place);
    writers_.erase(known);
  }
  while (writers_.size() >= limits::kWritersKept) {
    writers_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(path);
  writers_.emplace(path,
                   Kept{{pid, text_of(pid, "comm"), cgroup_of_process(pid), clock_.now().boottime},
                        std::prev(order_.end())});
}

const Writer* WriterWatch::last(std::string_view cgroup, std::string_view file) {
  take();
  const auto found =
      writers_.find((cgroup == "/" ? "" : std::string(cgroup)) + "/" + std::string(file));
  return found == writers_.end() ? nullptr : &found->second.writer;
}

}  // namespace cgwarden::agent
