#include "launcher/parents_word.h"

#include <unistd.h>

#include "launcher/launch_report.h"

namespace cgwarden::launcher {

void ParentsWord::wait() {
  if (!std::exchange(expected_, false)) return;
  auto go = receive_go(report_, &network_);
  if (!go) ::_exit(125);
  state_ = *std::move(go);
}

}  // namespace cgwarden::launcher
