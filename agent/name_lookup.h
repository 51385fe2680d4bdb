#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "identity/host_names.h"

namespace cgwarden::agent {

// Looks names up in a thread of its own, because the files may be on a file system that does not
// answer. ask() and take() never wait; a thread that hangs is left behind at the end.
class NameLookup {
 public:
  struct Answer {
    identity::Question question;
    Result<std::optional<identity::Names>> names;
  };

  explicit NameLookup(identity::HostNames names);
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  // Starts the thread with the first question.
  void ask(std::vector<identity::Question> questions);
  // What was found since the last call.
  [[nodiscard]] std::vector<Answer> take();

 private:
  struct Shared;
  static void work(const std::shared_ptr<Shared>& shared);
  std::shared_ptr<Shared> shared_;
  bool started_ = false;
};

}  // namespace cgwarden::agent
