#pragma once

#include <string>
#include <vector>

#include "launcher/spawn.h"

// Launches commands in a rootfs made of one static busybox, and keeps what they print.
namespace cgwarden::launcher {

// A directory with /bin/busybox, /bin/sh and a few empty directories; removed at the end.
class Rootfs {
 public:
  Rootfs();
  Rootfs(const Rootfs&) = delete;
  Rootfs& operator=(const Rootfs&) = delete;
  ~Rootfs();
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string path(const std::string& inside) const { return path_ + inside; }
  void write(const std::string& inside, const std::string& text, unsigned mode = 0644) const;

 private:
  std::string path_;
};

// default_spec() with this rootfs, running `sh -c script`.
[[nodiscard]] Spec shell_spec(const Rootfs& rootfs, const std::string& script);

// What one launch did, start to end.
struct Launched {
  bool started = false;
  LaunchError error;   // when not started
  std::string output;  // stdout and stderr together
  int exit_code = -1;  // of the direct child; 128+signal when killed
  WaitStatus command;  // from init's report, else of the direct child
};
[[nodiscard]] Launched launch(const Spec& spec);
[[nodiscard]] Launched launch(const Rootfs& rootfs, const std::string& script);

// Reaps the direct child: 128+signal when killed.
[[nodiscard]] WaitStatus wait_for(pid_t pid);

}  // namespace cgwarden::launcher
