// One call of container_cgroup.h for each run, for tests/vm/test_oci_cgroup.py:
//   cgroup_driver make DRIVER CGROUPS_PATH ID PID [PROPERTY...]     prints "PATH UNIT"
//   cgroup_driver update|freeze|thaw|frozen|processes|kill|remove|stats DRIVER PATH UNIT
//   [PROPERTY...] cgroup_driver enter DRIVER PATH UNIT COMMAND...                 born in the
//   cgroup cgroup_driver walk DRIVER PATH UNIT SEED ROUNDS                 random updates
// A PROPERTY is memory.limit=4096, unified.FILE=TEXT, annotation.NAME=TEXT or
// device=allow|deny:TYPE:MAJOR:MINOR:ACCESS with * for every number. A failure is a sentence on
// stderr and exit code 1.
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/text.h"
#include "launcher/container_cgroup.h"

namespace {

using namespace cgwarden;
using namespace cgwarden::launcher;
using Words = std::vector<std::string>;

int say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  return 0;
}

int refuse(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  return 1;
}

int ended(const Status& status) { return status ? 0 : refuse(status.error().sentence()); }

std::optional<std::int64_t> number_or_any(std::string_view text) {
  if (text == "*") return std::nullopt;
  return parse_integer<std::int64_t>(text).value();
}

DeviceRule device_rule(const std::string& text) {
  const auto parts = split(text, ':');
  return {parts.at(0) == "allow", parts.at(1).at(0), number_or_any(parts.at(2)),
          number_or_any(parts.at(3)), std::string(parts.at(4))};
}

void set_number(Resources& to, const std::string& name, std::int64_t value) {
  const auto positive = static_cast<std::uint64_t>(value);
  const std::map<std::string, std::function<void()>> setters{
      {"memory.limit", [&] { to.memory.limit = value; }},
      {"memory.swap", [&] { to.memory.swap = value; }},
      {"memory.reservation", [&] { to.memory.reservation = value; }},
      {"memory.checkBeforeUpdate", [&] { to.memory.check_before_update = value != 0; }},
      {"cpu.shares", [&] { to.cpu.shares = positive; }},
      {"cpu.quota", [&] { to.cpu.quota_usec = value; }},
      {"cpu.period", [&] { to.cpu.period_usec = positive; }},
      {"cpu.burst", [&] { to.cpu.burst_usec = positive; }},
      {"cpu.idle", [&] { to.cpu.idle = value; }},
      {"pids.limit", [&] { to.pids_limit = value; }},
      {"blockIO.weight", [&] { to.block_io.weight = static_cast<std::uint16_t>(value); }},
      {"hugetlb.2MB", [&] { to.hugepage_limits["2MB"] = positive; }},
  };
  setters.at(name)();
}

void set_property(Spec& spec, const std::string& word) {
  const std::size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  const std::string value = word.substr(equals + 1);
  if (name == "device") {
    spec.resources.devices.push_back(device_rule(value));
  } else if (name == "cpu.cpus") {
    spec.resources.cpu.cpus = value;
  } else if (name.starts_with("unified.")) {
    spec.resources.unified[name.substr(8)] = value;
  } else if (name.starts_with("annotation.")) {
    spec.annotations[name.substr(11)] = value;
  } else {
    set_number(spec.resources, name, parse_integer<std::int64_t>(value).value());
  }
}

CgroupDriver driver_of(const std::string& word) {
  return word == "systemd" ? CgroupDriver::systemd : CgroupDriver::cgroupfs;
}

int make(const Words& words) {
  Spec spec = default_spec();
  spec.cgroups_path = words.at(2);
  for (std::size_t i = 5; i < words.size(); ++i) set_property(spec, words[i]);
  const auto made = make_container_cgroup(spec, words.at(3), driver_of(words.at(1)),
                                          parse_integer<pid_t>(words.at(4)).value());
  if (!made) return refuse(made.error().sentence());
  return say(made->path + " " + made->unit);
}

