#include "agent/original_journal.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "policy/device_knobs.h"

namespace cgwarden::agent {
namespace {

using JournalLine = nlohmann::ordered_json;
using policy::Keeper;
using policy::KnobKey;
using policy::Original;
using policy::Through;

constexpr int kJournalVersion = 1;
// Dead lines beside as many living ones are worth a new file.
constexpr std::size_t kDeadLines = 1000;

// A cgroup's name is bytes and JSON is UTF-8: each byte is the code point of its number.
std::string from_bytes(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xC0U | (byte >> 6U));
      text += static_cast<char>(0x80U | (byte & 0x3FU));
    }
  }
  return text;
}

std::optional<std::string> to_bytes(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first < 0x80) {
      bytes += text[i];
    } else if ((first == 0xC2 || first == 0xC3) && i + 1 < text.size()) {
      const auto second = static_cast<unsigned char>(text[++i]);
      bytes += static_cast<char>(((first & 0x03U) << 6U) | (second & 0x3FU));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

std::string line_of(const JournalLine& object) { return object.dump() + "\n"; }

std::string header_line(const std::string& boot_id) {
  return line_of({{"version", kJournalVersion}, {"boot", boot_id}});
}

std::string entry_line(const Original& entry) {
  return line_of({{"cgroup", from_bytes(entry.cgroup)},
                  {"id", entry.id.value},
                  {"file", entry.file},
                  {"original", entry.original},
                  {"ours", entry.ours},
                  {"previous", entry.previous},
                  {"policy", entry.policy},
                  {"keeper", entry.keeper == Keeper::agent ? "agent" : "apply"},
                  {"through", entry.through == Through::systemd ? "systemd" : "cgroupfs"},
                  {"since_wall_usec", entry.since.count()},
                  {"allow_oom", entry.allow_oom}});
}

std::string forgotten_line(const KnobKey& key, CgroupId id) {
  JournalLine line = {{"forget", true}, {"id", id.value}, {"file", key.file}};
  if (!key.unit.empty()) line["unit"] = from_bytes(key.unit);
  return line_of(line);
}

// A version of cgwarden that knew units by their cgroups wrote no unit.
void forget_line(const KnobKey& key, const JournalLine& line, OriginalJournal::Entries& entries) {
  if (line.contains("unit")) {
    const auto unit = to_bytes(line.at("unit").get<std::string>());
    if (unit) entries.erase({CgroupId{}, key.file, *unit});
    return;
  }
  std::erase_if(entries, [&](const auto& known) {
    return known.second.id == key.id && known.second.file == key.file;
  });
}

// Throws what nlohmann throws.
void take_line(const JournalLine& line, OriginalJournal::Entries& entries) {
  const KnobKey key{CgroupId{line.at("id").get<std::uint64_t>()},
                    line.at("file").get<std::string>()};
  if (line.contains("forget")) {
    forget_line(key, line, entries);
    return;
  }
  const auto cgroup = to_bytes(line.at("cgroup").get<std::string>());
  if (!cgroup) return;
  Original entry;
  entry.cgroup = *cgroup;
  entry.id = key.id;
  entry.file = key.file;
  line.at("original").get_to(entry.original);
  line.at("ours").get_to(entry.ours);
  line.at("previous").get_to(entry.previous);
  line.at("policy").get_to(entry.policy);
  entry.keeper = line.at("keeper") == "apply" ? Keeper::apply : Keeper::agent;
  entry.through = line.at("through") == "systemd" ? Through::systemd : Through::cgroupfs;
  entry.since = Usec(line.at("since_wall_usec").get<std::uint64_t>());
  entry.allow_oom = line.value("allow_oom", false);  // an earlier version wrote none
  entries.insert_or_assign(entry.key(), std::move(entry));
}

}  // namespace

