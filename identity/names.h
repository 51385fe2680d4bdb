#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "identity/identity.h"

#include "base/result.h"

// What the files of runtimes and of systemd say for people. All parsers are pure; a text that is
// not in its format is `malformed`, an unknown or absent key is no error.
namespace cgwarden::identity {

// Of which pod a container says it is. Empty: not said.
struct PodLabels {
  std::string container = {};  // its name in the pod; none of a sandbox
  std::string pod = {};
  std::string uid = {};
  std::string pod_namespace = {};
  bool sandbox = false;

  bool operator==(const PodLabels&) const = default;
};

// What is known of one container, pod, machine or user beyond its path. Empty: not said.
struct Names {
  std::string runtime = {};
  std::string container = {};
  std::string pod = {};
  std::string pod_uid = {};
  std::string pod_namespace = {};
  std::string image = {};
  std::string user = {};
  bool sandbox = false;
  // From where an image's labels and annotations are, too: believed in the cgroup of that pod only.
  PodLabels claimed = {};

  [[nodiscard]] bool empty() const { return *this == Names{}; }
  bool operator==(const Names&) const = default;
};

// `identity` with what is in `names` put in; what the path said stays, but for a runtime that was
// only a guess.
[[nodiscard]] Identity completed(Identity identity, const Names& names);

// `names` with what is claimed taken for true: where only a runtime of Kubernetes writes.
[[nodiscard]] Names with_claim(Names names);

// A link of /var/log/containers: "POD_NAMESPACE_CONTAINER-ID.log".
struct ContainerLog {
  std::string id;
  Names names;
};
[[nodiscard]] std::optional<ContainerLog> parse_container_log(std::string_view file);

// A directory of /var/log/pods: "NAMESPACE_POD_UID".
[[nodiscard]] std::optional<Names> parse_pod_log_directory(std::string_view name);

// containers/ID/config.v2.json of docker. With Kubernetes (cri-dockerd) the labels have the pod,
// `claimed` because an image may bring the same.
[[nodiscard]] Result<Names> parse_docker_config(const std::string& text, const std::string& where);

// The annotations of an OCI config.json as containerd's CRI plugin, cri-o and nerdctl write them,
// and Kubernetes' own. What they say of the pod is `claimed`: whether an image could have said it
// depends on who wrote the file.
[[nodiscard]] Result<Names> parse_oci_annotations(const std::string& text,
                                                  const std::string& where);

// containers.json and volatile-containers.json of containers/storage (podman, cri-o): by id.
[[nodiscard]] Result<std::map<std::string, Names>> parse_containers_json(const std::string& text,
                                                                         const std::string& where);

// "data-root" of docker's daemon.json; nullopt: not set.
[[nodiscard]] Result<std::optional<std::string>> parse_docker_data_root(const std::string& text,
                                                                        const std::string& where);

// A key of the [storage] table of storage.conf (containers-storage.conf(5)); nullopt: not set.
[[nodiscard]] std::optional<std::string> parse_storage_key(std::string_view text,
                                                           std::string_view key);

// A variable of an environment file as systemd writes its state (KEY=VALUE, quoted by C's rules
// where needed); nullopt: not set.
[[nodiscard]] std::optional<std::string> parse_state_variable(std::string_view text,
                                                              std::string_view key);

// The account of a uid in passwd(5); nullopt: there is none with an absolute home directory.
struct Account {
  std::string name;
  std::string home;
};
[[nodiscard]] std::optional<Account> parse_account(std::string_view passwd, std::uint32_t uid);

}  // namespace cgwarden::identity
