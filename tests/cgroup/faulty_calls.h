#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cgroup/control_files.h"

namespace cgwarden::cgroup::testing {

// Counts the calls and the files opened; the n-th call (from 1) fails.
class FaultyCalls final : public ControlFiles {
 public:
  void fail_at(int call, int errno_value) {
    calls_ = 0;
    fail_at_ = call;
    errno_value_ = errno_value;
    failed_ = false;
  }
  // The n-th read (from 1) ends in the middle of the text.
  void cut_at(int read) {
    reads_ = 0;
    cut_at_ = read;
    failed_ = false;
  }
  // Every read of `file` fails from now on.
  void fail_always(std::string file, int errno_value) {
    broken_ = std::move(file);
    errno_value_ = errno_value;
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] int calls() const { return calls_; }
  std::vector<std::string> opened;

  Result<UniqueFd> open_cgroup(const Tree& tree, std::string_view path) override {
    if (now()) return fail(Error::from_errno(errno_value_, "open", std::string(path)));
    return kernel_.open_cgroup(tree, path);
  }
  Result<Listing> list(int directory) override {
    if (now()) return fail(Error::from_errno(errno_value_, "list", "."));
    return kernel_.list(directory);
  }
  Result<UniqueFd> open(int directory, std::string_view file) override {
    opened.emplace_back(file);
    if (now()) return fail(Error::from_errno(errno_value_, "open", std::string(file)));
    return kernel_.open(directory, file);
  }
  Result<std::size_t> read(int fd, std::span<char> buffer, std::string_view file) override {
    if (now() || file == broken_) {
      return fail(Error::from_errno(errno_value_, "read", std::string(file)));
    }
    auto size = kernel_.read(fd, buffer, file);
    if (++reads_ == cut_at_ && size) {
      failed_ = true;
      *size = *size * 2 / 3;
    }
    return size;
  }

 private:
  bool now() {
    const bool hit = ++calls_ == fail_at_;
    failed_ |= hit;
    return hit;
  }
  KernelFiles kernel_;
  int calls_ = 0;
  int fail_at_ = 0;
  int reads_ = 0;
  int cut_at_ = 0;
  int errno_value_ = 0;
  bool failed_ = false;
  std::string broken_;
};

}  // namespace cgwarden::cgroup::testing