// flock(2) of the lock file, as the journal itself is replaced.
class OriginalJournal::Locked {
 public:
  explicit Locked(int fd) : fd_(fd) {
    while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() { ::flock(fd_, LOCK_UN); }

 private:
  int fd_;
};

Result<OriginalJournal> OriginalJournal::open(const std::string& state_dir,
                                              const std::string& boot_id) {
  CGW_ASSIGN(UniqueFd lock,
             open_at(AT_FDCWD, state_dir + "/originals.lock", O_RDWR | O_CREAT, 0600));
  OriginalJournal journal(state_dir + "/originals.jsonl", boot_id, std::move(lock));
  CGW_TRY(journal.refresh());
  return journal;
}

const Original* OriginalJournal::find(const KnobKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

Status OriginalJournal::refresh() {
  const Locked locked(lock_.get());
  return take_in();
}

Status OriginalJournal::note(const std::vector<Original>& entries) {
  if (entries.empty()) return {};
  const Locked locked(lock_.get());
  CGW_TRY(take_in());
  std::string lines;
  // Not a copy of all: a new cgroup waits for this.
  std::map<KnobKey, std::optional<Original>> before;
  for (const Original& entry : entries) {
    const auto known = entries_.find(entry.key());
    before.try_emplace(entry.key(),
                       known == entries_.end() ? std::nullopt : std::optional(known->second));
    // It was written in the other way before. The line without a unit forgets every entry of
    // its id, and so stands before the new one.
    const auto other = entries_.find(entry.other_key());
    if (other != entries_.end() && other->second.cgroup == entry.cgroup) {
      lines += forgotten_line(other->first, other->second.id);
      before.try_emplace(other->first, other->second);
      entries_.erase(other);
    }
    entries_.insert_or_assign(entry.key(), entry);
    lines += entry_line(entry);
  }
  const auto take_back = [&] {
    for (auto& [key, entry] : before) {
      if (entry) {
        entries_.insert_or_assign(key, *std::move(entry));
      } else {
        entries_.erase(key);
      }
    }
  };
  if (entries_.size() > limits::kOriginals) {
    take_back();
    return fail(Error::invalid("write down what control files had in", path_,
                               "it has as many entries as it may have"));
  }
  lines_ += static_cast<std::size_t>(std::ranges::count(lines, '\n'));
  Status stored = append(lines);
  // What is not on disk is not known: the next note of it must write it.
  if (!stored) take_back();
  return stored;
}

Status OriginalJournal::forget(const std::vector<KnobKey>& keys) {
  if (keys.empty()) return {};
  const Locked locked(lock_.get());
  CGW_TRY(take_in());
  std::string lines;
  for (const KnobKey& key : keys) {
    const auto known = entries_.find(key);
    if (known == entries_.end()) continue;
    lines += forgotten_line(key, known->second.id);
    entries_.erase(known);
  }
  if (lines.empty()) return {};
  lines_ += keys.size();
  return append(lines);
}

Status OriginalJournal::forget_parts(const std::vector<Original>& parts) {
  CGW_TRY(refresh());
  std::map<KnobKey, Original> left;
  std::vector<KnobKey> over;
  for (const Original& part : parts) {
    const auto known = entries_.find(part.key());
    if (known == entries_.end()) continue;
    left.try_emplace(part.key(), known->second);
    Original& rest = left.at(part.key());
    if (!policy::has_devices(part.file)) {
      rest.original.clear();
    } else {
      rest.original = policy::unnamed(rest.original, part.original);
      rest.ours = policy::unnamed(rest.ours, part.original);
      rest.previous = policy::unnamed(rest.previous, part.original);
    }
  }
  std::vector<Original> kept;
  for (auto& [key, rest] : left) {
    if (policy::has_devices(rest.file) && !rest.original.empty()) {
      kept.push_back(std::move(rest));
    } else {
      over.push_back(key);
    }
  }
  CGW_TRY(note(kept));
  return forget(over);
}

bool OriginalJournal::file_is_as_remembered() const {
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0) return false;
  return status.st_ino == inode_ && status.st_size == size_ &&
         status.st_mtim.tv_sec == modified_.tv_sec && status.st_mtim.tv_nsec == modified_.tv_nsec;
}

void OriginalJournal::remember_file(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return;
  inode_ = status.st_ino;
  size_ = status.st_size;
  modified_ = status.st_mtim;
}

Status OriginalJournal::take_in() {
  if (file_is_as_remembered()) return {};
  entries_.clear();
  lines_ = 0;
  torn_ = of_boot_ = false;
  size_ = -1;
  const auto fd = open_at(AT_FDCWD, path_, O_RDONLY);
  if (!fd && fd.error().kind == ErrorKind::vanished) return {};
  if (!fd) return fail(fd.error());
  CGW_ASSIGN(const std::string text, read_all(fd->get(), path_, limits::kOriginalsBytes));
  // A half line was never followed by its write.
  const std::size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  torn_ = whole != text.size();
  Entries entries;
  for (const std::string_view line : split(std::string_view(text).substr(0, whole), '\n')) {
    if (line.empty()) continue;
    ++lines_;
    try {
      const JournalLine object = JournalLine::parse(line);
      if (lines_ > 1) {
        take_line(object, entries);
        continue;
      }
      if (object.at("version") != kJournalVersion) {
        return fail(Error::malformed("read", path_, "it is of another version of cgwarden"));
      }
      of_boot_ = object.at("boot") == boot_id_;
      if (!of_boot_) break;
    } catch (const nlohmann::json::exception& exception) {
      return fail(Error::malformed("read", path_ + ":" + std::to_string(lines_), exception.what()));
    }
  }
  entries_ = std::move(entries);
  remember_file(fd->get());
  return {};
}

Status OriginalJournal::append(const std::string& lines) {
  if (!of_boot_ || torn_ || lines_ > 2 * entries_.size() + kDeadLines) return rewrite();
  CGW_ASSIGN(const UniqueFd fd, open_at(AT_FDCWD, path_, O_WRONLY | O_APPEND));
  // No fsync(2): what ends the page cache ends the cgroups too.
  const Status written = write_all(fd.get(), lines, path_);
  if (written) {
    remember_file(fd.get());
  } else {
    size_ = -1;  // it is read again, whatever is there now
  }
  return written;
}

Status OriginalJournal::rewrite() {
  std::string text = header_line(boot_id_);
  for (const auto& [key, entry] : entries_) text += entry_line(entry);
  size_ = -1;
  CGW_TRY(write_file_atomically(path_, text, 0600));
  lines_ = entries_.size() + 1;
  torn_ = false;
  of_boot_ = true;
  CGW_ASSIGN(const UniqueFd fd, open_at(AT_FDCWD, path_, O_RDONLY));
  remember_file(fd.get());
  return {};
}

}  // namespace cgwarden::agent
