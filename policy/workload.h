#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/published_port.h"
#include "base/units.h"
#include "policy/diagnostic.h"
#include "policy/resources.h"

namespace cgwarden::policy {

enum class RestartPolicy { no, on_failure, always };

struct Restart {
  RestartPolicy policy = RestartPolicy::no;
  Usec backoff{1'000'000};               // before the first restart; doubles each time
  Usec backoff_max{60'000'000};          // ceiling of the doubling
  std::optional<unsigned> max_restarts;  // absent: no bound
  // A run at least this long resets the backoff.
  Usec reset_after{60'000'000};
};

struct WorkloadMount {
  std::string source;       // absolute host directory or file
  std::string destination;  // absolute in the workload
  bool readonly = false;
};

// network and ports.
struct WorkloadNetwork {
  enum class Mode {
    none,    // loopback only
    host,    // the host's own namespace
    bridge,  // an address on the bridge of the agent
    path,    // the namespace at `path`
    cni,     // what the CNI network `cni` gives
  };
  Mode mode = Mode::none;
  std::string path;                  // absolute
  std::string cni;                   // "name" of a network configuration list
  std::vector<PublishedPort> ports;  // of bridge and cni only
};

// How it is found out whether the workload does its work (docs: policy-reference.md).
struct HealthCheck {
  enum class Kind { exec, tcp, http };
  Kind kind = Kind::exec;
  std::vector<std::string> command;  // exec: in the workload; its exit status 0 is good
  std::uint16_t port = 0;            // tcp, http: at the loopback address of the workload
  std::string path = "/";            // http
  Usec interval{30'000'000};         // from the end of one check to the next
  Usec timeout{5'000'000};           // of one check; then it has failed
  unsigned retries = 3;              // failures in a row that make it unhealthy
  Usec start_period{0};              // failures of its first time do not count
  bool restart = false;              // action: restart | none
};

// What log.maxSize and log.maxFiles may be: `cgwarden logs` reads a file whole, and the least keeps
// a rotation from coming with every line.
inline constexpr std::size_t kLogLeastBytes = 64U * 1024U;
inline constexpr std::size_t kLogMostBytes = 256U * 1024U * 1024U;
inline constexpr unsigned kLogMostFiles = 100;

// Where its output goes.
struct WorkloadLog {
  bool journal = false;                     // driver: file | journal
  Bytes max_size{limits::kOutputLogBytes};  // of one file
  unsigned max_files = 2;                   // of one stream, the newest included
};

// One `kind: Workload` document (docs: policy-reference.md).
struct Workload {
  std::string
      name;  // metadata.name: [a-z0-9]([a-z0-9.-]*[a-z0-9])?, at most limits::kWorkloadNameBytes
  SourcePosition position;
  std::map<std::string, std::string> labels;
  std::vector<std::string> command;  // at least one word; with an image it may be empty
  std::vector<std::string> args;     // with an image: what follows its entrypoint
  std::string rootfs;  // directory, empty with layers; a relative one is taken from the YAML file's
                       // directory
  // In place of rootfs: directories, the lowest first, laid over each other; relative ones as with
  // rootfs. What the workload writes goes to a directory of the agent's or (upper: tmpfs) to
  // memory.
  std::vector<std::string> layers;
  bool upper_in_memory = false;
  // In place of both: the name of an image that was imported, or the absolute or relative path of
  // what was imported.
  std::string image;
  bool readonly_rootfs = false;
  std::map<std::string, std::string> env;
  std::string cwd = "/";
  bool has_cwd = false;  // it is given, and not the default, which an image may change
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> additional_gids;  // of the image's user
  bool has_user = false;
  std::string hostname;  // default: the name
  bool init = true;      // PID 1 is the built-in init
  WorkloadNetwork network;
  bool user_namespace =
      false;  // userNamespace: {hostId, size}: container ids 0..size-1 map to hostId...
  std::uint32_t user_host_id = 0;
  std::uint32_t user_size = 65536;
  std::vector<WorkloadMount> mounts;
  std::vector<std::string> capabilities_add;   // "CAP_NET_RAW", "ALL"; with the prefix
  std::vector<std::string> capabilities_drop;  // "ALL" or names
  bool seccomp_unconfined = false;             // seccomp: default | unconfined
  Restart restart;
  std::optional<HealthCheck> health;
  WorkloadLog log;
  std::string stop_signal;        // "SIGQUIT"; empty: the image's, else SIGTERM
  Usec stop_timeout{10'000'000};  // stop_signal, then after this SIGKILL
  Resources resources;
};

// Exactly one Workload document. All errors at once, each with its position. Does not touch the
// file system.
[[nodiscard]] std::expected<Workload, std::vector<Diagnostic>> load_workload(
    std::string_view yaml, const std::string& file);

[[nodiscard]] bool valid_workload_name(std::string_view name);

}  // namespace cgwarden::policy
