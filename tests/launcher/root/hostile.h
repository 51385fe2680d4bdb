#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "tests/launcher/root/launched.h"

// What attacks on a launch are made of: something of the host that must not change, a process that
// races, and a container of the real runtime that is attacked by what runs in it.
namespace cgwarden::launcher {

// An empty directory of the host; removed at the end.
class HostDirectory {
 public:
  HostDirectory();
  HostDirectory(const HostDirectory&) = delete;
  HostDirectory& operator=(const HostDirectory&) = delete;
  ~HostDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string path(const std::string& inside) const { return path_ + inside; }
  [[nodiscard]] bool untouched() const;  // still empty

 private:
  std::string path_;
};

// While it lives a process exchanges two names (renameat2(2) RENAME_EXCHANGE) as fast as it can:
// the enemy of every check that is made before the use.
class Exchanger {
 public:
  Exchanger(const std::string& one, const std::string& other);
  Exchanger(const Exchanger&) = delete;
  Exchanger& operator=(const Exchanger&) = delete;
  ~Exchanger();
  [[nodiscard]] unsigned long exchanges() const;

 private:
  unsigned long* count_ = nullptr;  // shared with the process
  pid_t pid_ = -1;
};

// A program that runs, and what it prints (stdout and stderr together).
class Running {
 public:
  explicit Running(const std::vector<std::string>& words);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();
  struct Said {
    int exit_code = -1;
    std::string output;
  };
  [[nodiscard]] Said wait();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  UniqueFd output_;
  pid_t pid_ = -1;
};

// A container of cgwarden-oci, from a bundle of its own: created and started at once, deleted at
// the end. `program` is another file of the runtime than the built one.
class OciContainer {
 public:
  explicit OciContainer(Spec spec, std::string program = {});
  OciContainer(const OciContainer&) = delete;
  OciContainer& operator=(const OciContainer&) = delete;
  ~OciContainer();
  // Words of `cgwarden-oci exec`, the id left out: options, then the command.
  [[nodiscard]] std::vector<std::string> exec_words(const std::vector<std::string>& options,
                                                    const std::vector<std::string>& command) const;
  [[nodiscard]] Running::Said exec(const std::vector<std::string>& options,
                                   const std::vector<std::string>& command) const;
  // `exec --process FILE`.
  [[nodiscard]] Running::Said exec_process(const Process& process) const;
  // `sh -c script`.
  [[nodiscard]] Running::Said exec(const std::string& script) const;

 private:
  [[nodiscard]] Running::Said runtime(const std::vector<std::string>& words) const;

  HostDirectory bundle_;
  std::string program_;
};

// The built cgwarden-oci.
[[nodiscard]] std::string runtime_program();

}  // namespace cgwarden::launcher
