#include "cgroup/trace_instance.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/unique_directory.h"
#include "cgroup/tracefs.h"

namespace cgwarden::cgroup {
namespace {

constexpr std::string_view kPrefix = "cgwarden-";

// Instances of agents that are no more. One that lives holds its trace_pipe open, for which the
// kernel keeps it (EBUSY), whatever pid namespace its agent has its number in.
void sweep(int instances) {
  auto listing = open_at(instances, ".", O_RDONLY | O_DIRECTORY);
  if (!listing) return;
  const auto directory = open_directory_stream(*std::move(listing));
  if (directory == nullptr) return;
  std::vector<std::string> left;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name.starts_with(kPrefix)) left.emplace_back(name);
  }
  for (const auto& name : left) ::unlinkat(instances, name.c_str(), AT_REMOVEDIR);
}

// The pid is taken where an agent of another pid namespace has the same one.
Result<std::string> make_instance(int instances) {
  constexpr int kMostAgents = 16;
  for (int other = 0;; ++other) {
    std::string name = std::string(kPrefix) + std::to_string(::getpid());
    if (other > 0) name += "-" + std::to_string(other);
    if (::mkdirat(instances, name.c_str(), 0700) == 0) return name;
    if (errno == EEXIST && other < kMostAgents) continue;
    return fail(Error::from_errno(errno, "create", "tracefs instances/" + name,
                                  errno == EROFS ? "tracefs must be mounted writable here" : ""));
  }
}

}  // namespace

Result<TraceInstance> TraceInstance::open() {
  auto first = open_once();
  // Another agent that starts at this moment may have swept it before it held its trace_pipe.
  const bool swept = !first && first.error().kind == ErrorKind::vanished;
  return swept ? open_once() : std::move(first);
}

Result<TraceInstance> TraceInstance::open_once() {
  CGW_ASSIGN(const UniqueFd tracefs, open_tracefs());
  CGW_ASSIGN(UniqueFd instances, open_at(tracefs.get(), "instances", O_RDONLY | O_DIRECTORY));
  sweep(instances.get());
  CGW_ASSIGN(std::string name, make_instance(instances.get()));
  TraceInstance instance(std::move(instances), std::move(name));
  CGW_TRY(instance.set_up());
  return instance;
}

TraceInstance::~TraceInstance() {
  if (!instances_.valid()) return;
  pipe_ = UniqueFd();  // an open file keeps the instance
  ::unlinkat(instances_.get(), name_.c_str(), AT_REMOVEDIR);
}

// An instance begins with the options of the global one, which others set, and some of them change
// the lines.
Status TraceInstance::set_options() const {
  struct Option {
    const char* name;
    const char* value;
  };
  constexpr std::array kOptions{
      Option{"raw", "0"},          Option{"hex", "0"},      Option{"bin", "0"},
      Option{"fields", "0"},       Option{"verbose", "0"},  Option{"latency-format", "0"},
      Option{"context-info", "1"}, Option{"irq-info", "1"}, Option{"record-tgid", "0"},
      Option{"overwrite", "1"},    Option{"annotate", "0"}};
  for (const auto& [name, value] : kOptions) {
    const Status written = write(std::string("options/") + name, value);
    // A kernel that lacks an option has nothing to be set.
    if (!written && written.error().kind != ErrorKind::vanished) return written;
  }
  return write("tracing_on", "1");
}

Status TraceInstance::set_up() {
  CGW_TRY(set_options());
  CGW_TRY(write("trace_clock", "boot"));
  CGW_TRY(write("buffer_size_kb", std::to_string(limits::kTraceBufferKib)));
  // Else poll(2) wakes only when the buffer is half full.
  CGW_TRY(write("buffer_percent", "0"));
  CGW_TRY(write("events/signal/signal_generate/filter", "sig==9 && code==128"));
  CGW_TRY(write("events/cgroup/cgroup_notify_populated/filter", "root==0 && val==0"));
  CGW_ASSIGN(pipe_, open_at(instances_.get(), name_ + "/trace_pipe", O_RDONLY | O_NONBLOCK));
  // In this order no mark stands without the signal before it.
  CGW_TRY(write("events/cgroup/cgroup_notify_populated/enable", "1"));
  CGW_TRY(write("events/signal/signal_generate/enable", "1"));
  return write("events/oom/mark_victim/enable", "1");
}

Status TraceInstance::write(const std::string& file, std::string_view text) const {
  const std::string where = "tracefs instances/" + name_ + "/" + file;
  auto fd = open_at(instances_.get(), name_ + "/" + file, O_WRONLY | O_TRUNC);
  if (!fd) return fail(Error::from_errno(fd.error().errno_value, "open", where));
  return write_all(fd->get(), text, where);
}

Result<std::vector<TraceEvent>> TraceInstance::drain() {
  std::vector<TraceEvent> events;
  std::array<char, 4096> buffer{};  // one read(2) gives at most a page
  for (;;) {
    const ssize_t size = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno != EAGAIN) {
      return fail(Error::from_errno(errno, "read", "tracefs trace_pipe"));
    }
    if (size <= 0) return events;
    for (auto& event :
         lines_.feed(std::string_view(buffer.data(), static_cast<std::size_t>(size)))) {
      events.push_back(std::move(event));
    }
  }
}

}  // namespace cgwarden::cgroup
