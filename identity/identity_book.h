#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "identity/host_names.h"
#include "identity/identity.h"
#include "identity/subject.h"

#include "base/clock.h"
#include "base/limits.h"
#include "cgroup/snapshot.h"

namespace cgwarden::identity {

// One cgroup that lives, or whose last values are still shown.
struct Known {
  Identity identity;
  // Wall clock of the first sample; absent for a cgroup that was there before the book.
  std::optional<Usec> appeared = {};
  std::optional<Subject> subject = {};  // subject_of(identity)
};

// The identities of one moment, by cgroup id. Immutable; may be read from any thread.
class Table {
 public:
  using Map = std::unordered_map<std::uint64_t, std::shared_ptr<const Known>>;
  Table() = default;
  explicit Table(Map known) : known_(std::move(known)) {}

  // nullptr: not seen yet.
  [[nodiscard]] const Known* find(CgroupId id) const {
    const auto found = known_.find(id.value);
    return found != known_.end() ? found->second.get() : nullptr;
  }
  // The same, kept as long as the caller wants it.
  [[nodiscard]] std::shared_ptr<const Known> share(CgroupId id) const {
    const auto found = known_.find(id.value);
    return found != known_.end() ? found->second : nullptr;
  }
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  Map known_;
};

// The identities of all cgroups of the newest snapshot, those that ended included. The path is
// known at once; names are asked for, because a runtime writes its files after it made the cgroup,
// and reading them may take time:
//
//   book.observe(snapshot, now);
//   for (const Question& question : book.questions(now)) ... look it up, here or in a thread
//   book.answer(question, names, now);
//   publish(book.table());
//
// Without an answer a question comes again 1, 5 and 30 s later, then no more. Answers outlive their
// cgroups (LRU), so a container that is restarted has its name at once. No clock, no files: pure.
class IdentityBook {
 public:
  explicit IdentityBook(std::size_t remembered = limits::kRememberedNames)
      : remembered_(remembered) {}

  void observe(const cgroup::Snapshot& snapshot, TimePoint now);
  // Those that are due and not yet given out; at most `most`.
  [[nodiscard]] std::vector<Question> questions(TimePoint now, std::size_t most = 1024);
  void answer(const Question& question, const std::optional<Names>& names, TimePoint now);

  // The same object until something changes.
  [[nodiscard]] std::shared_ptr<const Table> table();

 private:
  struct Entry {
    std::shared_ptr<const Known> known;
    std::vector<Question> open;  // not answered yet
    std::uint64_t seen = 0;
  };
  struct Answer {
    std::optional<Names> names;
    unsigned asked = 0;
    bool given_out = false;
    Usec due{0};  // CLOCK_BOOTTIME
    std::list<Question>::iterator age;
  };
  void see(const cgroup::Sample& sample, TimePoint now);
  Answer& remember(const Question& question, TimePoint now);
  void use_answers(Entry& entry);

  std::size_t remembered_;
  std::uint64_t round_ = 0;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::map<Question, Answer> answers_;
  std::list<Question> ages_;  // least recently used first
  std::shared_ptr<const Table> table_ = std::make_shared<const Table>();
  bool changed_ = false;
  bool answered_ = false;
};

}  // namespace cgwarden::identity
