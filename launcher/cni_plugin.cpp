#include "launcher/cni_plugin.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/file.h"
#include "base/limits.h"
#include "base/program.h"
#include "base/text.h"
#include "launcher/cni_config.h"
#include "launcher/helper_process.h"

namespace cgwarden::launcher {
namespace {

// A DHCP exchange takes seconds; the shim gives a start a minute.
constexpr int kTimeoutMsec = 30'000;

// Files and not pipes: the plugin never blocks on one, and nothing must be read while it runs.
struct PluginFiles {
  UniqueFd input;
  UniqueFd output;
  UniqueFd errors;
};

std::string contents(const UniqueFd& file) {
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return {};
  return read_all(file.get(), "memfd", limits::kStateFileBytes).value_or("");
}

const char* word_of(CniCommand command) {
  switch (command) {
    case CniCommand::add:
      return "ADD";
    case CniCommand::check:
      return "CHECK";
    case CniCommand::del:
      return "DEL";
  }
  return "";
}

std::vector<std::string> environment(const CniCall& call) {
  std::string path;
  for (const auto& directory : call.directories) path += (path.empty() ? "" : ":") + directory;
  return {std::string("CNI_COMMAND=") + word_of(call.command),
          "CNI_CONTAINERID=" + call.container_id,
          "CNI_NETNS=" + call.network_namespace,
          "CNI_IFNAME=" + call.interface,
          "CNI_PATH=" + path,
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
}

bool ends_in_time(pid_t pid) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{pidfd.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&ended, 1, kTimeoutMsec);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

std::string reason(const PluginFiles& files, const std::string& output) {
  std::string text = cni_error_text(output);
  if (text.empty()) text = printable(trim(contents(files.errors)));
  return text.empty() ? "it gave no reason" : printable(text);
}

}  // namespace

StepResult<std::string> find_cni_plugin(const std::string& type,
                                        const std::vector<std::string>& directories) {
  std::string searched;
  for (const auto& directory : directories) {
    const std::string path = directory + "/" + type;
    if (::access(path.c_str(), X_OK) == 0) return path;
    searched += (searched.empty() ? "" : " and ") + directory;
  }
  return refused("network", "the CNI plugin " + type + " is not in " + searched +
                                " (Debian's are in the package containernetworking-plugins)");
}

StepResult<std::string> call_cni_plugin(const CniCall& call) {
  CGW_ASSIGN(const std::string program, find_cni_plugin(call.type, call.directories));
  const std::string kNothing;
  PluginFiles files;
  for (const auto& [file, text] : {std::pair{&files.input, &call.input},
                                   {&files.output, &kNothing},
                                   {&files.errors, &kNothing}}) {
    auto made = memory_file(*text);
    if (!made) return failed("network", "no memory for a CNI plugin");
    *file = std::move(*made);
  }
  const auto started =
      start_program({.path = program,
                     .words = {program},
                     .environment = environment(call),
                     .descriptors = {files.input.get(), files.output.get(), files.errors.get()},
                     .group = Program::Group::own});
  if (!started) {
    errno = started.error().errno_value;
    return failed("network", "the CNI plugin " + program + " cannot be started");
  }
  const pid_t pid = *started;
  const bool in_time = ends_in_time(pid);
  if (!in_time) ::kill(-pid, SIGKILL);
  const WaitStatus status = wait_for_exit(pid);
  if (!in_time) {
    return refused("network", "the CNI plugin " + program + " was killed after " +
                                  std::to_string(kTimeoutMsec / 1000) + " s");
  }
  const std::string output = contents(files.output);
  if (status.code != CLD_EXITED || status.status != 0) {
    return refused("network", "the CNI plugin " + program + " failed: " + reason(files, output));
  }
  return output;
}

}  // namespace cgwarden::launcher
