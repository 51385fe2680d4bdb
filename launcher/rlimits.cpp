#include "launcher/rlimits.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/unique_fd.h"

namespace cgwarden::launcher {
namespace {

constexpr std::array<std::pair<const char*, int>, 16> kRlimits{{
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
}};

}  // namespace

int rlimit_number(const std::string& name) {
  for (const auto& [known, number] : kRlimits) {
    if (name == known) return number;
  }
  return -1;
}

Step set_rlimits(const Process& process) {
  for (const auto& limit : process.rlimits) {
    const int number = rlimit_number(limit.type);
    if (number < 0) return refused("rlimit", limit.type + " is not a resource limit");
    const rlimit64 value{limit.soft, limit.hard};
    if (::setrlimit64(static_cast<__rlimit_resource>(number), &value) != 0) {
      return failed("rlimit", limit.type + " to " + std::to_string(limit.soft) + "/" +
                                  std::to_string(limit.hard) +
                                  " (raising a hard limit needs CAP_SYS_RESOURCE)");
    }
  }
  return {};
}

RoomForFiles::RoomForFiles(std::size_t more) {
  constexpr rlim_t kUsual = 64;  // stdio, channels, what was passed on
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= more + kUsual) return;
  const rlim_t before = std::exchange(limit.rlim_cur, std::min(limit.rlim_max, more + kUsual));
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) before_ = before;
}

RoomForFiles& RoomForFiles::operator=(RoomForFiles&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  before_ = std::exchange(other.before_, {});
  return *this;
}

void RoomForFiles::give_back() {
  rlimit limit{};
  if (!before_ || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = *std::exchange(before_, {});
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Step set_oom_score_adj(const Process& process, pid_t of) {
  if (!process.oom_score_adj) return {};
  const std::string text = std::to_string(*process.oom_score_adj);
  const std::string path =
      "/proc/" + (of > 0 ? std::to_string(of) : std::string("self")) + "/oom_score_adj";
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid() || ::write(fd.get(), text.data(), text.size()) < 0) {
    return failed("oom_score_adj", text + " (lowering it needs CAP_SYS_RESOURCE)");
  }
  return {};
}

}  // namespace cgwarden::launcher
