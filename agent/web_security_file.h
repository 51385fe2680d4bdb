#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "exporters/web_security.h"
#include "policy/web_config.h"

namespace cgwarden::agent {

// The web configuration file (policy/web_config.h) and the PEM files it names, read again when one
// of them has changed.
class WebSecurityFile {
 public:
  // Empty: there is none, and everybody is let in over plain HTTP.
  explicit WebSecurityFile(std::string path) : path_(std::move(path)) {}

  // invalid, with every diagnostic in `detail`; or why one of the files cannot be
  // read, and which line names it.
  [[nodiscard]] Result<exporters::WebSecurity> load();
  // What load() took otherwise than exporters do, a sentence each.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  // Has one of the files that load() read, or could not read, changed since?
  [[nodiscard]] bool changed() const;

 private:
  struct Stamp {
    std::string path;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = -1;  // -1: there is none
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  [[nodiscard]] static Stamp stamp_of(const std::string& path);
  [[nodiscard]] Result<std::string> read(const std::string& path);
  [[nodiscard]] Result<std::string> pem(const policy::PemSource& source);

  std::string path_;
  std::vector<std::string> notes_;
  std::vector<Stamp> read_;
};

// What is wrong with the file and the certificates it names, as the error; else
// WebSecurityFile::notes(). Nothing is served.
[[nodiscard]] Result<std::vector<std::string>> check_web_config(const std::string& path);

}  // namespace cgwarden::agent