int update(const ContainerCgroup& cgroup, const Words& words) {
  Spec spec;
  for (std::size_t i = 4; i < words.size(); ++i) set_property(spec, words[i]);
  const Step done = update_resources(cgroup, spec.resources);
  return done ? 0 : refuse(done.error().sentence());
}

int enter(const ContainerCgroup& cgroup, const Words& words) {
  const auto fd = open_container_cgroup(cgroup);
  if (!fd) return refuse(fd.error().sentence());
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(fd->get());
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid < 0) return refuse("clone3 failed");
  if (pid == 0) {
    Words command(words.begin() + 4, words.end());
    std::vector<char*> argv;
    for (auto& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(static_cast<pid_t>(pid), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int processes_of(const ContainerCgroup& cgroup) {
  const auto found = processes(cgroup);
  if (!found) return refuse(found.error().sentence());
  for (const pid_t pid : *found) std::printf("%d\n", pid);
  return 0;
}

// Any of the values that depend on each other, each within its own range.
Resources random_resources(std::mt19937& random) {
  const auto pick = [&](std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random);
  };
  Resources resources;
  if (pick(0, 3) != 0) {
    const std::int64_t quota = pick(0, 4) == 0 ? -1 : pick(1000, 200000);
    resources.cpu.quota_usec = quota;
    // Together with its quota: alone it could contradict the one in force.
    resources.cpu.burst_usec = static_cast<std::uint64_t>(pick(0, quota < 0 ? 200000 : quota));
    if (pick(0, 1) == 0)
      resources.cpu.period_usec = static_cast<std::uint64_t>(pick(1000, 1000000));
  }
  if (pick(0, 2) == 0) resources.cpu.idle = pick(0, 1);
  if (pick(0, 2) == 0 && resources.cpu.idle) {
    resources.cpu.shares = static_cast<std::uint64_t>(pick(2, 262144));
  }
  if (pick(0, 2) != 0) {
    resources.memory.limit = pick(0, 5) == 0 ? -1 : pick(16, 256) << 20;
    const bool unlimited = *resources.memory.limit < 0 || pick(0, 4) == 0;
    resources.memory.swap = unlimited ? -1 : *resources.memory.limit + (pick(0, 64) << 20);
  }
  if (pick(0, 2) == 0) resources.memory.reservation = pick(-1, 64) * 4096;
  if (pick(0, 2) == 0) resources.pids_limit = pick(-1, 1000);
  if (resources.memory.reservation && *resources.memory.reservation < 0) {
    resources.memory.reservation = -1;
  }
  return resources;
}

int walk(const ContainerCgroup& cgroup, const Words& words) {
  std::mt19937 random(parse_integer<unsigned>(words.at(4)).value());
  const int rounds = parse_integer<int>(words.at(5)).value();
  for (int round = 0; round < rounds; ++round) {
    const Step done = update_resources(cgroup, random_resources(random));
    if (!done) return refuse("round " + std::to_string(round) + ": " + done.error().sentence());
  }
  return 0;
}

int run(const Words& words) {
  const std::string& verb = words.at(0);
  if (verb == "make") return make(words);
  const ContainerCgroup cgroup{driver_of(words.at(1)), words.at(2), words.at(3)};
  if (verb == "update") return update(cgroup, words);
  if (verb == "freeze") return ended(freeze(cgroup));
  if (verb == "thaw") return ended(thaw(cgroup));
  if (verb == "frozen") return say(is_frozen(cgroup) ? "yes" : "no");
  if (verb == "processes") return processes_of(cgroup);
  if (verb == "kill") return ended(kill_all(cgroup));
  if (verb == "remove") return ended(launcher::remove(cgroup));
  if (verb == "enter") return enter(cgroup, words);
  if (verb == "walk") return walk(cgroup, words);
  if (verb != "stats") return 2;
  const auto stats = stats_json(cgroup, "box");
  return stats ? say(*stats) : refuse(stats.error().sentence());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  return run(Words(argv + 1, argv + argc));
}
