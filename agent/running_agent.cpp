#include "agent/running_agent.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/file.h"

namespace cgwarden::agent {

Result<bool> agent_is_running(const std::string& runtime_dir) {
  const auto lock = open_at(AT_FDCWD, runtime_dir + "/agent.lock", O_RDONLY);
  if (!lock && lock.error().kind == ErrorKind::vanished) return false;
  if (!lock) return fail(lock.error());
  if (::flock(lock->get(), LOCK_SH | LOCK_NB) == 0) return false;
  if (errno == EWOULDBLOCK) return true;
  return fail(Error::from_errno(errno, "look at", runtime_dir + "/agent.lock"));
}

}  // namespace cgwarden::agent
