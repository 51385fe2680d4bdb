// Many lives of containers, and a runtime that is killed anywhere: nothing may be left. Needs root;
// with cgroup v2 at /sys/fs/cgroup the containers have cgroups too. CGWARDEN_CYCLES and
// CGWARDEN_KILLS say how many, CGWARDEN_SEED which points. CGWARDEN_OCI is the runtime.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "launcher/spec.h"

namespace cgwarden::launcher {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;
using std::chrono::microseconds;

long number_of(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtol(text, nullptr, 10);
}

std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

bool has_cgroup2() {
  struct statfs status{};
  return ::statfs("/sys/fs/cgroup", &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

// Orphans come to this process (PR_SET_CHILD_SUBREAPER), so that none can hide.
std::set<pid_t> children() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  std::set<pid_t> found;
  std::istringstream list(text_of("/proc/self/task/" + std::to_string(::getpid()) + "/children"));
  for (pid_t pid = 0; list >> pid;) found.insert(pid);
  return found;
}

std::set<std::string> below(const std::string& directory) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(directory, ignored)) {
    names.insert(entry.path());
  }
  return names;
}

std::set<std::string> cgroups() {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup", ignored)) {
    if (entry.path().filename().string().starts_with("cgwarden-endurance")) {
      names.insert(entry.path());
    }
  }
  return names;
}

// What a container could leave on the host.
struct Left {
  std::set<pid_t> processes;
  std::string mounts;
  std::set<std::string> files;
  std::set<std::string> cgroups;
  bool operator==(const Left&) const = default;
};

