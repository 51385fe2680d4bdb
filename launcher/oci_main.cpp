// cgwarden-oci: the OCI command line over the launcher. Foreground `run` and `spec`.
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/limits.h"
#include "launcher/spawn.h"
#include "launcher/spec.h"

namespace {

using namespace cgwarden;
using namespace cgwarden::launcher;

constexpr int kUsage = 2;
constexpr int kCannotStart = 125;

constexpr std::string_view kHelp =
    R"(cgwarden-oci: runs a command in isolation, as an OCI config.json says

  cgwarden-oci run --bundle DIR ID   run the bundle's command in the foreground
  cgwarden-oci spec                  print a default config.json
  cgwarden-oci --version
  cgwarden-oci --help

A bundle is a directory with config.json and the root file system that its root.path names.
`run` exits as the command does: its code, 128+N when signal N ended it, 127 when it is not
found, 126 when it cannot be executed, 125 when the isolation cannot be set up.

Example:
  mkdir -p /tmp/box/rootfs/bin && cp /bin/busybox /tmp/box/rootfs/bin/sh
  cgwarden-oci spec > /tmp/box/config.json
  cgwarden-oci run --bundle /tmp/box box1
)";

int say(int fd, std::string_view text, int status) {
  return write_all(fd, text, "output") ? status : 1;
}
int refuse(const std::string& text, int status) {
  return say(STDERR_FILENO, "cgwarden-oci: " + text + "\n", status);
}

// Passes on what is sent to us until the child ends.
int wait_and_forward(const Spawned& spawned) {
  sigset_t all;
  ::sigfillset(&all);
  for (;;) {
    siginfo_t end{};
    if (::waitid(P_PIDFD, static_cast<id_t>(spawned.pidfd.get()), &end, WEXITED | WNOHANG) == 0 &&
        end.si_pid != 0) {
      return end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status;
    }
    siginfo_t info{};
    const int number = ::sigwaitinfo(&all, &info);
    if (number > 0 && number != SIGCHLD) {
      ::syscall(SYS_pidfd_send_signal, spawned.pidfd.get(), number, nullptr, 0);
    }
  }
}

bool valid_id(const std::string& id) {
  return !id.empty() && id.size() <= limits::kWorkloadNameBytes && id != "." && id != ".." &&
         std::ranges::all_of(id, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("_+-.").find(c) != std::string_view::npos;
         });
}

int run_bundle(const std::string& bundle, const std::string& id) {
  if (!valid_id(id)) return refuse("\"" + id + "\" is not a valid container id", kUsage);
  const std::string file = bundle + "/config.json";
  const auto text = read_file(file, limits::kStateFileBytes);
  if (!text) return refuse(text.error().sentence(), kCannotStart);
  auto spec = parse_config(*text, file);
  if (!spec) return refuse(spec.error().sentence(), kCannotStart);
  if (!spec->root_path.starts_with('/')) {
    std::array<char, 4096> absolute{};
    if (::realpath(bundle.c_str(), absolute.data()) == nullptr) {
      return refuse(Error::from_errno(errno, "find", bundle).sentence(), kCannotStart);
    }
    spec->root_path = std::string(absolute.data()) + "/" + spec->root_path;
  }
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  const auto spawned = spawn({.spec = &*spec});
  if (!spawned) return refuse(spawned.error().sentence(), spawned.error().exit_code());
  return wait_and_forward(*spawned);
}

int run(const std::vector<std::string>& words) {
  std::string bundle = ".";
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--bundle" || words[i] == "-b") {
      if (i + 1 == words.size()) return refuse(words[i] + " needs a directory", kUsage);
      bundle = words[++i];
    } else if (words[i].starts_with("--bundle=")) {
      bundle = words[i].substr(9);
    } else if (words[i].starts_with('-')) {
      return refuse("run has no option " + words[i], kUsage);
    } else {
      ids.push_back(words[i]);
    }
  }
  if (ids.size() != 1) return refuse("run needs exactly one container id", kUsage);
  return run_bundle(bundle, ids.front());
}

int print_spec() {
  Spec spec = default_spec();
  spec.process.args = {"sh"};
  spec.root_path = "rootfs";
  return say(STDOUT_FILENO, to_config(spec), 0);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) return say(STDERR_FILENO, kHelp, kUsage);
  const std::string& command = words.front();
  if (command == "--help" || command == "-h") return say(STDOUT_FILENO, kHelp, 0);
  if (command == "--version" || command == "-v") {
    return say(STDOUT_FILENO, "cgwarden-oci " CGWARDEN_VERSION "\nspec: 1.2.0\n", 0);
  }
  if (command == "run") return run({words.begin() + 1, words.end()});
  if (command == "spec" && words.size() == 1) return print_spec();
  return refuse("\"" + command + "\" is not offered; see cgwarden-oci --help", kUsage);
}
