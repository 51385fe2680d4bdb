#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "identity/host_names.h"

#include "base/units.h"

namespace cgwarden::agent {

// Looks names up in threads of its own, because the files may be on a file system that does not
// answer: one thread for the files of the system, and up to limits::kNameThreads for those of
// users, each of which reads one user's at a time. A home that hangs keeps the names of its user
// back and no others. ask() and take() never wait; a thread that hangs is left behind at the end.
class NameLookup {
 public:
  using Names = Result<std::optional<identity::Names>>;
  // Answers a few questions in a row, in one thread.
  using LookUp = std::function<Names(const identity::Question& question)>;
  // Makes one whose lists are of now; from any thread.
  using Open = std::function<LookUp()>;
  struct Answer {
    identity::Question question;
    Names names;  // busy: there was none in limits::kNameSeconds
  };

  explicit NameLookup(const identity::HostNames& names);
  explicit NameLookup(Open open);
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  // Each gets an answer, also one that is asked again; what comes after a `busy` comes besides it.
  // `now`: CLOCK_BOOTTIME, here and below.
  void ask(const std::vector<identity::Question>& questions, Usec now);
  // What was found since the last call, and what will not be.
  [[nodiscard]] std::vector<Answer> take(Usec now);
  // Users (and the system) whose files do not answer.
  [[nodiscard]] std::size_t hanging() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace cgwarden::agent
