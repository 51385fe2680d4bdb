#include "cli/top/verdict_book.h"

#include <sys/stat.h>

#include <algorithm>

#include "diagnosis/store.h"

namespace cgwarden::cli::top {
namespace {

// Of each name: a crash loop of an hour, some 300 bytes each.
constexpr std::size_t kKept = 100;

std::string version_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return "";
  return std::to_string(info.st_ino) + " " + std::to_string(info.st_size) + " " +
         std::to_string(info.st_mtim.tv_sec) + " " + std::to_string(info.st_mtim.tv_nsec);
}

}  // namespace

Status VerdictBook::refresh() {
  const std::string version = version_of(path_);
  if (version == version_) return {};
  const auto store = diagnosis::StoreReader::open(path_);
  if (!store) {
    if (store.error().kind == ErrorKind::vanished) return {};
    return fail(store.error());
  }
  CGW_ASSIGN(const auto names, store->workloads());
  std::map<std::string, std::vector<LastVerdict>> read;
  for (const std::string& name : names) {
    CGW_ASSIGN(const auto verdicts, store->verdicts(name, kKept));
    std::vector<LastVerdict>& list = read[name];
    for (const diagnosis::Verdict& verdict : verdicts) {
      list.push_back({std::string(to_string(verdict.verdict)),
                      std::string(to_string(verdict.confidence)), verdict.answer,
                      verdict.when.wall});
    }
  }
  by_name_ = std::move(read);
  version_ = version;
  return {};
}

void VerdictBook::set(const std::string& name, std::vector<LastVerdict> verdicts) {
  by_name_[name] = std::move(verdicts);
}

void VerdictBook::put_into(Frame& frame) const {
  for (Row& row : frame.rows) {
    const auto known = by_name_.find(store_name_of(row.identity));
    if (known == by_name_.end()) continue;
    const auto last = std::ranges::find_if(
        known->second, [&](const LastVerdict& verdict) { return verdict.when <= frame.time; });
    if (last != known->second.end()) row.verdict = *last;
  }
}

}  // namespace cgwarden::cli::top
