#pragma once

#include <sys/types.h>

#include <array>
#include <string>

#include "base/unique_fd.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {

// Where a process looks for the system bus and for its user's: which of them is asked depends on
// who runs the test.
inline constexpr std::array<const char*, 2> kAddresses{"DBUS_SYSTEM_BUS_ADDRESS",
                                                       "DBUS_SESSION_BUS_ADDRESS"};

// A dbus-daemon of the test's own. While it lives, it is both buses of this process (kAddresses).
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

// While it lives, who connects to either bus (kAddresses) is accepted and never hears a word.
class SilentBus {
 public:
  SilentBus();
  SilentBus(const SilentBus&) = delete;
  SilentBus& operator=(const SilentBus&) = delete;
  ~SilentBus();
  // Whether somebody has connected. Never blocks.
  [[nodiscard]] bool is_asked();

 private:
  TemporaryDirectory directory_;
  UniqueFd socket_;
  UniqueFd caller_;
};

}  // namespace cgwarden::agent
