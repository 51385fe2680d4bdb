#include "diagnosis/rules/last_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace cgwarden::diagnosis::rules {
namespace {

using DescriptorUse = DeathEvidence::DescriptorUse;
using FilesystemRoom = DeathEvidence::FilesystemRoom;

// As strerror(3) spells them; Go writes them in small letters.
bool says(const DeathCase& death, std::string_view words) {
  const auto same = [](char left, char right) {
    return std::tolower(static_cast<unsigned char>(left)) ==
           std::tolower(static_cast<unsigned char>(right));
  };
  return !std::ranges::search(death.evidence.stderr_tail, words, same).empty();
}

// Of what it says there is nothing else to be seen.
struct Hint {
  std::string_view words;
  std::string_view text;
};
constexpr std::array kHints{
    Hint{"Too many open files in system",
         "likely fs.file-max, which is of the whole machine: its last words say \"Too many open "
         "files in system\" (ENFILE)"},
    Hint{"Cannot allocate memory",
         "likely RLIMIT_AS or vm.overcommit_memory: its last words say \"Cannot allocate memory\" "
         "(ENOMEM) and no OOM kill was counted"},
    Hint{"std::bad_alloc",
         "likely RLIMIT_AS or vm.overcommit_memory: its last words say that an allocation was "
         "refused, and no OOM kill was counted"},
    Hint{"Resource temporarily unavailable",
         "likely pids.max or RLIMIT_NPROC: its last words say \"Resource temporarily unavailable\" "
         "(EAGAIN)"}};

// The descriptor that was refused, and what the program closed to tell of it.
bool is_used_up(const DescriptorUse& use) {
  return use.open + 2 >= use.limit || use.open * 10 >= use.limit * 9;
}

void add_open_files(const DeathCase& death, Verdict& verdict) {
  constexpr std::string_view kSays =
      "its last words say \"Too many open files\" (EMFILE), which the kernel does not record";
  const auto& use = death.evidence.descriptors;
  if (!use) {
    verdict.contributing.push_back(
        fmt::format("likely RLIMIT_NOFILE: {}; nobody saw how many it had open", kSays));
    return;
  }
  const Usec ended = death.evidence.ended.boottime;
  const std::string when =
      use->at_words ? "when they came"
                    : human_duration(ended - std::min(ended, use->at.boottime)) + " before its end";
  const std::string count =
      fmt::format("{} descriptors open of {} (soft RLIMIT_NOFILE)", use->open, use->limit);
  verdict.evidence.push_back({"/proc/PID/fd", fmt::format("pid {} `{}`", use->pid, use->comm),
                              fmt::format("{}, {}", count, when)});
  const std::string seen = fmt::format("{}, pid {} `{}` had {}", when, use->pid, use->comm, count);
  if (is_used_up(*use)) {
    verdict.contributing.push_back(fmt::format("likely RLIMIT_NOFILE: {}, and {}", kSays, seen));
    verdict.advice.emplace_back(
        "Look for what it opens and does not close before RLIMIT_NOFILE is raised.");
  } else if (use->at_words) {
    verdict.contributing.push_back(
        fmt::format("likely RLIMIT_NOFILE of a process that had ended by then, or another limit "
                    "that says the same, as fs.inotify.max_user_instances does: {}, but {}, and "
                    "none that was there had a larger share",
                    kSays, seen));
  } else {
    verdict.contributing.push_back(fmt::format(
        "likely RLIMIT_NOFILE: {}; {}, and what it opened after that was not seen", kSays, seen));
  }
}

// Full for whoever has no privilege; the rest of a percent is what no file fits in.
bool is_full(const FilesystemRoom& room) {
  return room.available.value < room.size.value / 100 ||
         (room.inodes > 0 && room.inodes_available == 0);
}

std::string words_of(const FilesystemRoom& room) {
  std::string text =
      fmt::format("{} of {} available", human_bytes(room.available), human_bytes(room.size));
  if (room.inodes > 0) {
    text += fmt::format(", {} of {} inodes", room.inodes_available, room.inodes);
  }
  return text;
}

void quote_room(const FilesystemRoom& room, Verdict& verdict) {
  verdict.evidence.push_back({"statfs", room.mount, room.type + ": " + words_of(room)});
}

double share_available(const FilesystemRoom& room) {
  return static_cast<double>(room.available.value) /
         static_cast<double>(std::max<std::uint64_t>(room.size.value, 1));
}

void add_no_room(const DeathCase& death, Verdict& verdict) {
  constexpr std::string_view kSays = "its last words say \"No space left on device\" (ENOSPC)";
  const auto& all = death.evidence.filesystems;
  if (all.empty()) {
    verdict.contributing.push_back(fmt::format("likely a full disk or tmpfs: {}", kSays));
    return;
  }
  std::vector<const FilesystemRoom*> full;
  for (const auto& room : all) {
    if (is_full(room)) full.push_back(&room);
  }
  for (const auto* room : full) quote_room(*room, verdict);
  if (!full.empty()) {
    std::vector<std::string> where;
    for (const auto* room : full) {
      where.push_back(fmt::format("{} ({}) had {}", room->mount, room->type, words_of(*room)));
    }
    verdict.contributing.push_back(fmt::format("likely a full disk or tmpfs: {}, and at its end {}",
                                               kSays, fmt::join(where, ", ")));
    return;
  }
  const auto& least = *std::ranges::min_element(all, {}, share_available);
  quote_room(least, verdict);
  verdict.contributing.push_back(fmt::format(
      "perhaps a full disk or tmpfs, against which something speaks: {}, but at its end each local "
      "file system that it could write had room, the least {} ({}) with {}: what filled it was "
      "removed since, a quota was full, or it was another limit that says the same, as "
      "fs.inotify.max_user_watches does",
      kSays, least.mount, least.type, words_of(least)));
}

void add_quota(const DeathCase& death, Verdict& verdict) {
  verdict.contributing.emplace_back(
      "likely a disk quota of its user, group or project: its last words say \"Disk quota "
      "exceeded\" (EDQUOT)");
  const auto& all = death.evidence.filesystems;
  if (!all.empty()) quote_room(*std::ranges::min_element(all, {}, share_available), verdict);
}

}  // namespace

void add_last_words(const DeathCase& death, Verdict& verdict) {
  for (const auto& hint : kHints) {
    if (!says(death, hint.words)) continue;
    verdict.contributing.emplace_back(hint.text);
    return;
  }
  if (says(death, "Too many open files")) return add_open_files(death, verdict);
  if (says(death, "No space left on device")) return add_no_room(death, verdict);
  if (says(death, "Disk quota exceeded")) add_quota(death, verdict);
}

}  // namespace cgwarden::diagnosis::rules
