#include "launcher/oom_watch.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/text.h"

namespace cgwarden::launcher {
namespace {

constexpr std::array<const char*, 2> kEventFiles{"memory.events", "memory.events.local"};
// The kernel raises the counter and sends the SIGKILL in neighbouring lines (mm/oom_kill.c
// __oom_kill_process); a second covers a killer that is throttled in between.
constexpr Usec kJudgeAfter{1'000'000};
// include/linux/sched.h: the process is in do_exit().
constexpr unsigned kExiting = 0x4;
constexpr std::size_t kStatusBytes = 64U * 1024U;

// A signal mask of /proc/PID/status: "SigPnd:\t0000000000000100".
bool sigkill_in(std::string_view status, std::string_view key) {
  const std::size_t at = status.find(key);
  if (at == std::string_view::npos) return true;
  const std::string_view rest = status.substr(at + key.size());
  const std::string_view digits = trim(rest.substr(0, rest.find('\n')));
  std::uint64_t mask = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), mask, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return true;
  return (mask >> (SIGKILL - 1) & 1U) != 0;
}

}  // namespace

bool is_unharmed(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  const auto stat = read_file(directory + "/stat", kStatusBytes);
  const auto status = read_file(directory + "/status", kStatusBytes);
  if (!stat || !status) return false;
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return false;
  const auto fields = split(trim(std::string_view(*stat).substr(name_end + 1)), ' ');
  constexpr std::size_t kFlags = 9 - 3;
  if (fields.size() <= kFlags) return false;
  const auto flags = parse_integer<unsigned>(fields[kFlags]);
  if (!flags || (*flags & kExiting) != 0) return false;
  return !sigkill_in(*status, "\nSigPnd:") && !sigkill_in(*status, "\nShdPnd:");
}

OomWatch::OomWatch(const cgroup::Tree& tree, const std::vector<CgroupCapture>& captures,
                   std::vector<pid_t> processes, TimePoint started)
    : processes_(std::move(processes)) {
  outlived_.at = started;
  for (const auto& capture : captures) {
    Watched watched;
    watched.path = capture.path;
    watched.payload = &capture == captures.data();
    for (const char* file : kEventFiles) {
      const auto before = capture.before.find(file);
      auto watch = cgroup::EventsWatch::open(tree, capture.path, file);
      if (before == capture.before.end() || !watch) continue;
      outlived_.texts[capture.path][file] = before->second;
      watched.files.emplace(file, std::move(*watch));
    }
    if (polled_file(watched) != nullptr) watched_.push_back(std::move(watched));
  }
}

// Of the payload the file that counts for its children too.
const cgroup::EventsWatch* OomWatch::polled_file(const Watched& watched) {
  const auto file = watched.files.find(watched.payload ? "memory.events" : "memory.events.local");
  return file == watched.files.end() ? nullptr : &file->second;
}

void OomWatch::add_polls(std::vector<pollfd>& polls) const {
  if (candidate_) return;
  for (const auto& watched : watched_) polls.push_back({polled_file(watched)->fd(), POLLPRI, 0});
}

int OomWatch::timeout_msec(Usec now) const {
  if (!candidate_) return -1;
  if (now >= judge_at_) return 0;
  return static_cast<int>((judge_at_ - now).count() / 1000U) + 1;
}

// A cgroup that is gone can kill nobody, and its fd would wake poll(2) for ever.
OomWatch::Texts OomWatch::read_all() {
  Texts texts;
  std::erase_if(watched_, [&](const Watched& watched) {
    for (const auto& [file, watch] : watched.files) {
      auto text = watch.read();
      if (!text) {
        texts.erase(watched.path);
        return true;
      }
      texts[watched.path][file] = std::move(*text);
    }
    return false;
  });
  return texts;
}

void OomWatch::look(const std::vector<pollfd>& polled, TimePoint now) {
  if (candidate_) {
    if (now.boottime < judge_at_) return;
    judge_at_ = now.boottime + kJudgeAfter;
    // A process that is dying may take its time; what was counted is then a suspect.
    if (!std::ranges::all_of(processes_, is_unharmed)) return;
    outlived_ = std::move(*candidate_);
    candidate_.reset();
    return;
  }
  const bool changed = std::ranges::any_of(watched_, [&](const Watched& watched) {
    return std::ranges::any_of(polled, [&](const pollfd& poll) {
      return poll.fd == polled_file(watched)->fd() && poll.revents != 0;
    });
  });
  if (!changed) return;
  candidate_ = Moment{now, read_all()};
  judge_at_ = now.boottime + kJudgeAfter;
}

void OomWatch::write_to(ExitRecord& record) const {
  if (record.cgroups.empty() || !outlived_.texts.contains(record.cgroups.front().path)) return;
  record.outlived = outlived_.at;
  for (auto& capture : record.cgroups) {
    if (const auto texts = outlived_.texts.find(capture.path); texts != outlived_.texts.end()) {
      capture.outlived = texts->second;
    }
  }
}

}  // namespace cgwarden::launcher
