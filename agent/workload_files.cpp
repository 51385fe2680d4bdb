#include "agent/workload_files.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::agent {
namespace {

constexpr int kNoteVersion = 1;
// The YAML may hold secrets (env).
constexpr mode_t kNoteMode = 0600;

// A file that is not there is nullopt; one that is there and bad is an error.
template <typename T>
Result<std::optional<T>> read_optional(const std::string& path,
                                       Result<T> (*parse)(const std::string&, const std::string&)) {
  const auto text = read_file(path, limits::kStateFileBytes);
  if (!text) {
    if (text.error().kind == ErrorKind::vanished) return std::optional<T>{};
    return fail(text.error());
  }
  auto value = parse(*text, path);
  if (!value) return fail(value.error());
  return std::optional<T>(std::move(*value));
}

}  // namespace

std::string workload_directory(const std::string& runtime_dir, const std::string& name) {
  return runtime_dir + "/workloads/" + name;
}

std::string to_json(const AgentNote& note) {
  return nlohmann::json{{"version", kNoteVersion},
                        {"origin", note.origin},
                        {"yaml", note.yaml},
                        {"incarnation", note.incarnation},
                        {"restarts", note.restarts},
                        {"wanted", note.wanted},
                        {"stop_reason", note.stop_reason},
                        {"stop_boottime_usec", note.stop_boottime_usec},
                        {"unconfirmed", note.unconfirmed},
                        {"decided_incarnation", note.decided_incarnation},
                        {"restart_boottime_usec", note.restart_boottime_usec},
                        {"failures_in_row", note.failures_in_row},
                        {"launch_failures_in_row", note.launch_failures_in_row},
                        {"unhealthy_incarnation", note.unhealthy_incarnation},
                        {"shim_pid", note.shim_pid},
                        {"shim_start_time", note.shim_start_time},
                        {"scope", note.scope},
                        {"image", note.image},
                        {"runner_pid", note.runner_pid},
                        {"runner_start_time", note.runner_start_time}}
      .dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<AgentNote> parse_agent_note(const std::string& json, const std::string& where) {
  try {
    const auto document = nlohmann::json::parse(json);
    if (document.at("version").get<int>() != kNoteVersion) {
      return fail(Error::malformed("read", where, "it is of another version of cgwarden"));
    }
    AgentNote note;
    note.origin = document.at("origin").get<std::string>();
    note.yaml = document.at("yaml").get<std::string>();
    note.incarnation = document.at("incarnation").get<unsigned>();
    note.restarts = document.at("restarts").get<std::uint64_t>();
    note.wanted = document.at("wanted").get<bool>();
    note.stop_reason = document.at("stop_reason").get<std::string>();
    note.stop_boottime_usec = document.at("stop_boottime_usec").get<std::uint64_t>();
    // Younger than the first notes.
    note.unconfirmed = document.value("unconfirmed", false);
    note.decided_incarnation = document.value("decided_incarnation", 0U);
    note.restart_boottime_usec = document.value("restart_boottime_usec", std::uint64_t{0});
    note.failures_in_row = document.value("failures_in_row", 0U);
    note.launch_failures_in_row = document.value("launch_failures_in_row", 0U);
    note.unhealthy_incarnation = document.value("unhealthy_incarnation", 0U);
    note.shim_pid = document.value("shim_pid", pid_t{-1});
    note.shim_start_time = document.value("shim_start_time", std::uint64_t{0});
    note.scope = document.value("scope", "");
    note.image = document.value("image", "");
    note.runner_pid = document.value("runner_pid", pid_t{-1});
    note.runner_start_time = document.value("runner_start_time", std::uint64_t{0});
    return note;
  } catch (const nlohmann::json::exception& error) {
    return fail(Error::malformed("read", where, error.what()));
  }
}

Status write_agent_note(const std::string& runtime_dir, const std::string& name,
                        const AgentNote& note) {
  const std::string directory = workload_directory(runtime_dir, name);
  CGW_TRY(make_directories(directory, kWorkloadDirectoryMode));
  // One made by an earlier version, or under another umask.
  if (::chmod(directory.c_str(), kWorkloadDirectoryMode) != 0) {
    return fail(Error::from_errno(errno, "protect", directory));
  }
  return write_file_atomically(directory + "/agent.json", to_json(note), kNoteMode);
}

bool runner_lives(const AgentNote& note) {
  if (note.runner_pid <= 0) return false;
  const auto start_time = launcher::process_start_time(note.runner_pid);
  return start_time && *start_time == note.runner_start_time;
}

Status no_shim_holds(const std::string& runtime_dir, const std::string& name) {
  const std::string path = workload_directory(runtime_dir, name) + "/shim.lock";
  const auto lock = open_at(AT_FDCWD, path, O_RDWR);
  if (!lock && lock.error().kind == ErrorKind::vanished) return {};
  if (!lock) return fail(lock.error());
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) == 0) return {};
  return fail(Error{ErrorKind::busy, errno, "start", name,
                    "a shim that was not taken over holds " + path +
                        "; the workload runs under it until it ends or is killed"});
}

Result<WorkloadFiles> read_workload_files(const std::string& runtime_dir, const std::string& name) {
  WorkloadFiles files;
  files.name = name;
  files.directory = workload_directory(runtime_dir, name);
  std::error_code error;
  if (!std::filesystem::is_directory(files.directory, error)) {
    const bool unreadable = error && error != std::errc::no_such_file_or_directory;
    return fail(Error::from_errno(unreadable ? error.value() : ENOENT, "find workload", name));
  }
  CGW_ASSIGN(files.note,
             read_optional<AgentNote>(files.directory + "/agent.json", parse_agent_note));
  CGW_ASSIGN(files.status, read_optional<launcher::RunningStatus>(files.directory + "/status.json",
                                                                  launcher::parse_running_status));
  CGW_ASSIGN(files.exit, read_optional<launcher::ExitRecord>(files.directory + "/exit.json",
                                                             launcher::parse_exit_record));
  CGW_ASSIGN(files.health,
             read_optional<HealthReport>(files.directory + "/health.json", parse_health_report));
  if (files.status) {
    const auto start_time = launcher::process_start_time(files.status->shim_pid);
    files.shim_alive = start_time && *start_time == files.status->shim_start_time;
  }
  return files;
}

Result<std::vector<std::string>> list_workload_names(const std::string& runtime_dir) {
  const std::string directory = runtime_dir + "/workloads";
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error) {
    if (error == std::errc::no_such_file_or_directory) return names;
    return fail(Error::from_errno(error.value(), "list", directory));
  }
  for (const auto end = std::filesystem::directory_iterator(); entries != end;
       entries.increment(error)) {
    std::error_code not_one;
    if (entries->is_directory(not_one)) names.push_back(entries->path().filename().string());
  }
  // A failed increment makes the iterator end: what was read is then only a part.
  if (error) return fail(Error::from_errno(error.value(), "list", directory));
  std::ranges::sort(names);
  return names;
}

}  // namespace cgwarden::agent
