#include "launcher/filesystem_room.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::launcher {
namespace {

constexpr Usec kRoomTime{500'000};
constexpr std::size_t kMountinfoBytes = 1U << 20U;
// A server that does not answer holds up who asks it.
constexpr std::array<std::string_view, 12> kLocal{"tmpfs", "overlay",  "ext2",  "ext3",
                                                  "ext4",  "xfs",      "btrfs", "f2fs",
                                                  "zfs",   "bcachefs", "vfat",  "exfat"};

std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto octal = [&](std::size_t place) {
      return at + place < text.size() && text[at + place] >= '0' && text[at + place] <= '7';
    };
    if (text[at] == '\\' && octal(1) && octal(2) && octal(3)) {
      result += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 +
                                  (text[at + 3] - '0'));
      at += 3;
    } else {
      result += text[at];
    }
  }
  return result;
}

bool is_read_only(std::string_view options) {
  return options == "ro" || options.starts_with("ro,");
}

std::optional<FilesystemRoom> room_of(const WritableMount& mount) {
  struct ::statvfs room{};
  if (::statvfs(mount.path.c_str(), &room) != 0 || room.f_blocks == 0) return std::nullopt;
  return FilesystemRoom{.mount = mount.path,
                        .type = mount.type,
                        .size = Bytes{room.f_blocks * room.f_frsize},
                        .available = Bytes{room.f_bavail * room.f_frsize},
                        .inodes = room.f_files,
                        .inodes_available = room.f_favail};
}

// One line a file system; the last member is the path.
std::string line_of(const FilesystemRoom& room) {
  std::string line = room.type;
  for (const std::uint64_t value :
       {room.size.value, room.available.value, room.inodes, room.inodes_available}) {
    line += ' ' + std::to_string(value);
  }
  return line + ' ' + printable(room.mount) + '\n';
}

std::optional<FilesystemRoom> parse_room(std::string_view line) {
  const auto word = [&] {
    const std::string_view found = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), found.size() + 1));
    return found;
  };
  FilesystemRoom room;
  room.type = word();
  std::array<std::uint64_t, 4> values{};
  for (auto& value : values) {
    const auto parsed = parse_integer<std::uint64_t>(word());
    if (!parsed) return std::nullopt;
    value = *parsed;
  }
  room.size = Bytes{values[0]};
  room.available = Bytes{values[1]};
  room.inodes = values[2];
  room.inodes_available = values[3];
  room.mount = line;
  return room.mount.empty() ? std::nullopt : std::optional(room);
}

// The namespace is descriptor 1, what is found goes to descriptor 0, and nothing else is open.
void tell_room() {
  // The mounts that are read below are those of the namespace that we are in by then.
  const auto self = open_at(AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY);
  if (!self || ::setns(1, CLONE_NEWNS) != 0) return;
  const auto mounts = read_file_at(self->get(), "mountinfo", kMountinfoBytes);
  if (!mounts) return;
  std::vector<std::pair<std::string, std::uint64_t>> told;
  for (const std::string_view line : split(*mounts, '\n')) {
    const auto mount = parse_writable_mount(line);
    if (!mount) continue;
    const auto room = room_of(*mount);
    if (!room) continue;
    // A directory with a quota of its own has another size.
    const std::pair<std::string, std::uint64_t> key(mount->device, room->size.value);
    if (std::ranges::find(told, key) != told.end()) continue;
    told.push_back(key);
    if (!write_all(0, line_of(*room), "pipe") || told.size() == limits::kFilesystemsTold) return;
  }
}

std::string read_until(int fd, Usec deadline) {
  std::string text;
  for (;;) {
    const Usec now = SystemClock().now().boottime;
    if (now >= deadline) return {};
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>((deadline - now).count() / 1000U) + 1) <= 0) continue;
    std::array<char, 4096> part{};
    const ssize_t size = ::read(fd, part.data(), part.size());
    if (size == 0) return text;
    if (size < 0 && errno != EINTR) return {};
    if (size > 0) text.append(part.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

std::optional<WritableMount> parse_writable_mount(std::string_view line) {
  // "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
  const std::size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return std::nullopt;
  const auto fields = split(line.substr(0, dash), ' ');
  const auto rest = split(line.substr(dash + 3), ' ');
  if (fields.size() < 6 || rest.size() < 3) return std::nullopt;
  if (is_read_only(fields[5]) || is_read_only(rest[2])) return std::nullopt;
  if (std::ranges::find(kLocal, rest[0]) == kLocal.end()) return std::nullopt;
  return WritableMount{
      .device = std::string(fields[2]), .path = unescaped(fields[4]), .type = std::string(rest[0])};
}

bool says_no_room(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kWords{
      "no space left on device", "disk quota exceeded", "enospc", "edquot"};
  return std::ranges::any_of(kWords, [&](std::string_view words) {
    return !std::ranges::search(text, words, [](char left, char right) {
              return std::tolower(static_cast<unsigned char>(left)) == right;
            }).empty();
  });
}

UniqueFd mount_namespace_of(pid_t pid) {
  auto theirs = open_at(AT_FDCWD, "/proc/" + std::to_string(pid) + "/ns/mnt", O_RDONLY);
  if (!theirs) return {};
  struct ::stat own{};
  struct ::stat other{};
  if (::stat("/proc/self/ns/mnt", &own) != 0 || ::fstat(theirs->get(), &other) != 0 ||
      own.st_ino == other.st_ino) {
    return {};
  }
  return std::move(*theirs);
}

std::vector<FilesystemRoom> room_in(const UniqueFd& mount_namespace) {
  std::vector<FilesystemRoom> found;
  std::array<int, 2> ends{};
  if (mount_namespace.get() < 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0) return found;
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return found;
  if (child == 0) {
    // Were it to hang, it would hold neither the shim's lock nor its pipes.
    const int kept = ::fcntl(mount_namespace.get(), F_DUPFD, 3);
    if (kept < 0 || ::dup2(theirs.get(), 0) != 0 || ::dup2(kept, 1) != 1) ::_exit(1);
    ::close_range(2, ~0U, 0);
    tell_room();
    ::_exit(0);
  }
  theirs.reset();
  const std::string text = read_until(ours.get(), SystemClock().now().boottime + kRoomTime);
  ::kill(child, SIGKILL);
  // Who waits for a disk is reaped by whoever comes after us.
  ::waitpid(child, nullptr, text.empty() ? WNOHANG : 0);
  for (const std::string_view line : split(text, '\n')) {
    if (auto room = parse_room(line)) found.push_back(*std::move(room));
  }
  return found;
}

}  // namespace cgwarden::launcher
