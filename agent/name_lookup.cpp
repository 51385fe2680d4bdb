#include "agent/name_lookup.h"

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

namespace cgwarden::agent {

struct NameLookup::Shared {
  explicit Shared(identity::HostNames opened) : names(std::move(opened)) {}
  identity::HostNames names;  // the thread's
  std::mutex mutex;
  std::condition_variable asked;
  std::vector<identity::Question> questions;
  std::vector<Answer> answers;
  bool over = false;
};

NameLookup::NameLookup(identity::HostNames names)
    : shared_(std::make_shared<Shared>(std::move(names))) {}

NameLookup::~NameLookup() {
  const std::lock_guard lock(shared_->mutex);
  shared_->over = true;
  shared_->asked.notify_one();
}

void NameLookup::ask(std::vector<identity::Question> questions) {
  if (questions.empty()) return;
  if (!started_) {
    try {
      std::thread(&NameLookup::work, shared_).detach();
      started_ = true;
    } catch (const std::system_error&) {  // no thread to be had: the next tick tries again
      const std::lock_guard lock(shared_->mutex);
      for (auto& question : questions) {
        shared_->answers.push_back({std::move(question), std::optional<identity::Names>()});
      }
      return;
    }
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->questions.insert(shared_->questions.end(), questions.begin(), questions.end());
  shared_->asked.notify_one();
}

std::vector<NameLookup::Answer> NameLookup::take() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->answers, {});
}

void NameLookup::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->asked.wait(lock, [&] { return shared->over || !shared->questions.empty(); });
    if (shared->over) return;
    const auto questions = std::exchange(shared->questions, {});
    lock.unlock();
    shared->names.begin_pass();
    std::vector<Answer> answers;
    answers.reserve(questions.size());
    for (const auto& question : questions) {
      answers.push_back({question, shared->names.look_up(question)});
    }
    lock.lock();
    std::move(answers.begin(), answers.end(), std::back_inserter(shared->answers));
  }
}

}  // namespace cgwarden::agent
