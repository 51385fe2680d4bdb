#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/clock.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/dump_writer.h"
#include "cli/exit_code.h"
#include "cli/recorded.h"
#include "cli/terminal.h"
#include "policy/match.h"

namespace cgwarden::cli {
namespace {

using diagnosis::RecordedCgroup;

constexpr Usec kDumpDefault{3600ULL * 1'000'000};

bool is_wanted(const RecordedCgroup& cgroup, const std::vector<std::string>& names) {
  return names.empty() || std::ranges::any_of(names, [&](const std::string& name) {
           return cgroup.is_called(name) ||
                  (name.starts_with('/') && policy::glob_matches(name, cgroup.path));
         });
}

Status write_all_lives(const diagnosis::Recording& recording, const diagnosis::TimeRange& range,
                       const std::vector<RecordedCgroup>& lives,
                       const std::vector<std::string>& fields, DumpWriter& writer) {
  Status written;
  const auto take = [&](const RecordedCgroup& cgroup, const diagnosis::Series& piece) {
    written = writer.add(cgroup, piece);
    return written.has_value();
  };
  CGW_TRY(writer.begin());
  if (writer.by_life()) {
    for (const RecordedCgroup& life : lives) {
      // The newest identity, so that one life is one series.
      CGW_TRY(recording.each(
          range, fields, [&](const RecordedCgroup& other) { return life.same(other); },
          [&](const RecordedCgroup&, const diagnosis::Series& piece) {
            return take(life, piece);
          }));
      if (!written) return written;
    }
  } else {
    CGW_TRY(recording.each(
        range, fields,
        [&](const RecordedCgroup& other) {
          return std::ranges::any_of(lives, [&](const auto& life) { return life.same(other); });
        },
        take));
    if (!written) return written;
  }
  return writer.end();
}

}  // namespace

int dump(const Common& common, const DumpOptions& options) {
  const auto range =
      parse_range(options.since, options.until, kDumpDefault, SystemClock().now().wall);
  auto names = parse_fields(options.fields);
  if (!range || !names) {
    complain((range ? names.error() : range.error()).sentence());
    return kUsage;
  }
  const auto recording = open_recording(common.where);
  if (!recording) return failed(recording.error());
  auto lives = recording->cgroups(*range);
  if (!lives) return failed(lives.error());
  std::erase_if(*lives, [&](const auto& life) { return !is_wanted(life, options.cgroups); });
  if (lives->empty() && !options.cgroups.empty()) {
    complain("no cgroup called '" + printable(options.cgroups.front()) +
             "' was recorded in this time; --since goes further back");
    return kNoSuchWorkload;
  }
  std::vector<cgroup::Field> fields;
  for (const cgroup::Field& field : cgroup::fields()) {
    if (names->empty() || std::ranges::find(*names, field.name) != names->end()) {
      fields.push_back(field);
    }
  }
  names->clear();
  for (const auto& field : fields) names->push_back(field.name);
  const auto writer = make_dump_writer(options.format, fields, stdout);
  Status written = write_all_lives(*recording, *range, *lives, *names, *writer);
  if (written && std::fflush(stdout) != 0) {
    written = fail(Error::from_errno(errno, "write", "the dump"));
  }
  for (const auto& fault : recording->faults()) complain(fault);
  return written ? kOk : failed(written.error());
}

}  // namespace cgwarden::cli
