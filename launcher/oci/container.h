#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "launcher/container_cgroup.h"
#include "launcher/oci/failure.h"
#include "launcher/spec.h"

namespace cgwarden::launcher::oci {

enum class ContainerStatus { creating, created, running, paused, stopped };
[[nodiscard]] std::string_view to_string(ContainerStatus status);

// state.json of a container in <root>/<id>/: what later commands need to know. Replaced by
// rename(2), so it is whole at every moment; it does not outlive a reboot and is not synced.
struct ContainerRecord {
  std::string oci_version;
  std::string id;
  pid_t pid = -1;                // host pid of the container's process; -1 before there is one
  std::uint64_t start_time = 0;  // field 22 of /proc/PID/stat: tells a reused pid
  bool creating = true;          // until `create` has done all; left so by a killed one
  bool started = false;          // `start` has let it through
  std::string bundle;            // absolute
  std::string rootfs;            // absolute
  std::string created;           // RFC 3339
  uid_t owner = 0;
  // Made for it, and ending with its first process.
  bool own_pid_namespace = true;
  ContainerCgroup cgroup;
  // False until the cgroup has been made by us: one that is only planned may be somebody else's.
  bool cgroup_made = false;
  std::map<std::string, std::string> annotations;
};

[[nodiscard]] std::string to_json(const ContainerRecord& record);
[[nodiscard]] Result<ContainerRecord> parse_container_record(const std::string& json,
                                                             const std::string& where);

// OCI runtime-spec 1.2 runtime.md "State", as hooks and `state` show it. `state` adds what callers
// of the field read: rootfs, created, owner.
[[nodiscard]] std::string state_json(const ContainerRecord& record, ContainerStatus status);

// The directory of one container, open and, where a command changes the container, locked.
class Container {
 public:
  // mkdir(2) is the claim of the id; an unfinished container whose `create` was killed is cleared
  // away first. Locked.
  [[nodiscard]] static Outcome<Container> claim(const std::string& root, const std::string& id);
  // An existing one. "container ID does not exist" when there is none.
  [[nodiscard]] static Outcome<Container> open(const std::string& root, const std::string& id);
  // Waits for the lock. Fails when the container was deleted meanwhile.
  [[nodiscard]] Outcome<void> lock();
  // Also ends with the object. Explicit, because a child that was born meanwhile shares the open
  // directory and with it the lock (flock(2)).
  void unlock();

  Container() = default;
  Container(Container&& other) noexcept = default;
  Container& operator=(Container&& other) noexcept = default;
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  ~Container() { unlock(); }

  [[nodiscard]] int directory() const { return directory_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Outcome<ContainerRecord> record() const;
  [[nodiscard]] Outcome<void> write_record(const ContainerRecord& record) const;
  // The config.json that `create` was given; later changes in the bundle do not count.
  [[nodiscard]] Outcome<void> keep_config(const std::string& text) const;
  [[nodiscard]] Outcome<Spec> spec(const ContainerRecord& record) const;
  // Removes the directory with all of its files.
  [[nodiscard]] Outcome<void> remove() const;
  // True while its `create` is at work (the lock is held by another process).
  [[nodiscard]] bool is_locked() const;

 private:
  std::string path_;
  UniqueFd directory_;
};

// Ids of all containers below `root`, sorted; none when it does not exist.
[[nodiscard]] Outcome<std::vector<std::string>> container_ids(const std::string& root);

[[nodiscard]] bool valid_id(const std::string& id);

// What the process and the cgroup say now.
[[nodiscard]] ContainerStatus status_of(const ContainerRecord& record);

// pidfd of the container's process; invalid when it has ended (a zombie has).
[[nodiscard]] UniqueFd open_process(const ContainerRecord& record);

}  // namespace cgwarden::launcher::oci
