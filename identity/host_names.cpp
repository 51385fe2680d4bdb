#include "identity/host_names.h"

#include <algorithm>
#include <array>

#include "identity/unit_name.h"

namespace cgwarden::identity {
namespace {

// Drivers of containers/storage whose directory a container may be in.
constexpr std::array kDrivers{"overlay", "vfs", "btrfs"};

// Where containerd keeps its tasks: its own place, those of k3s and RKE2, k0s, microk8s.
constexpr std::array kContainerdStates{"/run/containerd", "/run/k3s/containerd",
                                       "/run/k0s/containerd",
                                       "/var/snap/microk8s/common/run/containerd"};
// Containerd's namespace whose containers kubelet asked for.
constexpr std::string_view kKubernetesNamespace = "k8s.io";

// A user's files may name a container and its image, but no pod of the cluster.
Names of_a_user(Names names) {
  names.pod.clear();
  names.pod_uid.clear();
  names.pod_namespace.clear();
  names.sandbox = false;
  names.claimed = {};
  return names;
}

// A name that is one component of a path.
bool is_component(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && name.size() <= 255;
}

void take_missing(Names& names, const Names& more) {
  const auto take = [](std::string& to, const std::string& from) {
    if (to.empty()) to = from;
  };
  take(names.runtime, more.runtime);
  take(names.container, more.container);
  take(names.pod, more.pod);
  take(names.pod_uid, more.pod_uid);
  take(names.pod_namespace, more.pod_namespace);
  take(names.image, more.image);
  names.sandbox = names.sandbox || more.sandbox;
  if (names.claimed == PodLabels{}) names.claimed = more.claimed;
}

}  // namespace

std::vector<Question> questions_about(const Identity& identity) {
  using enum Question::What;
  std::vector<Question> questions;
  if (!identity.user.empty()) questions.push_back({user, identity.user, {}});
  if (identity.nested) return questions;
  if (is_container_id(identity.container_id)) {
    questions.push_back({container, identity.container_id, identity.owner});
  }
  if (identity.owner) return questions;
  // podman's pods have an id of 64 digits and no logs of kubelet.
  if (!identity.pod_uid.empty() && !is_container_id(identity.pod_uid)) {
    questions.push_back({pod, identity.pod_uid, {}});
  }
  const bool of_machined = identity.runtime == "nspawn" || identity.runtime == "libvirt";
  if (of_machined && !identity.unit.empty()) questions.push_back({machine, identity.unit, {}});
  return questions;
}

HostNames::Answer HostNames::look_up(const Question& question) {
  if (!is_component(question.name)) return std::optional<Names>();
  switch (question.what) {
    case Question::What::container:
      return container(question);
    case Question::What::pod:
      return pod(question.name);
    case Question::What::machine:
      return machine(question.name);
    case Question::What::user:
      return user(question.name);
  }
  return std::optional<Names>();
}

HostNames::Answer HostNames::container(const Question& question) {
  if (question.owner) {
    const auto account = account_of(*question.owner);
    if (!account) return std::optional<Names>();
    const std::string& home = account->home;
    Storage storage{home + "/.local/share/containers/storage",
                    "/run/user/" + std::to_string(*question.owner) + "/containers"};
    CGW_ASSIGN(const auto config, read(home + "/.config/containers/storage.conf", question.owner));
    if (config) take_storage(*config, storage);
    CGW_ASSIGN(auto found, from_storage(storage, question));
    if (!found) {
      CGW_ASSIGN(found, from_docker(home + "/.local/share/docker", question));
    }
    if (found) found = of_a_user(*std::move(found));
    return found;
  }
  // One damaged file must not hide what another one says.
  std::optional<Names> names;
  std::optional<Error> error;
  const auto add = [&](Answer answer) {
    if (!answer) {
      error = std::move(answer).error();
    } else if (*answer) {
      if (!names) names.emplace();
      take_missing(*names, **answer);
    }
  };
  // First, because its name is that in the pod; the runtimes make one of all names.
  if (const auto log = log_of(question.name)) names = *log;
  add(from_docker(docker_root(), question));
  add(from_containerd(question.name));
  add(from_storage(system_storage(), question));
  if (names) return names;
  if (error) return fail(*std::move(error));
  return std::optional<Names>();
}

HostNames::Answer HostNames::from_docker(const std::string& data_root, const Question& question) {
  const std::string path = data_root + "/containers/" + question.name + "/config.v2.json";
  CGW_ASSIGN(const auto text, read(path, question.owner));
  if (!text) return std::optional<Names>();
  CGW_ASSIGN(Names names, parse_docker_config(*text, path));
  return std::optional(std::move(names));
}

HostNames::Answer HostNames::from_annotations(const std::string& path, const std::string& runtime) {
  CGW_ASSIGN(const auto text, read(path));
  if (!text) return std::optional<Names>();
  CGW_ASSIGN(Names names, parse_oci_annotations(*text, path));
  names.runtime = runtime;
  return std::optional(std::move(names));
}

HostNames::Answer HostNames::from_containerd(const std::string& id) {
  for (const std::string state : kContainerdStates) {
    const std::string tasks = state + "/io.containerd.runtime.v2.task";
    for (const auto& name_space : list(tasks)) {
      // docker's own containers; its files say more.
      if (name_space == "moby") continue;
      CGW_ASSIGN(auto found, from_annotations(tasks + "/" + name_space + "/" + id + "/config.json",
                                              "containerd"));
      if (!found) continue;
      if (name_space != kKubernetesNamespace) return found;
      return std::optional(with_claim(*std::move(found)));
    }
  }
  return std::optional<Names>();
}

Result<const Names*> HostNames::listed(const std::string& path, const Question& question) {
  auto known = storages_.find(path);
  if (known == storages_.end()) {
    CGW_ASSIGN(const auto text, read(path, question.owner));
    std::map<std::string, Names> containers;
    if (text) {
      CGW_ASSIGN(containers, parse_containers_json(*text, path));
    }
    known = storages_.emplace(path, std::move(containers)).first;
  }
  const auto entry = known->second.find(question.name);
  return entry != known->second.end() ? &entry->second : nullptr;
}

HostNames::Answer HostNames::from_storage(const Storage& storage, const Question& question) {
  std::optional<Error> error;
  for (const std::string driver : kDrivers) {
    const std::string below = "/" + driver + "-containers/";
    // Those of `podman run --rm` are in the second, with transient_store in the third.
    for (const std::string& list : {storage.graph + below + "containers.json",
                                    storage.graph + below + "volatile-containers.json",
                                    storage.run + below + "volatile-containers.json"}) {
      auto entry = listed(list, question);
      if (!entry) {
        error = std::move(entry).error();
      } else if (*entry != nullptr) {
        return of_storage(**entry, storage.graph + below, question);
      }
    }
  }
  if (error) return fail(*std::move(error));
  return std::optional<Names>();
}

HostNames::Answer HostNames::of_storage(Names names, const std::string& directory,
                                        const Question& question) {
  if (question.owner) return std::optional(std::move(names));
  // cri-o: its annotations have the pod, and the name above is made of all of them.
  CGW_ASSIGN(const auto more,
             from_annotations(directory + question.name + "/userdata/config.json", ""));
  if (more) take_missing(names, *more);
  names.runtime = more && !more->claimed.pod.empty() ? "cri-o" : "podman";
  return std::optional(std::move(names));
}

HostNames::Answer HostNames::machine(const std::string& unit) {
  CGW_ASSIGN(const auto text, read("/run/systemd/machines/unit:" + unit));
  if (!text) return std::optional<Names>();
  Names names;
  names.container = parse_state_variable(*text, "NAME").value_or("");
  const auto service = parse_state_variable(*text, "SERVICE").value_or("");
  if (service.starts_with("libvirt")) names.runtime = "libvirt";
  return std::optional(std::move(names));
}

HostNames::Answer HostNames::user(const std::string& uid) {
  CGW_ASSIGN(const auto text, read("/run/systemd/users/" + uid));
  Names names;
  // systemd-logind knows who is logged in or lingers; the manager of another one runs, too.
  if (text) names.user = parse_state_variable(*text, "NAME").value_or("");
  const auto number = parse_uid(uid);
  if (names.user.empty() && number) {
    if (auto account = account_of(*number)) names.user = std::move(account->name);
  }
  if (names.empty()) return std::optional<Names>();
  return std::optional(std::move(names));
}

}  // namespace cgwarden::identity
