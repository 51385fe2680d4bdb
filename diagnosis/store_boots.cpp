#include "diagnosis/store_boots.h"

#include <utility>

#include "base/limits.h"

namespace cgwarden::diagnosis {
namespace {

Status forget_oldest_boots(const Database& database) {
  for (const char* sql :
       {"DELETE FROM kmsg WHERE boot<=(SELECT number FROM boot ORDER BY number DESC LIMIT 1 OFFSET "
        "?1)",
        "DELETE FROM kmsg_gap WHERE boot<=(SELECT number FROM boot ORDER BY number DESC LIMIT 1 "
        "OFFSET ?1)",
        "DELETE FROM running WHERE boot<=(SELECT number FROM boot ORDER BY number DESC LIMIT 1 "
        "OFFSET ?1)",
        "DELETE FROM boot WHERE number<=(SELECT number FROM boot ORDER BY number DESC LIMIT 1 "
        "OFFSET ?1)"}) {
    CGW_ASSIGN(auto statement, database.prepare(sql));
    statement.bind(static_cast<std::int64_t>(limits::kStoredBoots));
    CGW_TRY(statement.run());
  }
  return {};
}

// Those whose end is not in the store: it may have been put there after the list.
Result<std::vector<RunningWorkload>> running_of(const Database& database, std::int64_t boot) {
  CGW_ASSIGN(auto rows, database.prepare("SELECT workload,incarnation,main_pid,from_boottime_usec,"
                                         "from_wall_usec FROM running WHERE boot=?1 AND "
                                         "NOT EXISTS(SELECT 1 FROM verdict WHERE "
                                         "verdict.workload=running.workload AND "
                                         "verdict.incarnation=running.incarnation AND death=1 AND "
                                         "when_wall_usec>=running.from_wall_usec) "
                                         "ORDER BY workload"));
  rows.bind(boot);
  std::vector<RunningWorkload> running;
  for (;;) {
    CGW_ASSIGN(const bool row, rows.step());
    if (!row) return running;
    running.push_back({.workload = rows.text(0),
                       .incarnation = static_cast<unsigned>(rows.integer(1)),
                       .main_pid = static_cast<pid_t>(rows.integer(2)),
                       .from = {Usec(static_cast<std::uint64_t>(rows.integer(3))),
                                Usec(static_cast<std::uint64_t>(rows.integer(4)))}});
  }
}

}  // namespace

Result<std::int64_t> put_boot(const Database& database, const std::string& boot_id, Usec wall) {
  {
    CGW_ASSIGN(auto insert,
               database.prepare("INSERT INTO boot(boot_id,seen_wall_usec,stopped,kmsg_sequence) "
                                "VALUES(?1,?2,0,-1) ON CONFLICT(boot_id) DO UPDATE SET "
                                "seen_wall_usec=excluded.seen_wall_usec, stopped=0"));
    insert.bind(boot_id).bind(static_cast<std::int64_t>(wall.count()));
    CGW_TRY(insert.run());
  }
  CGW_TRY(forget_oldest_boots(database));
  CGW_ASSIGN(auto number, database.prepare("SELECT number FROM boot WHERE boot_id=?1"));
  number.bind(boot_id);
  CGW_ASSIGN(const bool row, number.step());
  if (!row) return fail(Error::malformed("read", "the store", "the boot just written is missing"));
  return number.integer(0);
}

Result<std::vector<EarlierBoot>> read_unfinished_boots(const Database& database,
                                                       std::int64_t boot) {
  CGW_ASSIGN(auto rows, database.prepare("SELECT number,boot_id,seen_wall_usec,stopped FROM boot "
                                         "WHERE number<>?1 ORDER BY number"));
  rows.bind(boot);
  std::vector<EarlierBoot> boots;
  for (;;) {
    CGW_ASSIGN(const bool row, rows.step());
    if (!row) return boots;
    CGW_ASSIGN(auto running, running_of(database, rows.integer(0)));
    if (running.empty()) continue;
    boots.push_back({.boot_id = rows.text(1),
                     .seen = Usec(static_cast<std::uint64_t>(rows.integer(2))),
                     .stopped = rows.integer(3) != 0,
                     .running = std::move(running)});
  }
}

Status remove_running_of_others(const Database& database, std::int64_t boot) {
  CGW_ASSIGN(auto remove, database.prepare("DELETE FROM running WHERE boot<>?1"));
  remove.bind(boot);
  return remove.run();
}

Status replace_running(const Database& database, std::int64_t boot,
                       std::span<const RunningWorkload> running, Usec wall, bool stopped) {
  CGW_ASSIGN(auto sign,
             database.prepare("UPDATE boot SET seen_wall_usec=?2, stopped=?3 WHERE number=?1"));
  sign.bind(boot).bind(static_cast<std::int64_t>(wall.count())).bind(std::int64_t{stopped ? 1 : 0});
  CGW_TRY(sign.run());
  CGW_ASSIGN(auto remove, database.prepare("DELETE FROM running WHERE boot=?1"));
  remove.bind(boot);
  CGW_TRY(remove.run());
  CGW_ASSIGN(auto insert,
             database.prepare("INSERT INTO running(workload,boot,incarnation,main_pid,"
                              "from_boottime_usec,from_wall_usec) VALUES(?1,?2,?3,?4,?5,?6)"));
  for (const auto& one : running) {
    insert.bind(one.workload)
        .bind(boot)
        .bind(static_cast<std::int64_t>(one.incarnation))
        .bind(static_cast<std::int64_t>(one.main_pid))
        .bind(static_cast<std::int64_t>(one.from.boottime.count()))
        .bind(static_cast<std::int64_t>(one.from.wall.count()));
    CGW_TRY(insert.run());
  }
  return {};
}

}  // namespace cgwarden::diagnosis
