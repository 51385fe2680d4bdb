#include "tests/agent/private_bus.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

extern char** environ;

namespace cgwarden::agent {

PrivateBus::PrivateBus() : directory_("/tmp/cgwarden-bus.XXXXXX") {
  EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
  std::ofstream(directory_ + "/bus.conf")
      << "<busconfig><type>session</type><listen>unix:path=" << directory_ << "/socket</listen>"
      << "<policy context=\"default\"><allow send_destination=\"*\"/><allow eavesdrop=\"true\"/>"
      << "<allow own=\"*\"/></policy></busconfig>\n";
  std::array<int, 2> ready{};
  EXPECT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
  const UniqueFd read_end(ready[0]);
  UniqueFd write_end(ready[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), 1);
  // Unprivileged it complains of RLIMIT_NOFILE each time.
  ::posix_spawn_file_actions_addopen(&actions, 2, (directory_ + "/bus.log").c_str(),
                                     O_WRONLY | O_CREAT, 0600);
  std::string config = "--config-file=" + directory_ + "/bus.conf";
  std::array<std::string, 4> words{"dbus-daemon", "--nofork", "--print-address=1", config};
  std::array<char*, 5> argv{words[0].data(), words[1].data(), words[2].data(), words[3].data(),
                            nullptr};
  EXPECT_EQ(::posix_spawnp(&pid_, "dbus-daemon", &actions, nullptr, argv.data(), environ), 0)
      << "the package dbus-daemon is needed";
  ::posix_spawn_file_actions_destroy(&actions);
  write_end.reset();
  // It prints its address once it listens.
  std::array<char, 256> address{};
  EXPECT_GT(::read(read_end.get(), address.data(), address.size()), 0);
  for (const char* name : kAddresses) {
    ::setenv(name, ("unix:path=" + directory_ + "/socket").c_str(), 1);
  }
}

void PrivateBus::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

PrivateBus::~PrivateBus() {
  kill();
  for (const char* name : kAddresses) ::unsetenv(name);
  std::filesystem::remove_all(directory_);
}

SilentBus::SilentBus() : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  const std::string path = directory_.path() + "/socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  EXPECT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(static_cast<char*>(address.sun_path), path.c_str(), path.size() + 1);
  EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(socket_.get(), 64), 0);
  for (const char* name : kAddresses) ::setenv(name, ("unix:path=" + path).c_str(), 1);
}

bool SilentBus::is_asked() {
  if (!caller_.valid()) caller_.reset(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return caller_.valid();
}

SilentBus::~SilentBus() {
  for (const char* name : kAddresses) ::unsetenv(name);
}

}  // namespace cgwarden::agent
