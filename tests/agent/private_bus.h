#pragma once

#include <sys/types.h>

#include <string>

#include "base/unique_fd.h"

namespace cgwarden::agent {

// A dbus-daemon of the test's own. While it lives, it is the system bus of this process
// (DBUS_SYSTEM_BUS_ADDRESS).
class PrivateBus {
 public:
  PrivateBus();
  PrivateBus(const PrivateBus&) = delete;
  PrivateBus& operator=(const PrivateBus&) = delete;
  ~PrivateBus();
  // Ends the daemon at once, as a crash does.
  void kill();

 private:
  std::string directory_;
  pid_t pid_ = -1;
};

}  // namespace cgwarden::agent
