#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cgroup/trace_line.h"

namespace cgwarden::cgroup {

// An instance of its own in tracefs (Documentation/trace/ftrace.rst "Instances") in which only the
// events of cgroup/trace_line.h are on: nobody else's tracing is changed or seen. Gone when
// destroyed; what a killed process left is swept at the next open().
//
//   CGW_ASSIGN(TraceInstance trace, TraceInstance::open());
//   poll(trace.fd(), POLLIN); CGW_ASSIGN(auto events, trace.drain());
//
// Thread rule: one thread.
class TraceInstance {
 public:
  // not_permitted without CAP_SYS_ADMIN (or root on a mounted tracefs), not_supported where the
  // kernel lacks the events. tracefs needs not be mounted.
  [[nodiscard]] static Result<TraceInstance> open();
  TraceInstance(TraceInstance&& other) noexcept = default;
  TraceInstance& operator=(TraceInstance&& other) noexcept = delete;
  ~TraceInstance();

  [[nodiscard]] int fd() const { return pipe_.get(); }
  // All that is there now. Does not block.
  [[nodiscard]] Result<std::vector<TraceEvent>> drain();
  // Events overwritten before they were read.
  [[nodiscard]] std::uint64_t lost() const { return lines_.lost(); }
  [[nodiscard]] std::uint64_t malformed() const { return lines_.malformed(); }

 private:
  TraceInstance(UniqueFd instances, std::string name)
      : instances_(std::move(instances)), name_(std::move(name)) {}
  [[nodiscard]] static Result<TraceInstance> open_once();
  [[nodiscard]] Status set_up();
  [[nodiscard]] Status set_options() const;
  [[nodiscard]] Status write(const std::string& file, std::string_view text) const;

  UniqueFd instances_;  // the directory "instances"
  std::string name_;
  UniqueFd pipe_;
  TraceLines lines_;
};

}  // namespace cgwarden::cgroup
