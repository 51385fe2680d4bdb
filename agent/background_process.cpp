#include "agent/background_process.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/program.h"

namespace cgwarden::agent {

Status BackgroundProcess::start(EventLoop& loop, std::vector<std::string> words, int output,
                                Done done) {
  const std::string path = words.front();
  CGW_ASSIGN(pid_, start_program({.path = path,
                                  .words = std::move(words),
                                  .environment = {},
                                  .descriptors = {Program::kNull, output, Program::kNull}}));
  done_ = std::move(done);
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  CGW_ASSIGN(watch_,
             loop.add(pidfd_.get(), EPOLLIN, [this](std::uint32_t /*events*/) { ended(); }));
  return {};
}

void BackgroundProcess::ended() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pidfd_.reset();
  pid_ = -1;
  const Done done = std::exchange(done_, nullptr);
  const EventLoop::Watch watch = std::exchange(watch_, {});
  done(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

}  // namespace cgwarden::agent
