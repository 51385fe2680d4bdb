#include "agent/network_sweep.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/program.h"
#include "launcher/network_request.h"

namespace cgwarden::agent {
bool NetworkSweep::has_lease(const std::string& name) const {
  std::error_code error;
  if (!name.empty()) return std::filesystem::exists(directory_ + "/" + name + ".json", error);
  const std::filesystem::directory_iterator entries(directory_, error);
  return std::any_of(begin(entries), end(entries),
                     [](const auto& entry) { return entry.path().extension() == ".json"; });
}

void NetworkSweep::start(const std::string& name) {
  if (!has_lease(name)) return;
  if (watch_.active()) {
    again_ = true;
    return;
  }
  if (const Status started = spawn(); !started) {
    log::warning("network_left_behind", {{"error", started.error().sentence()}});
  }
}

Status NetworkSweep::spawn() {
  launcher::NetworkRequest request;
  request.verb = launcher::NetworkVerb::sweep;
  request.network.mode = launcher::NetworkMode::cni;
  request.network.state_dir = directory_;
  CGW_ASSIGN(const UniqueFd input, memory_file(launcher::to_json(request)));
  CGW_ASSIGN(answer_, memory_file(""));
  CGW_ASSIGN(pid_,
             start_program({.path = program_,
                            .words = {program_},
                            .environment = {},
                            .descriptors = {input.get(), answer_.get(), Program::kInherited}}));
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  auto watch = loop_.add(pidfd_.get(), EPOLLIN, [this](std::uint32_t) { ended(); });
  if (!watch) {
    ::waitpid(pid_, nullptr, 0);
    return fail(watch.error());
  }
  watch_ = std::move(*watch);
  return {};
}

void NetworkSweep::ended() {
  watch_ = {};
  int status = 0;
  ::waitpid(pid_, &status, 0);
  ::lseek(answer_.get(), 0, SEEK_SET);
  const auto text = read_all(answer_.get(), program_, limits::kControlFileBytes);
  const auto answer = text ? launcher::parse_network_answer(*text)
                           : Result<launcher::NetworkAnswer>(fail(text.error()));
  if (!answer || answer->error) {
    log::warning("network_left_behind",
                 {{"error", answer ? answer->error->text : answer.error().sentence()}});
  }
  if (answer) {
    for (const auto& sentence : answer->broken) {
      log::warning("network_broken", {{"error", sentence}});
    }
  }
  pidfd_.reset();
  answer_.reset();
  if (std::exchange(again_, false)) start();
}

}  // namespace cgwarden::agent
