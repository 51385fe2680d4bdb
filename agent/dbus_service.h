#pragma once

#include <memory>
#include <string>

#include "agent/control.h"
#include "agent/event_loop.h"
#include "agent/event_sources.h"
#include "base/result.h"

namespace cgwarden::agent {

// io.github.cgwarden.Agent1 at /io/github/cgwarden/Agent1 on the system bus:
//   List() -> a(ssiuttss)               name, state, pid (-1: none), incarnation, restarts, started
//                                       (wall usec), payload cgroup, last verdict
//   Launch(s yaml, s origin) -> ()      answered when the command runs
//   Stop(s name) -> ()                  answered when it is gone
//   Kill(s name, i signal) -> ()        the signal is sent
//   Pause(s name) -> (), Resume(s name) -> ()
//   Remove(s name, b force) -> ()       answered when it is forgotten
//   Inspect(s name) -> s json
//   Reload() -> ()
//   signal Died(s workload, s verdict, s json)
//   signal Event(s kind, s cgroup, s json)
// Errors are io.github.cgwarden.Error.<Kind> with one sentence. Access control is the bus policy
// (packaging/). No thread of its own: the connection's fd is in the loop.
class DbusService final : public Announcer {
 public:
  // not_supported with the reason when there is no bus or the name is taken; this waits for the
  // bus. One that goes away later is asked for every `retry`, and nothing waits for it.
  [[nodiscard]] static Result<std::unique_ptr<DbusService>> start(EventLoop& loop, Control& control,
                                                                  Usec retry = Usec{5'000'000});
  ~DbusService() override;
  // Whether the bus hears us, for `cgwarden doctor`.
  [[nodiscard]] SourceReport source() const;
  void died(const std::string& workload, const std::string& verdict_class,
            const std::string& verdict_json) override;
  void event(const std::string& kind, const std::string& cgroup, const std::string& json) override;

 private:
  struct Impl;
  explicit DbusService(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgwarden::agent
