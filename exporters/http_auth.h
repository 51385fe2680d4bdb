#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace cgwarden::exporters {

// The users of one configuration. A name nobody has takes as long to refuse as a wrong password.
// Thread-safe.
class Credentials {
 public:
  // name -> bcrypt hash ($2a$, $2b$, $2y$)
  explicit Credentials(std::map<std::string, std::string> users);

  // What an earlier verify() said; nullopt: this one is new, or too long ago.
  [[nodiscard]] std::optional<bool> known(const std::string& user,
                                          const std::string& password) const;
  // Computes the hash, which takes tenths of a second and is made to.
  [[nodiscard]] bool verify(const std::string& user, const std::string& password);

 private:
  using Digest = std::array<std::uint8_t, 32>;
  [[nodiscard]] Digest digest(const std::string& user, const std::string& password) const;
  void remember(std::set<Digest>& known, const Digest& digest);

  std::map<std::string, std::string> users_;
  std::string slowest_hash_;
  std::array<std::uint8_t, 32> secret_{};
  mutable std::mutex mutex_;
  // Apart: wrong ones, however many, must not push the right ones out.
  std::set<Digest> right_;
  std::set<Digest> wrong_;
};

// Verifies passwords one at a time on a thread of its own: hashing must neither occupy the threads
// that answer nor more than one processor.
class PasswordThread {
 public:
  struct Job {
    std::shared_ptr<Credentials> credentials;
    std::string user;
    std::string password;
    std::function<void(bool)> done;  // on that thread; of a job that is dropped, with false
  };
  PasswordThread();
  ~PasswordThread();
  PasswordThread(const PasswordThread&) = delete;
  PasswordThread& operator=(const PasswordThread&) = delete;

  // False after stop(): the job's `done` is not called.
  [[nodiscard]] bool add(Job job);
  // Waits for the job in work, drops the others.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace cgwarden::exporters
