#include "cli/container_finder.h"

#include <fcntl.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "base/file.h"
#include "base/text.h"
#include "cli/process_files.h"
#include "cli/process_text.h"
#include "diagnosis/audit/container_origin.h"

namespace cgwarden::cli {
namespace {

// pid_max of 64-bit kernels, and the other files of /proc.
constexpr std::size_t kMaxProcesses = 4U * 1024U * 1024U + 1024U;
constexpr std::size_t kFileBytes = 64U * 1024U;

struct Candidate {
  Container container;
  std::string key;
  bool first_of_namespace = false;  // process 1 of its pid namespace
};

struct Look {
  std::optional<Candidate> candidate;
  bool unseen = false;
};

// What of the host a process is compared with.
struct Host {
  int proc;
  UniqueFd directory;
  Result<std::string> pid_namespace;
  Result<std::string> mount_namespace;
};

// Namespaces of its own, with the key of those who share them; nullopt: the host's.
std::optional<std::string> own_namespaces(const Host& host, const UniqueFd& process,
                                          const std::string& pids, const std::string& mounts) {
  if (pids != *host.pid_namespace) return pids + "/" + mounts;
  if (mounts == *host.mount_namespace) return std::nullopt;
  const auto same_root = same_directory(process.get(), host.directory.get(), "root");
  if (!same_root || *same_root) return std::nullopt;
  return pids + "/" + mounts;
}

Look look_at(const Host& host, const std::string& name, pid_t pid) {
  const auto process = open_at(host.proc, name, O_PATH | O_DIRECTORY);
  if (!process) return {};
  const auto text = read_file_at(process->get(), "status", kFileBytes);
  if (!text) return {};
  const auto status = parse_status(*text, "/proc/" + name + "/status");
  if (!status || status->kernel_thread) return {};  // kdevtmpfs has a mount namespace of its own
  Candidate found{{"-", "pid " + name, pid}, "", false};
  found.first_of_namespace =
      status->namespace_pids.size() > 1 && status->namespace_pids.back() == 1;
  const auto pids = read_link_at(process->get(), "ns/pid");
  const auto mounts = read_link_at(process->get(), "ns/mnt");
  if (const auto cgroup = read_file_at(process->get(), "cgroup", kFileBytes)) {
    if (const auto origin =
            diagnosis::audit::container_origin(parse_process_cgroup(*cgroup).unified)) {
      found.container.runtime = origin->runtime;
      found.container.name = origin->name;
      // One line for each container, however many namespaces it makes inside.
      found.key = origin->runtime + "/" + origin->name;
      return {std::move(found), false};
    }
  }
  if (!pids || !mounts || !host.pid_namespace || !host.mount_namespace) {
    const bool ended = !pids && pids.error().kind == ErrorKind::vanished;
    return {std::nullopt, !ended};
  }
  const auto key = own_namespaces(host, *process, *pids, *mounts);
  if (!key) return {};
  found.key = *key;
  return {std::move(found), false};
}

// Process 1 of the namespace stands for the container, else the process that was there first.
bool is_better(const Candidate& one, const Candidate& other) {
  if (one.first_of_namespace != other.first_of_namespace) return one.first_of_namespace;
  return one.container.pid < other.container.pid;
}

}  // namespace

Result<ContainerList> find_containers(int proc) {
  CGW_ASSIGN(const auto names, list_directory_at(proc, ".", kMaxProcesses));
  CGW_ASSIGN(UniqueFd first, open_at(proc, "1", O_PATH | O_DIRECTORY));
  const int first_fd = first.get();
  const Host host{proc, std::move(first), read_link_at(first_fd, "ns/pid"),
                  read_link_at(first_fd, "ns/mnt")};
  ContainerList list;
  std::map<std::string, Candidate> best;
  for (const auto& name : names) {
    const auto pid = parse_integer<pid_t>(name);
    if (!pid) continue;
    Look look = look_at(host, name, *pid);
    if (look.unseen) ++list.unseen;
    if (!look.candidate) continue;
    const auto [at, is_new] = best.try_emplace(look.candidate->key, *look.candidate);
    if (!is_new && is_better(*look.candidate, at->second)) at->second = *look.candidate;
  }
  for (auto& [key, candidate] : best) list.containers.push_back(std::move(candidate.container));
  std::ranges::sort(list.containers, {},
                    [](const Container& one) { return std::tie(one.runtime, one.name, one.pid); });
  return list;
}

}  // namespace cgwarden::cli
