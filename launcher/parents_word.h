#pragma once

#include <string>
#include <utility>

#include "base/unique_fd.h"

namespace cgwarden::launcher {

// What a child waits for before it goes on to where somebody could miss it: its parent has it on
// record. With the word come the state that hooks get, and a network namespace that was made
// meanwhile.
class ParentsWord {
 public:
  // `report`: the child's end of the socket (launch_report.h). Not `expected`: there is no word to
  // come, and none is waited for.
  ParentsWord(int report, bool expected) : report_(report), expected_(expected) {}

  // The first time waits. Ends the process when the parent is gone or has given up, in which case
  // it has its own error.
  void wait();

  // After wait(): JSON, "" when nobody gave one.
  [[nodiscard]] const std::string& state() const { return state_; }
  // After wait(): the network namespace; invalid when none came.
  [[nodiscard]] UniqueFd take_network() { return std::move(network_); }

 private:
  int report_;
  bool expected_;
  std::string state_;
  UniqueFd network_;
};

}  // namespace cgwarden::launcher
