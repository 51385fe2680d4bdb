// A hundred thousand cgroups that come and go under one sampler: nothing of them stays, and none
// that was known loses its last values. Needs root; mounts cgroup2 in a mount namespace of its own.
// CGWARDEN_CHURN says how many.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <stdexcept>
#include <string>

#include "cgroup/format.h"
#include "cgroup/sampler.h"

namespace cgwarden::cgroup {
namespace {

namespace fs = std::filesystem;

constexpr int kPatienceMsec = 60000;
constexpr std::size_t kWave = 500;
constexpr std::size_t kWithProcess = 10;
constexpr std::size_t kWavesAlive = 3;
constexpr double kGrowthMib = 3;

std::size_t churn() {
  const char* text = std::getenv("CGWARDEN_CHURN");
  return text == nullptr ? 100'000 : std::strtoul(text, nullptr, 10);
}

void need(bool done, const std::string& what) {
  if (!done) throw std::runtime_error(what + ": " + std::strerror(errno));
}

// The mount is of this process alone: its mount namespace ends with it.
std::string mount_cgroup2() {
  std::string path = "/tmp/churn_test.XXXXXX";
  need(::mkdtemp(path.data()) != nullptr, "mkdtemp");
  need(::unshare(CLONE_NEWNS) == 0, "unshare");
  need(::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "mount --make-rprivate /");
  need(::mount("none", path.c_str(), "cgroup2", 0, nullptr) == 0, "mount cgroup2");
  return path;
}

// What a leak of any kind would make grow.
struct Held {
  std::size_t fds = 0;
  std::size_t kernel_watches = 0;  // inotify, fanotify and epoll
  std::size_t kept_files = 0;
  std::size_t cgroups = 0;
  std::size_t series = 0;  // cgroups of a snapshot, the gone ones too
  bool operator==(const Held&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Held& held) {
  return out << held.fds << " fds, " << held.kernel_watches << " watches, " << held.kept_files
             << " kept files, " << held.cgroups << " cgroups, " << held.series << " shown";
}

std::size_t kernel_watches() {
  std::size_t count = 0;
  for (const auto& fd : fs::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream lines(fd.path());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("inotify wd") || line.starts_with("fanotify sdev") ||
          line.starts_with("fanotify ino") || line.starts_with("tfd:")) {
        ++count;
      }
    }
  }
  return count;
}

double anonymous_mib() {
  ::malloc_trim(0);
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::strtod(line.c_str() + 8, nullptr) / 1024;
  }
  throw std::runtime_error("/proc/self/status has no RssAnon");
}

