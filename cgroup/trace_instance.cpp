#include "cgroup/trace_instance.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/unique_directory.h"
#include "cgroup/tracefs.h"

namespace cgwarden::cgroup {
namespace {

constexpr std::string_view kPrefix = "cgwarden-";

// Instances of processes that are no more.
void sweep(int instances) {
  auto listing = open_at(instances, ".", O_RDONLY | O_DIRECTORY);
  if (!listing) return;
  const auto directory = open_directory_stream(*std::move(listing));
  if (directory == nullptr) return;
  std::vector<std::string> left;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with(kPrefix)) continue;
    const auto pid = parse_integer<pid_t>(name.substr(kPrefix.size()));
    if (pid && *pid > 0 && (*pid == ::getpid() || (::kill(*pid, 0) != 0 && errno == ESRCH))) {
      left.emplace_back(name);
    }
  }
  for (const auto& name : left) ::unlinkat(instances, name.c_str(), AT_REMOVEDIR);
}

}  // namespace

Result<TraceInstance> TraceInstance::open() {
  CGW_ASSIGN(const UniqueFd tracefs, open_tracefs());
  CGW_ASSIGN(UniqueFd instances, open_at(tracefs.get(), "instances", O_RDONLY | O_DIRECTORY));
  sweep(instances.get());
  std::string name = std::string(kPrefix) + std::to_string(::getpid());
  if (::mkdirat(instances.get(), name.c_str(), 0700) != 0) {
    return fail(Error::from_errno(errno, "create", "tracefs instances/" + name));
  }
  TraceInstance instance(std::move(instances), std::move(name));
  CGW_TRY(instance.set_up());
  return instance;
}

TraceInstance::~TraceInstance() {
  if (!instances_.valid()) return;
  pipe_ = UniqueFd();  // an open file keeps the instance
  ::unlinkat(instances_.get(), name_.c_str(), AT_REMOVEDIR);
}

Status TraceInstance::set_up() {
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
