#include "agent/agent.h"

#include <unistd.h>

#include "agent/daemon.h"

namespace cgwarden::agent {

Status run(const Options& options) {
  if (::geteuid() != 0) {
    return fail(Error{ErrorKind::not_permitted, 0, "start the agent", "",
                      "it must run as root to create cgroups and namespaces; use sudo"});
  }
  CGW_ASSIGN(const auto daemon, Daemon::create(options));
  return daemon->run();
}

}  // namespace cgwarden::agent
