#include "tests/launcher/root/hostile.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "launcher/oci_sections.h"
#include "tests/paths.h"

namespace cgwarden::launcher {

namespace fs = std::filesystem;

HostDirectory::HostDirectory() {
  path_ = testing::TempDir() + "cgwarden-host-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) std::abort();
}

HostDirectory::~HostDirectory() { fs::remove_all(path_); }

bool HostDirectory::untouched() const { return fs::is_empty(path_); }

Exchanger::Exchanger(const std::string& one, const std::string& other) {
  void* shared =
      ::mmap(nullptr, sizeof(*count_), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) std::abort();
  count_ = static_cast<unsigned long*>(shared);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::atomic_ref count(*count_);
    while (::syscall(SYS_renameat2, AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(),
                     RENAME_EXCHANGE) == 0) {
      count.fetch_add(1);
    }
    ::_exit(1);
  }
  // The attack is on from here.
  while (exchanges() == 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0) ::sched_yield();
}

Exchanger::~Exchanger() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::munmap(count_, sizeof(*count_));
}

unsigned long Exchanger::exchanges() const { return std::atomic_ref(*count_).load(); }

Running::Running(const std::vector<std::string>& words) {
  // No pipe: what runs on in the background would keep it open.
  output_.reset(::memfd_create("output", MFD_CLOEXEC));
  if (!output_.valid()) std::abort();
  std::vector<std::string> copies = words;
  std::vector<char*> argv;
  for (auto& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output_.get(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, output_.get(), 2);
  EXPECT_EQ(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0) << words[0];
  ::posix_spawn_file_actions_destroy(&actions);
}

Running::~Running() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

Running::Said Running::wait() {
  Said said;
  const WaitStatus status = wait_for(std::exchange(pid_, -1));
  said.exit_code = status.code == CLD_EXITED ? status.status : 128 + status.status;
  ::lseek(output_.get(), 0, SEEK_SET);
  said.output = read_all(output_.get(), "output", 1U << 20U).value_or("(too much)");
  return said;
}

std::string runtime_program() { return in_build("launcher/cgwarden-oci"); }

OciContainer::OciContainer(Spec spec, std::string program) : program_(std::move(program)) {
  if (program_.empty()) program_ = runtime_program();
  // The container's first process comes to this one when `create` ends, to be reaped.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  spec.cgroups_path = "/cgwarden-attacked";
  EXPECT_TRUE(write_file_atomically(bundle_.path("/config.json"), to_config(spec)));
  const auto created = runtime({"create", "--bundle", bundle_.path(), "attacked"});
  EXPECT_EQ(created.exit_code, 0) << created.output;
  const auto started = runtime({"start", "attacked"});
  EXPECT_EQ(started.exit_code, 0) << started.output;
}

OciContainer::~OciContainer() {
  const auto deleted = runtime({"delete", "--force", "attacked"});
  EXPECT_EQ(deleted.exit_code, 0) << deleted.output;
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

Running::Said OciContainer::runtime(const std::vector<std::string>& words) const {
  std::vector<std::string> all{program_, "--root", bundle_.path("/state")};
  all.insert(all.end(), words.begin(), words.end());
  return Running(all).wait();
}

std::vector<std::string> OciContainer::exec_words(const std::vector<std::string>& options,
                                                  const std::vector<std::string>& command) const {
  std::vector<std::string> words{program_, "--root", bundle_.path("/state"), "exec"};
  words.insert(words.end(), options.begin(), options.end());
  words.emplace_back("attacked");
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

Running::Said OciContainer::exec(const std::vector<std::string>& options,
                                 const std::vector<std::string>& command) const {
  return Running(exec_words(options, command)).wait();
}

Running::Said OciContainer::exec_process(const Process& process) const {
  const std::string file = bundle_.path("/process.json");
  EXPECT_TRUE(write_file_atomically(file, write_process(process).dump()));
  return exec({"--process", file}, {});
}

Running::Said OciContainer::exec(const std::string& script) const {
  return exec({}, {"/bin/sh", "-c", script});
}

}  // namespace cgwarden::launcher
