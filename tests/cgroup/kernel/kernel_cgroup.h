#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/file.h"
#include "cgroup/control_file.h"
#include "cgroup/events_watch.h"
#include "cgroup/mount.h"
#include "cgroup/tree.h"

namespace cgwarden::cgroup::testing {

// Emulated machines are slow; what has not happened by then will not.
inline constexpr int kPatienceMsec = 60000;

inline Tree open_this_machine() {
  const MountReport report = detect_mounts().value();
  if (!report.usable()) throw std::runtime_error(report.explanation);
  return Tree::open(report.cgroup2_mount_point).value();
}

// Waits for POLLPRI until `text` of the file satisfies `done`; false when it never does.
inline bool wait_for(const EventsWatch& watch, const std::function<bool(std::string_view)>& done) {
  for (;;) {
    const auto text = watch.read();
    if (!text) return false;
    if (done(*text)) return true;
    pollfd poll_fd{watch.fd(), POLLPRI, 0};
    if (::poll(&poll_fd, 1, kPatienceMsec) <= 0) return false;
  }
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A child process which starts `body` only after it was moved into its cgroup.
class Child {
 public:
  Child(const Tree& tree, const std::string& cgroup, const std::function<void()>& body) {
    int gate[2];
    if (::pipe2(gate, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    pid_ = ::fork();
    if (pid_ == 0) {
      char byte = 0;
      if (::read(gate[0], &byte, 1) == 1) body();
      ::_exit(0);
    }
    const Status moved = move_process(tree, cgroup, pid_);
    EXPECT_TRUE(moved.has_value()) << moved.error().sentence();
    EXPECT_EQ(::write(gate[1], "x", 1), 1);
    ::close(gate[0]);
    ::close(gate[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!status_) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }
  // The wait status.
  int wait() {
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    status_ = status;
    return status;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

inline void sleep_forever() {
  for (;;) ::pause();
}

// /cgtest.PID with every controller passed on to its children, and a leaf in it. Removed at the
// end, with whatever the test made below.
class KernelTest : public ::testing::Test {
 protected:
  KernelTest() {
    const std::vector<std::string> controllers{"cpu", "memory", "io", "pids"};
    need(enable_controllers(tree_, "/", controllers));
    need(create_cgroup(tree_, top_));
    need(enable_controllers(tree_, top_, controllers));
    need(create_cgroup(tree_, leaf_));
  }
  ~KernelTest() override {
    EXPECT_TRUE(kill_cgroup(tree_, top_).has_value());
    const auto watch = EventsWatch::open(tree_, top_, "cgroup.events");
    EXPECT_TRUE(wait_for(*watch, [](auto text) { return contains(text, "populated 0"); }));
    const Snapshot all = tree_.read_snapshot(TimePoint{});
    // Children stand after their parents.
    for (auto sample = all.samples().rbegin(); sample != all.samples().rend(); ++sample) {
      if (sample->path.starts_with(top_)) need(remove_cgroup(tree_, sample->path));
    }
  }

  static void need(const Status& status) {
    ASSERT_TRUE(status.has_value()) << status.error().sentence();
  }
  WriteReport write(const std::string& file, const std::string& value) {
    const auto report = write_control_file(tree_, leaf_, file, value);
    EXPECT_TRUE(report.has_value()) << report.error().sentence();
    return report.value_or(WriteReport{});
  }
  // The sentence of a write that must fail.
  std::string refused(const std::string& path, const std::string& file, const std::string& value,
                      ErrorKind kind) {
    const auto report = write_control_file(tree_, path, file, value);
    EXPECT_FALSE(report.has_value()) << file << " took " << value;
    if (report) return {};
    EXPECT_EQ(report.error().kind, kind) << report.error().sentence();
    return report.error().sentence();
  }

  Tree tree_ = open_this_machine();
  std::string top_ = "/cgtest." + std::to_string(::getpid());
  std::string leaf_ = top_ + "/leaf";
};

}  // namespace cgwarden::cgroup::testing
