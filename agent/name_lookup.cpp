#include "agent/name_lookup.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

// Whose files are read; nullopt: the system's.
using Owner = std::optional<std::uint32_t>;

constexpr Usec kPatience{limits::kNameSeconds * 1'000'000};

struct Asked {
  identity::Question question;
  Usec when;
};

// The questions about the files of one owner, which one thread at a time reads.
struct Lane {
  std::deque<Asked> waiting;
  std::optional<Asked> reading;
  bool served = false;   // a thread is at it
  bool hanging = false;  // and has been at `reading` for too long
};

NameLookup::Answer no_answer(identity::Question question) {
  Error error{ErrorKind::busy, ETIMEDOUT, "look up", question.name,
              "the file system with its state does not answer; asked again later"};
  return {std::move(question), fail(std::move(error))};
}

}  // namespace

struct NameLookup::Shared {
  explicit Shared(Open opened) : open(std::move(opened)) {}

  void start_threads(const std::shared_ptr<Shared>& self);
  void serve(Owner owner);
  void read(Lane& lane, std::unique_lock<std::mutex>& lock);
  void give_up(Usec now);

  const Open open;
  std::mutex mutex;
  // Of all below. A lane lives while it is served: its thread refers to it.
  std::map<Owner, Lane> lanes;
  std::vector<Answer> answers;
  std::size_t users_threads = 0;
  bool over = false;
};

NameLookup::NameLookup(const identity::HostNames& names)
    : NameLookup([names]() -> LookUp {
        return [fresh = names](const identity::Question& question) mutable {
          return fresh.look_up(question);
        };
      }) {}

NameLookup::NameLookup(Open open) : shared_(std::make_shared<Shared>(std::move(open))) {}

NameLookup::~NameLookup() {
  const std::lock_guard lock(shared_->mutex);
  shared_->over = true;
}

void NameLookup::ask(const std::vector<identity::Question>& questions, Usec now) {
  const std::lock_guard lock(shared_->mutex);
  for (const auto& question : questions) {
    Lane& lane = shared_->lanes[question.owner];
    if (lane.hanging) {
      shared_->answers.push_back(no_answer(question));
    } else {
      lane.waiting.push_back({question, now});
    }
  }
  shared_->start_threads(shared_);
}

std::vector<NameLookup::Answer> NameLookup::take(Usec now) {
  const std::lock_guard lock(shared_->mutex);
  shared_->give_up(now);
  shared_->start_threads(shared_);
  return std::exchange(shared_->answers, {});
}

std::size_t NameLookup::hanging() const {
  const std::lock_guard lock(shared_->mutex);
  return static_cast<std::size_t>(
      std::ranges::count_if(shared_->lanes, [](const auto& lane) { return lane.second.hanging; }));
}

// For the lanes that wait for one, as many as may be. Without a thread they wait for the next call.
void NameLookup::Shared::start_threads(const std::shared_ptr<Shared>& self) {
  for (auto& [owner, lane] : lanes) {
    if (lane.served || lane.waiting.empty()) continue;
    if (owner && users_threads == limits::kNameThreads) continue;
    try {
      std::thread([self, owner = owner] { self->serve(owner); }).detach();
    } catch (const std::system_error&) {
      return;
    }
    lane.served = true;
    if (owner) ++users_threads;
  }
}

// A thread: one owner after the other, as long as somebody waits.
void NameLookup::Shared::serve(Owner owner) {
  std::unique_lock lock(mutex);
  for (;;) {
    read(lanes.at(owner), lock);
    lanes.erase(owner);
    if (!owner) return;
    const auto next = std::ranges::find_if(lanes, [](const auto& lane) {
      return lane.first && !lane.second.served && !lane.second.waiting.empty();
    });
    if (over || next == lanes.end()) break;
    owner = next->first;
    next->second.served = true;
  }
  --users_threads;
}

void NameLookup::Shared::read(Lane& lane, std::unique_lock<std::mutex>& lock) {
  while (!over && !lane.waiting.empty()) {
    const LookUp look_up = open();
    // Those that come meanwhile may be about what came meanwhile: they get lists of their own.
    for (std::size_t left = lane.waiting.size(); left > 0 && !lane.waiting.empty() && !over;
         --left) {
      lane.reading = std::move(lane.waiting.front());
      lane.waiting.pop_front();
      const identity::Question question = lane.reading->question;
      lock.unlock();
      Names names = look_up(question);
      lock.lock();
      lane.reading.reset();
      lane.hanging = false;
      answers.push_back({question, std::move(names)});
    }
  }
}

void NameLookup::Shared::give_up(Usec now) {
  const auto late = [now](const Asked& asked) { return asked.when + kPatience <= now; };
  for (auto& [owner, lane] : lanes) {
    if (!lane.hanging && lane.reading && late(*lane.reading)) {
      lane.hanging = true;
      answers.push_back(no_answer(lane.reading->question));
    }
    // Of a hanging owner none is read; of others, those that wait for a thread.
    while (!lane.waiting.empty() && (lane.hanging || late(lane.waiting.front()))) {
      answers.push_back(no_answer(std::move(lane.waiting.front().question)));
      lane.waiting.pop_front();
    }
  }
  // What nobody reads and nobody asks.
  std::erase_if(
      lanes, [](const auto& lane) { return !lane.second.served && lane.second.waiting.empty(); });
}

}  // namespace cgwarden::agent
