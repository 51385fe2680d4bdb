#include "diagnosis/store_kernel_log.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/limits.h"

namespace cgwarden::diagnosis {
namespace {

std::int64_t integer_of(Usec time) {
  return static_cast<std::int64_t>(std::min(time, kEndOfTime).count());
}

Usec usec_of(const Database::Statement& row, int column) {
  return Usec(static_cast<std::uint64_t>(row.integer(column)));
}

Status append_lines(const Database& database, std::int64_t boot,
                    const std::vector<KernelLogLine>& lines) {
  CGW_ASSIGN(auto insert,
             database.prepare("INSERT OR IGNORE INTO kmsg(boot,sequence,usec,when_boottime_usec,"
                              "when_wall_usec,priority,continuation,kill,text) "
                              "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)"));
  bool kill = false;
  for (const auto& line : lines) {
    kill = line.continuation ? kill : names_a_kill(line.text);
    insert.bind(boot)
        .bind(static_cast<std::int64_t>(line.sequence))
        .bind(integer_of(line.printk))
        .bind(integer_of(line.when.boottime))
        .bind(integer_of(line.when.wall))
        .bind(static_cast<std::int64_t>(line.priority))
        .bind(std::int64_t{line.continuation ? 1 : 0})
        .bind(std::int64_t{kill ? 1 : 0})
        .bind(line.text);
    CGW_TRY(insert.run());
  }
  return {};
}

Status append_gaps(const Database& database, std::int64_t boot,
                   const std::vector<StoredKernelLogGap>& gaps) {
  CGW_ASSIGN(auto insert,
             database.prepare("INSERT INTO kmsg_gap(boot,reason,from_boottime_usec,"
                              "to_boottime_usec,to_wall_usec,count) VALUES(?1,?2,?3,?4,?5,?6)"));
  for (const auto& stored : gaps) {
    insert.bind(boot)
        .bind(static_cast<std::int64_t>(stored.reason))
        .bind(integer_of(stored.gap.from))
        .bind(integer_of(stored.gap.to))
        .bind(integer_of(stored.wall))
        .bind(static_cast<std::int64_t>(stored.gap.count));
    CGW_TRY(insert.run());
  }
  return {};
}

Status keep_newest(const Database& database, bool kill, std::size_t most) {
  CGW_ASSIGN(auto prune,
             database.prepare("DELETE FROM kmsg WHERE kill=?1 AND (boot,sequence)<=(SELECT "
                              "boot,sequence FROM kmsg WHERE kill=?1 ORDER BY boot DESC,"
                              "sequence DESC LIMIT 1 OFFSET ?2)"));
  prune.bind(std::int64_t{kill ? 1 : 0}).bind(static_cast<std::int64_t>(most));
  return prune.run();
}

}  // namespace

bool names_a_kill(std::string_view text) {
  return text.starts_with("oom-kill:constraint=") ||
         text.starts_with("Memory cgroup out of memory: Killed process ") ||
         text.starts_with("Out of memory: Killed process ") ||
         (text.starts_with("Tasks in ") && text.ends_with("memory.oom.group set"));
}

Status append_kernel_log(const Database& database, std::int64_t boot, const StoredKernelLog& log) {
  CGW_TRY(append_lines(database, boot, log.lines));
  CGW_TRY(append_gaps(database, boot, log.gaps));
  if (!log.last_sequence) return {};
  CGW_ASSIGN(auto read, database.prepare("UPDATE boot SET kmsg_sequence=?2 WHERE number=?1"));
  read.bind(boot).bind(static_cast<std::int64_t>(*log.last_sequence));
  return read.run();
}

Status prune_kernel_log(const Database& database, Usec newest) {
  CGW_TRY(keep_newest(database, true, limits::kStoredKernelLogKills));
  CGW_TRY(keep_newest(database, false, limits::kStoredKernelLogLines));
  CGW_ASSIGN(auto gaps,
             database.prepare("DELETE FROM kmsg_gap WHERE id<=(SELECT id FROM kmsg_gap ORDER BY id "
                              "DESC LIMIT 1 OFFSET ?1)"));
  gaps.bind(static_cast<std::int64_t>(limits::kStoredKernelLogGaps));
  CGW_TRY(gaps.run());
  const Usec kept = std::chrono::seconds(limits::kStoredKernelLogSeconds);
  if (newest < kept) return {};
  for (const char* sql :
       {"DELETE FROM kmsg WHERE when_wall_usec<?1", "DELETE FROM kmsg_gap WHERE to_wall_usec<?1"}) {
    CGW_ASSIGN(auto old, database.prepare(sql));
    old.bind(integer_of(newest - kept));
    CGW_TRY(old.run());
  }
  return {};
}

Result<StoredKernelLog> read_kernel_log(const Database& database, std::int64_t boot, Usec since,
                                        Usec until) {
  StoredKernelLog log;
  CGW_ASSIGN(auto read, database.prepare("SELECT kmsg_sequence FROM boot WHERE number=?1"));
  read.bind(boot);
  CGW_ASSIGN(const bool known, read.step());
  if (known && read.integer(0) >= 0) {
    log.last_sequence = static_cast<std::uint64_t>(read.integer(0));
  }
  CGW_ASSIGN(auto lines,
             database.prepare("SELECT sequence,usec,when_boottime_usec,when_wall_usec,priority,"
                              "continuation,text FROM kmsg WHERE boot=?1 AND when_wall_usec>=?2 "
                              "AND when_wall_usec<=?3 ORDER BY sequence"));
  lines.bind(boot).bind(integer_of(since)).bind(integer_of(until));
  for (;;) {
    CGW_ASSIGN(const bool row, lines.step());
    if (!row) break;
    log.lines.push_back({.sequence = static_cast<std::uint64_t>(lines.integer(0)),
                         .printk = usec_of(lines, 1),
                         .when = {usec_of(lines, 2), usec_of(lines, 3)},
                         .priority = static_cast<unsigned>(lines.integer(4)),
                         .continuation = lines.integer(5) != 0,
                         .text = lines.text(6)});
  }
  CGW_ASSIGN(auto gaps,
             database.prepare("SELECT reason,from_boottime_usec,to_boottime_usec,count,"
                              "to_wall_usec FROM kmsg_gap WHERE boot=?1 AND to_wall_usec>=?2 AND "
                              "to_wall_usec-(to_boottime_usec-from_boottime_usec)<=?3 "
                              "ORDER BY id"));
  gaps.bind(boot).bind(integer_of(since)).bind(integer_of(until));
  for (;;) {
    CGW_ASSIGN(const bool row, gaps.step());
    if (!row) break;
    using Reason = StoredKernelLogGap::Reason;
    log.gaps.push_back(
        {.reason = gaps.integer(0) == 0 ? Reason::overwritten : Reason::dropped,
         .gap = {usec_of(gaps, 1), usec_of(gaps, 2), static_cast<std::uint64_t>(gaps.integer(3))},
         .wall = usec_of(gaps, 4)});
  }
  return log;
}

}  // namespace cgwarden::diagnosis
