// cgwarden-oci: the command line of an OCI runtime, as podman, containerd and docker call it.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/text.h"
#include "launcher/oci/command_line.h"
#include "launcher/oci/commands.h"
#include "launcher/oci/log.h"
#include "launcher/oci/seal.h"
#include "launcher/standard_streams.h"

namespace cgwarden::launcher::oci {
namespace {

struct Command {
  std::string_view name;
  Outcome<int> (*run)(const Global&, const Words&);
  // Processes of a container can see this program while it works: it has to be sealed.
  bool enters_container;
  std::string_view help;
};
constexpr std::array<Command, 15> kCommands{{
    {"create", create, true, "make a container whose command waits for `start`"},
    {"start", start, false, "let the command of a created container run"},
    {"run", run, true, "create, start, wait for and delete a container"},
    {"exec", exec, true, "run one more process in a container"},
    {"kill", kill, false, "send a signal to a container"},
    {"delete", remove, false, "remove a stopped container and all it holds"},
    {"state", state, false, "print the state of a container as JSON"},
    {"list", list, false, "list containers"},
    {"ps", ps, false, "list the processes of a container"},
    {"pause", pause, false, "freeze a container"},
    {"resume", resume, false, "let a paused container go on"},
    {"update", update, false, "change the limits of a container"},
    {"events", events, false, "print what a container's cgroup counts"},
    {"spec", spec, false, "write a default config.json"},
    {"features", features, false, "print what this runtime supports as JSON"},
}};

std::string default_root() {
  if (::geteuid() == 0) {
    // Root of a user namespace (rootless podman) may not write /run.
    const char* directory = ::getenv("XDG_RUNTIME_DIR");
    if (directory != nullptr && ::access("/run", W_OK) != 0) {
      return std::string(directory) + "/cgwarden-oci";
    }
    return "/run/cgwarden-oci";
  }
  if (const char* directory = ::getenv("XDG_RUNTIME_DIR")) {
    return std::string(directory) + "/cgwarden-oci";
  }
  return "/tmp/cgwarden-oci-" + std::to_string(::geteuid());
}

std::vector<Option> global_options(Global& global, bool& help, bool& version) {
  const auto choose_driver = [&global](const std::string& value) -> Outcome<void> {
    const auto driver = parse_cgroup_driver(value);
    if (!driver) {
      return refuse("--cgroup-manager is cgroupfs, systemd or disabled, not " + printable(value),
                    kUsage);
    }
    global.cgroup_driver = *driver;
    return {};
  };
  const auto choose_level = [&global](const std::string& value) -> Outcome<void> {
    if (value != "error" && value != "warning" && value != "debug") {
      return refuse("--log-level is error, warning or debug, not " + printable(value), kUsage);
    }
    global.debug = value == "debug";
    global.errors_only = value == "error";
    return {};
  };
  return {
      {"root", 0, "DIR", "state of the containers", into(global.root)},
      {"log", 0, "FILE", "errors are appended there too", into(global.log)},
      {"log-format", 0, "FORMAT", "text (default) or json",
       [&global](const std::string& value) -> Outcome<void> {
         if (value != "text" && value != "json") {
           return refuse("--log-format is text or json, not " + printable(value), kUsage);
         }
         global.log_json = value == "json";
         return {};
       }},
      {"systemd-cgroup", 0, nullptr, "cgroups are scopes made by systemd",
       [&global](const std::string&) -> Outcome<void> {
         global.cgroup_driver = CgroupDriver::systemd;
         return {};
       }},
      {"cgroup-manager", 0, "NAME", "cgroupfs (default), systemd or disabled", choose_driver},
      // Callers of runc say it; whether we are rootless is seen from the process itself.
      {"rootless", 0, "VALUE", "accepted and not needed",
       [](const std::string&) -> Outcome<void> { return {}; }},
      {"debug", 0, nullptr, "say more", into(global.debug)},
      {"log-level", 0, "LEVEL", "error, warning (default) or debug", choose_level},
      {"version", 'v', nullptr, "print the version", into(version)},
      {"help", 'h', nullptr, "this text", into(help)},
  };
}

std::string help_text(const std::vector<Option>& options) {
  std::string text =
      "cgwarden-oci: runs containers as OCI bundles describe them\n\n"
      "Usage: cgwarden-oci [OPTION...] COMMAND [OPTION...] [ARG...]\n\nCommands:\n";
  for (const auto& command : kCommands) {
    std::string name(command.name);
    name.resize(10, ' ');
    text += "  " + name + std::string(command.help) + "\n";
  }
  text += "\nOptions:\n" + describe(options);
  text +=
      "\n`cgwarden-oci COMMAND --help` says more. Exit status: 0 ok, 1 failed, 2 wrong usage; "
      "`run` and\n"
      "`exec` exit as the command does, `exec` with 255 when it cannot be started.\n\n"
      "Example:\n"
      "  mkdir -p box/rootfs/bin && cp /bin/busybox box/rootfs/bin/sh\n"
      "  cgwarden-oci spec --bundle box\n"
      "  cgwarden-oci run --bundle box box1\n";
  return text;
}

Outcome<int> dispatch(const Global& global, const Words& words, char** argv) {
  for (const auto& command : kCommands) {
    if (command.name != words.front()) continue;
    if (command.enters_container) CGW_TRY(seal_program(argv));
    std::string line = "cgwarden-oci " CGWARDEN_VERSION ":";
    // A log is read by more than a value of --env is meant for.
    for (const auto& word : words) {
      const std::size_t value = word.find('=');
      line += " " + (value == std::string::npos ? word : word.substr(0, value + 1) + "...");
    }
    log_debug(line);
    return command.run(global, Words(words.begin() + 1, words.end()));
  }
  return refuse("\"" + printable(words.front()) + "\" is not a command; see cgwarden-oci --help",
                kUsage);
}

Outcome<int> run_words(const Words& words, char** argv) {
  Global global;
  bool help = false;
  bool version = false;
  const auto options = global_options(global, help, version);
  CGW_ASSIGN(const Words rest, parse_options("cgwarden-oci", words, options, true));
  if (help) return print(help_text(options));
  if (version) {
    return print("cgwarden-oci version " CGWARDEN_VERSION "\nspec: 1.3.0\n");
  }
  if (rest.empty()) return refuse("no command is given; see cgwarden-oci --help", kUsage);
  if (global.root.empty()) global.root = default_root();
  CGW_TRY(open_log(global));
  return dispatch(global, rest, argv);
}

}  // namespace

}  // namespace cgwarden::launcher::oci

int main(int argc, char** argv) {
  using namespace cgwarden::launcher::oci;
  static_cast<void>(sealed_file());
  cgwarden::launcher::fill_standard_streams();
  const auto done = run_words(Words(argv + 1, argv + argc), argv);
  if (done) return *done;
  log_error(done.error().text);
  return done.error().exit_code;
}
