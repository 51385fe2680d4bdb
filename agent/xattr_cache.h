#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/units.h"

namespace cgwarden::agent {

// Extended attributes of cgroups' directories by which policies select. The kernel changes no time
// of the directory with them, and each is a call of it: one is read when its cgroup comes, soon
// again, as who makes a cgroup marks it then, and ever less often while it stays what it is. Holds
// at most limits::kXattrsKept; what is over is read each time.
//
//   XattrCache cache([&](const std::string& path, const std::string& name) { ... }, slow);
//   const auto tier = cache.get(sample.id, sample.path, "user.tier", now);
class XattrCache {
 public:
  // nullopt: there is no such attribute.
  using Value = std::optional<std::string>;
  using Read = std::function<Value(const std::string& path, const std::string& name)>;
  // `again`: how old an answer may be at most.
  XattrCache(Read read, Usec again) : read_(std::move(read)), again_(again) {}

  // `now` is CLOCK_BOOTTIME and never goes back.
  [[nodiscard]] Value get(CgroupId id, const std::string& path, const std::string& name, Usec now);

  // How many are remembered.
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  struct Known {
    Value value;
    Usec since{0};  // it has this value
    Usec read_at{0};
  };
  [[nodiscard]] bool is_due(const Known& known, Usec now) const;
  void forget_old(Usec now);

  Read read_;
  Usec again_;
  Usec forgot_at_{0};
  std::map<std::pair<CgroupId, std::string>, Known> known_;
};

}  // namespace cgwarden::agent
