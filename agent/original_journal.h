#pragma once

#include <sys/types.h>

#include <cstddef>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "policy/original.h"

namespace cgwarden::agent {

// What control files had before policies were written, in a file of the state directory that
// survives a kill -9 of whoever writes it:
//
//   CGW_ASSIGN(auto journal, OriginalJournal::open(state_dir, boot_id()));
//   CGW_TRY(journal.note({entry}));  // now the control file may be written
//
// The agent and `policy apply` write it, each under a lock; what the other has done is taken in
// before. Entries of an earlier boot are dropped: their cgroups are gone. One thread.
class OriginalJournal {
 public:
  using Entries = std::map<policy::KnobKey, policy::Original>;

  // malformed: the file is not one of ours, and stays as it is.
  [[nodiscard]] static Result<OriginalJournal> open(const std::string& state_dir,
                                                    const std::string& boot_id);

  // As last taken in.
  [[nodiscard]] const Entries& all() const { return entries_; }
  [[nodiscard]] const policy::Original* find(const policy::KnobKey& key) const;

  // Takes in what another process has written.
  [[nodiscard]] Status refresh();
  // Adds the entries, or replaces those of the same knob; they outlive this process when it
  // returns. invalid: there are limits::kOriginals already.
  [[nodiscard]] Status note(const std::vector<policy::Original>& entries);
  [[nodiscard]] Status forget(const std::vector<policy::KnobKey>& keys);
  // Forgets them; of a file with devices those that the entries' originals name.
  [[nodiscard]] Status forget_parts(const std::vector<policy::Original>& parts);

 private:
  OriginalJournal(std::string path, std::string boot_id, UniqueFd lock)
      : path_(std::move(path)), boot_id_(std::move(boot_id)), lock_(std::move(lock)) {}
  class Locked;

  Status take_in();
  Status append(const std::string& lines);
  Status rewrite();
  void remember_file(int fd);
  [[nodiscard]] bool file_is_as_remembered() const;

  std::string path_;
  std::string boot_id_;
  UniqueFd lock_;  // of originals.lock
  Entries entries_;
  std::size_t lines_ = 0;  // of the file, dead ones included
  bool torn_ = false;      // its last line is a half one
  bool of_boot_ = false;   // it is of this boot
  ino_t inode_ = 0;
  off_t size_ = -1;
  timespec modified_{};
};

}  // namespace cgwarden::agent