// A process that starts in the cgroup, works a little and ends.
pid_t run_in(const std::string& directory) {
  const UniqueFd cgroup(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  clone_args args{};
  args.flags = CLONE_INTO_CGROUP;
  args.exit_signal = SIGCHLD;
  args.cgroup = static_cast<std::uint64_t>(cgroup.get());
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  need(pid >= 0, "clone3");
  if (pid > 0) return pid;
  volatile std::uint64_t work = 0;
  for (int i = 0; i < 20'000; ++i) work = work + 1;
  ::_exit(0);
}

class ChurnTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { mount_ = mount_cgroup2(); }
  static void TearDownTestSuite() {
    ::umount2(mount_.c_str(), MNT_DETACH);
    ::rmdir(mount_.c_str());
  }
  ChurnTest() { need(::mkdir(top_.c_str(), 0755) == 0, "mkdir " + top_); }
  ~ChurnTest() override {
    for (; !waves_.empty(); waves_.pop_front()) remove(waves_.front());
    ::rmdir(top_.c_str());
  }

  struct Wave {
    std::vector<std::string> directories;
    std::vector<std::string> worked;  // paths of those in which a process ran
  };

  [[nodiscard]] bool start() {
    auto watch =
        std::string_view(GetParam()) == "fanotify" ? fanotify_watch(tree_) : inotify_watch();
    if (!watch) {
      EXPECT_EQ(watch.error().errno_value, ENODEV) << watch.error().sentence();
      return false;  // before Linux 6.6
    }
    sampler_.watch_with(std::move(*watch), now_);
    return true;
  }

  // Half of a wave is gone before anybody can look.
  void make_wave() {
    Wave wave;
    for (std::size_t i = 0; i < kWave; ++i) {
      const std::string directory = top_ + "/c" + std::to_string(made_++);
      need(::mkdir(directory.c_str(), 0755) == 0, "mkdir " + directory);
      if (i % 2 == 0) {
        need(::rmdir(directory.c_str()) == 0, "rmdir " + directory);
      } else {
        wave.directories.push_back(directory);
      }
    }
    sampler_.take_changes(now_);
    for (std::size_t i = 0; i < kWithProcess; ++i) run_to_end(wave.directories[i], wave);
    waves_.push_back(std::move(wave));
  }

  void run_to_end(const std::string& directory, Wave& wave) {
    const pid_t pid = run_in(directory);
    need(::waitpid(pid, nullptr, 0) == pid, "waitpid");
    wave.worked.push_back(directory.substr(mount_.size()));
  }

  void take_events() {
    pollfd fd{sampler_.events_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&fd, 1, kPatienceMsec), 1) << "nobody told that cgroups became empty";
    sampler_.take_events(now_);
  }

  // Remembers the last counters of those in which something ran.
  void remove(const Wave& wave) {
    for (const std::string& path : wave.worked) {
      const auto text = tree_.read(path, "cpu.stat");
      if (text) truth_[path] = parse_cpu_stat(*text)->usage_usec.value_or(0);
    }
    for (const std::string& directory : wave.directories) ::rmdir(directory.c_str());
  }

  void tick() {
    now_.boottime += Usec{1'000'000};
    snapshot_ = sampler_.tick(now_);
    for (const Sample& sample : snapshot_->ended()) {
      const auto found = truth_.find(sample.path);
      if (found == truth_.end()) continue;
      EXPECT_EQ(sample.cpu_stat.value_or(CpuStat{}).usage_usec, found->second) << sample.path;
      truth_.erase(found);
      ++compared_;
    }
    // As with scrapers that saw each twice.
    sampler_.forget_gone(snapshot_->sequence());
  }

  // When no wave is left.
  Held settle() {
    tick();  // nobody waited for the events of the last ones
    for (; !waves_.empty(); waves_.pop_front()) remove(waves_.front());
    sampler_.take_changes(now_);
    tick();
    tick();
    const auto fds = static_cast<std::size_t>(
        std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
    return {fds, kernel_watches(), sampler_.kept_files(), sampler_.cgroups(),
            snapshot_->samples().size() + snapshot_->gone().size()};
  }

  void run_waves(std::size_t count) {
    for (std::size_t wave = 0; wave < count; ++wave) {
      make_wave();
      ASSERT_NO_FATAL_FAILURE(take_events());
      if (waves_.size() > kWavesAlive) {
        remove(waves_.front());
        waves_.pop_front();
        sampler_.take_changes(now_);
      }
      if (wave % 10 == 0) tick();
    }
  }

  static inline std::string mount_;
  std::string top_ = mount_ + "/churn_test." + std::to_string(::getpid());
  Tree tree_ = Tree::open(mount_).value();
  KernelFiles files_;
  Sampler sampler_{tree_, {}, files_};
  TimePoint now_{Usec{100'000'000}, Usec{0}};
  std::shared_ptr<const Snapshot> snapshot_;
  std::deque<Wave> waves_;
  std::map<std::string, std::uint64_t> truth_;
  std::size_t made_ = 0;
  std::size_t compared_ = 0;
};

TEST_P(ChurnTest, NothingStaysAndNoLastValueIsLost) {
  if (!start()) return;
  // Two kinds of watch share the whole. The first part brings tables and heap to their size.
  const std::size_t waves = churn() / 2 / kWave;
  const std::size_t warm_up = waves / 10 + 1;
  ASSERT_NO_FATAL_FAILURE(run_waves(warm_up));
  const Held before = settle();
  const double memory = anonymous_mib();
  ASSERT_NO_FATAL_FAILURE(run_waves(waves - warm_up));
  const Held after = settle();
  EXPECT_EQ(after, before);
  EXPECT_LE(anonymous_mib(), memory + kGrowthMib);
  EXPECT_EQ(made_, waves * kWave);
  EXPECT_EQ(compared_, waves * kWithProcess);
  EXPECT_TRUE(truth_.empty()) << truth_.begin()->first << " ended and nobody said so";
  EXPECT_EQ(sampler_.drops(), Sampler::Drops{});
}

INSTANTIATE_TEST_SUITE_P(Kinds, ChurnTest, ::testing::Values("fanotify", "inotify"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace cgwarden::cgroup
