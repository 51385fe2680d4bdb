#include "identity/identity_book.h"

#include <algorithm>
#include <array>

namespace cgwarden::identity {
namespace {

// After the first, second and third answer that said nothing.
constexpr std::array<Usec, 3> kRetries{Usec{1'000'000}, Usec{5'000'000}, Usec{30'000'000}};

}  // namespace

IdentityBook::Answer& IdentityBook::remember(const Question& question, TimePoint now) {
  const auto [at, is_new] = answers_.try_emplace(question);
  if (is_new) {
    at->second.due = now.boottime;
    at->second.age = ages_.insert(ages_.end(), question);
  } else {
    ages_.splice(ages_.end(), ages_, at->second.age);
  }
  return at->second;
}

void IdentityBook::see(const cgroup::Sample& sample, TimePoint now) {
  Entry& entry = entries_[sample.id.value];
  entry.seen = round_;
  if (entry.known) return;
  changed_ = true;
  Known known{of_path(sample.path), round_ == 1 ? std::nullopt : std::optional(now.wall)};
  entry.open = questions_about(known.identity);
  known.subject = subject_of(known.identity);
  entry.known = std::make_shared<const Known>(std::move(known));
  for (const Question& question : entry.open) {
    // A container that came back without its name is asked about like a new one.
    Answer& answer = remember(question, now);
    if (!answer.names && answer.asked > kRetries.size()) {
      answer.asked = 0;
      answer.due = now.boottime;
    }
  }
  use_answers(entry);
}

void IdentityBook::end(const cgroup::Sample& sample, TimePoint now) {
  const bool is_new = !entries_.contains(sample.id.value);
  see(sample, now);
  Entry& entry = entries_[sample.id.value];
  if (entry.known->last_seen) return;
  Known known = *entry.known;
  known.last_seen = is_new ? now.wall : before_;
  entry.known = std::make_shared<const Known>(std::move(known));
  changed_ = true;
}

void IdentityBook::observe(const cgroup::Snapshot& snapshot, TimePoint now) {
  ++round_;
  for (const auto& sample : snapshot.samples()) see(sample, now);
  for (const auto* samples : {&snapshot.ended(), &snapshot.gone()}) {
    for (const auto& sample : *samples) end(sample, now);
  }
  before_ = now.wall;
  const std::size_t gone =
      std::erase_if(entries_, [&](const auto& entry) { return entry.second.seen != round_; });
  changed_ = changed_ || gone > 0;
  while (answers_.size() > remembered_) {
    answers_.erase(ages_.front());
    ages_.pop_front();
  }
}

void IdentityBook::use_answers(Entry& entry) {
  std::erase_if(entry.open, [&](const Question& question) {
    const auto found = answers_.find(question);
    if (found == answers_.end()) return true;  // forgotten: there are too many
    if (!found->second.names) return found->second.asked > kRetries.size();
    Known known = *entry.known;
    known.identity = completed(std::move(known.identity), *found->second.names);
    known.subject = subject_of(known.identity);
    entry.known = std::make_shared<const Known>(std::move(known));
    changed_ = true;
    return true;
  });
}

std::vector<Question> IdentityBook::questions(TimePoint now, std::size_t most) {
  std::vector<Question> due;
  for (const auto& [id, entry] : entries_) {
    for (const Question& question : entry.open) {
      if (due.size() == most) return due;
      const auto found = answers_.find(question);
      if (found == answers_.end()) continue;
      Answer& answer = found->second;
      if (answer.names || answer.given_out || now.boottime < answer.due) continue;
      answer.given_out = true;
      due.push_back(question);
    }
  }
  return due;
}

void IdentityBook::answer(const Question& question, const std::optional<Names>& names,
                          TimePoint now) {
  const auto found = answers_.find(question);
  if (found == answers_.end()) return;
  Answer& answer = found->second;
  answer.given_out = false;
  answer.names = names;
  if (!names) {
    const std::size_t retry = std::min<std::size_t>(answer.asked, kRetries.size() - 1);
    answer.due = now.boottime + kRetries.at(retry);
  }
  ++answer.asked;
  answered_ = true;
}

void IdentityBook::postpone(const Question& question, TimePoint now) {
  const auto found = answers_.find(question);
  if (found == answers_.end()) return;
  found->second.given_out = false;
  found->second.due = now.boottime + kRetries.back();
}

std::shared_ptr<const Table> IdentityBook::table() {
  if (answered_) {
    for (auto& [id, entry] : entries_) use_answers(entry);
    answered_ = false;
  }
  if (changed_) {
    Table::Map known;
    known.reserve(entries_.size());
    for (const auto& [id, entry] : entries_) known.emplace(id, entry.known);
    table_ = std::make_shared<const Table>(std::move(known));
    changed_ = false;
  }
  return table_;
}

}  // namespace cgwarden::identity
