#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "identity/names.h"

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::identity {

// What to look up, and where: of an owner only that user's files are asked.
struct Question {
  enum class What : std::uint8_t { container, pod, machine, user };
  What what = What::container;
  std::string name;  // container id, pod uid, unit of the machine, uid
  std::optional<std::uint32_t> owner = {};
  auto operator<=>(const Question&) const = default;
};

// The questions that would say more about it; none for what is inside another container.
[[nodiscard]] std::vector<Question> questions_about(const Identity& identity);

// Names from the files that are on every node: the logs of kubelet's containers, the state of
// docker, containerd, cri-o, podman and systemd. No API is asked. Files are opened below one
// directory ("/", or a fixture), links are followed inside it, and only plain files up to a limit
// are read; those of a user must belong to that user. It may wait for a slow file system: not for
// the loop thread.
// Copies are for one thread each.
class HostNames {
 public:
  [[nodiscard]] static Result<HostNames> open(const std::string& root);

  // Lists read before are read again by the next question.
  void begin_pass();
  // nullopt: nothing there says anything (yet). An error: a file is there, but unreadable or
  // damaged.
  [[nodiscard]] Result<std::optional<Names>> look_up(const Question& question);

 private:
  explicit HostNames(UniqueFd root) : root_(std::make_shared<const UniqueFd>(std::move(root))) {}

  using Answer = Result<std::optional<Names>>;
  // A containers/storage: graph root and run root.
  struct Storage {
    std::string graph;
    std::string run;
  };
  static void take_storage(const std::string& config, Storage& storage);
  [[nodiscard]] Answer container(const Question& question);
  [[nodiscard]] Answer from_docker(const std::string& data_root, const Question& question);
  [[nodiscard]] Answer from_containerd(const std::string& id);
  [[nodiscard]] Answer from_storage(const Storage& storage, const Question& question);
  // nullptr: it is not in that list, or there is no list.
  [[nodiscard]] Result<const Names*> listed(const std::string& path, const Question& question);
  [[nodiscard]] Answer of_storage(Names names, const std::string& directory,
                                  const Question& question);
  [[nodiscard]] Answer from_annotations(const std::string& path, const std::string& runtime);
  [[nodiscard]] Answer pod(const std::string& uid);
  [[nodiscard]] Answer machine(const std::string& unit);
  [[nodiscard]] Answer user(const std::string& uid);

  [[nodiscard]] std::optional<Names> log_of(const std::string& id);
  [[nodiscard]] std::string docker_root();
  [[nodiscard]] Storage system_storage();
  [[nodiscard]] std::optional<Account> account_of(std::uint32_t uid);

  // nullopt: there is no such file.
  [[nodiscard]] Result<std::optional<std::string>> read(
      const std::string& path, std::optional<std::uint32_t> owner = std::nullopt) const;
  [[nodiscard]] std::vector<std::string> list(const std::string& path) const;

  std::shared_ptr<const UniqueFd> root_;                          // of all copies
  std::optional<std::map<std::string, Names>> logs_;              // by container id
  std::optional<std::map<std::string, Names>> pods_;              // by uid
  std::map<std::string, std::map<std::string, Names>> storages_;  // lists by their path
};

}  // namespace cgwarden::identity