class Endurance : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "containers need root";
    const char* oci = std::getenv("CGWARDEN_OCI");
    ASSERT_NE(oci, nullptr) << "CGWARDEN_OCI names the runtime";
    oci_ = oci;
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    // What others on the host mount meanwhile is none of ours.
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    std::string work = testing::TempDir() + "endurance.XXXXXX";
    ASSERT_NE(::mkdtemp(work.data()), nullptr);
    work_ = work;
    fs::create_directories(work_ + "/rootfs/bin");
    fs::copy_file("/bin/busybox", work_ + "/rootfs/bin/busybox");
    for (const char* applet : {"sh", "sleep", "true"}) {
      fs::create_symlink("busybox", work_ + "/rootfs/bin/" + applet);
    }
    for (const char* directory : {"proc", "dev", "sys"}) {
      fs::create_directory(work_ + "/rootfs/" + directory);
    }
    Spec spec = default_spec();
    spec.process.args = {"/bin/sleep", "1000"};
    spec.root_path = "rootfs";
    spec.cgroups_path = "/cgwarden-endurance-box";
    spec.resources.pids_limit = has_cgroup2() ? std::optional<std::int64_t>(64) : std::nullopt;
    std::ofstream(work_ + "/config.json") << to_config(spec);
    before_ = left();
  }
  void TearDown() override {
    if (work_.empty()) return;
    (void)runtime({"delete", "--force", "box"});
    fs::remove_all(work_);
  }

  [[nodiscard]] Left left() const {
    return {.processes = children(),
            .mounts = text_of("/proc/self/mountinfo"),
            .files = below(work_),
            .cgroups = cgroups()};
  }

  [[nodiscard]] pid_t start(const Words& words) const {
    Words all{oci_, "--root", work_ + "/state"};
    all.insert(all.end(), words.begin(), words.end());
    std::vector<char*> argv;
    for (auto& word : all) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&actions, 0, 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, (work_ + ".stderr").c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child = -1;
    EXPECT_EQ(::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    return child;
  }
  // Reaps orphans too, as an init does: a pid namespace ends only when all of its processes are
  // reaped.
  [[nodiscard]] static int status_of(pid_t child) {
    int status = 0;
    for (pid_t ended = -1; ended != child;) {
      ended = ::waitpid(-1, &status, 0);
      if (ended < 0 && errno != EINTR) return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // 0, or what it exited with.
  [[nodiscard]] int runtime(const Words& words) const { return status_of(start(words)); }
  [[nodiscard]] std::string said() const { return text_of(work_ + ".stderr"); }

  [[nodiscard]] Words create() const { return {"create", "--bundle", work_, "box"}; }

  // Brings the container to where `command` makes sense.
  void prepare_for(const std::string& command) const {
    if (command == "create" || command == "run") return;
    ASSERT_EQ(runtime(create()), 0) << said();
    if (command == "start") return;
    ASSERT_EQ(runtime({"start", "box"}), 0) << said();
  }
  [[nodiscard]] Words words_of(const std::string& command) const {
    if (command == "create") return create();
    if (command == "run") return {"run", "--detach", "--bundle", work_, "box"};
    if (command == "exec") return {"exec", "box", "/bin/true"};
    if (command == "kill") return {"kill", "box", "KILL"};
    if (command == "delete") return {"delete", "--force", "box"};
    return {command, "box"};
  }

  // Who has lost his runtime ends by himself, but not at once.
  [[nodiscard]] Left left_in_the_end() const {
    Left now = left();
    for (int i = 0; i < 1000 && now != before_; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      now = left();
    }
    return now;
  }
  void expect_nothing_left(const std::string& after) {
    // The directory of the state itself stays, and what is cached in it.
    fs::remove_all(work_ + "/state/.seccomp");
    std::error_code not_empty;
    fs::remove(work_ + "/state", not_empty);
    const Left now = left_in_the_end();
    EXPECT_EQ(now.processes, before_.processes) << after;
    EXPECT_EQ(now.mounts, before_.mounts) << after;
    EXPECT_EQ(now.files, before_.files) << after;
    EXPECT_EQ(now.cgroups, before_.cgroups) << after;
  }

  std::string oci_;
  std::string work_;
  Left before_;
};

TEST_F(Endurance, LivesOfContainersLeaveNothing) {
  const long cycles = number_of("CGWARDEN_CYCLES", 1000);
  for (long i = 0; i < cycles && !HasFailure(); ++i) {
    ASSERT_EQ(runtime(create()), 0) << said();
    ASSERT_EQ(runtime({"start", "box"}), 0) << said();
    ASSERT_EQ(runtime({"kill", "box", "KILL"}), 0) << said();
    // Right after the kill it may still count as running, which only --force takes.
    ASSERT_EQ(runtime({"delete", "--force", "box"}), 0) << said();
    if (i % 50 == 0) expect_nothing_left("cycle " + std::to_string(i));
  }
  expect_nothing_left("all cycles");
}

TEST_F(Endurance, ARuntimeKilledAnywhereLeavesNothing) {
  const long kills = number_of("CGWARDEN_KILLS", 200);
  const auto seed = static_cast<unsigned>(number_of("CGWARDEN_SEED", 20261125));
  std::mt19937 random(seed);
  const Words commands{"create", "start", "run", "exec", "kill", "delete"};
  std::vector<microseconds> longest(commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    prepare_for(commands[i]);
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_EQ(runtime(words_of(commands[i])), 0) << commands[i] << ": " << said();
    longest[i] = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin);
    ASSERT_EQ(runtime({"delete", "--force", "box"}), 0) << said();
  }
  long struck = 0;
  for (long i = 0; i < kills && !HasFailure(); ++i) {
    const std::size_t which = static_cast<std::size_t>(i) % commands.size();
    const microseconds delay(
        std::uniform_int_distribution<std::int64_t>(0, longest[which].count())(random));
    const std::string what = commands[which] + " killed after " + std::to_string(delay.count()) +
                             " us, seed " + std::to_string(seed);
    prepare_for(commands[which]);
    const pid_t child = start(words_of(commands[which]));
    std::this_thread::sleep_for(delay);
    ::kill(child, SIGKILL);
    if (status_of(child) == 128 + SIGKILL) ++struck;
    if (commands[which] == "create" && i % 2 == 0) {
      // The id is free again, unless the container had come to be before the blow.
      const int again = runtime(create());
      EXPECT_TRUE(again == 0 || said().find("exists") != std::string::npos) << what << said();
    }
    ASSERT_EQ(runtime({"delete", "--force", "box"}), 0) << what << ": " << said();
    expect_nothing_left(what);
  }
  // Otherwise the points were none.
  EXPECT_GT(struck, kills / 4) << "of " << kills;
}

}  // namespace
}  // namespace cgwarden::launcher
