#include "exporters/http_auth.h"

#include <crypt.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/limits.h"
#include "exporters/signals_blocked.h"

namespace cgwarden::exporters {
namespace {

// Constant time, for texts of one length.
bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::gnutls_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool hash_matches(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();
  const char* computed = ::crypt_r(password.c_str(), hash.c_str(), data.get());
  const bool match = computed != nullptr && *computed != '*' && same(computed, hash);
  ::explicit_bzero(data.get(), sizeof *data);
  return match;
}

void forget(std::string& secret) { ::explicit_bzero(secret.data(), secret.size()); }

}  // namespace

Credentials::Credentials(std::map<std::string, std::string> users) : users_(std::move(users)) {
  // "$2y$12$": the cost has two digits.
  for (const auto& [name, hash] : users_) {
    if (slowest_hash_.empty() || hash.substr(4, 2) > slowest_hash_.substr(4, 2)) {
      slowest_hash_ = hash;
    }
  }
  ::gnutls_rnd(GNUTLS_RND_KEY, secret_.data(), secret_.size());
}

// Keyed, so that neither memory nor the order of the set says anything about a password.
Credentials::Digest Credentials::digest(const std::string& user,
                                        const std::string& password) const {
  std::string text = user;
  text += '\0';
  text += password;
  Digest out{};
  ::gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret_.data(), secret_.size(), text.data(), text.size(),
                     out.data());
  forget(text);
  return out;
}

std::optional<bool> Credentials::known(const std::string& user, const std::string& password) const {
  const Digest wanted = digest(user, password);
  const std::lock_guard lock(mutex_);
  if (right_.contains(wanted)) return true;
  if (wrong_.contains(wanted)) return false;
  return std::nullopt;
}

void Credentials::remember(std::set<Digest>& known, const Digest& digest) {
  const std::lock_guard lock(mutex_);
  if (known.size() >= limits::kHttpKnownCredentials) known.clear();
  known.insert(digest);
}

bool Credentials::verify(const std::string& user, const std::string& password) {
  const auto found = users_.find(user);
  const bool exists = found != users_.end();
  // A password with a NUL cannot be anybody's: crypt(3) would see only its beginning.
  const bool match = hash_matches(password, exists ? found->second : slowest_hash_) && exists &&
                     password.find('\0') == std::string::npos;
  remember(match ? right_ : wrong_, digest(user, password));
  return match;
}

PasswordThread::PasswordThread() {
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

PasswordThread::~PasswordThread() { stop(); }

bool PasswordThread::add(Job job) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return false;
  jobs_.push_back(std::move(job));
  changed_.notify_one();
  return true;
}

void PasswordThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void PasswordThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    const bool dropped = stopping_;
    lock.unlock();
    bool match = false;
    if (!dropped) {
      // A retry while the first one was in work has its answer already.
      const auto known = job.credentials->known(job.user, job.password);
      match = known ? *known : job.credentials->verify(job.user, job.password);
    }
    forget(job.password);
    job.done(match);
    lock.lock();
  }
}

}  // namespace cgwarden::exporters
