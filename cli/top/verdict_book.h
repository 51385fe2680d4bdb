#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/top/frame.h"

namespace cgwarden::cli::top {

// The last verdicts of everybody, from the store. Reads it again when it has changed.
class VerdictBook {
 public:
  explicit VerdictBook(std::string store_path) : path_(std::move(store_path)) {}

  // No store is no verdict; one that cannot be read is an error, and the verdicts of before stay.
  [[nodiscard]] Status refresh();
  // Gives each row the last verdict that there was at the time of the frame.
  void put_into(Frame& frame) const;

  // For tests, and for refresh(): newest first.
  void set(const std::string& name, std::vector<LastVerdict> verdicts);

 private:
  std::string path_;
  std::string version_;  // of the file: inode, size and time of its last change
  std::map<std::string, std::vector<LastVerdict>> by_name_;
};

}  // namespace cgwarden::cli::top
